#!/usr/bin/env bats
# bats file_tags=beside
# What a killed command left, delete removes by the id alone.

load helpers

setup() {
	oci_setup
	not_runc "it keeps no record of what it is about to make"
}
teardown() { oci_teardown; }

# killed_create MILLISECONDS: a creation that is killed after that time.
killed_create() {
	"$BLACKHOLE" --root "$root" create -b "$bundle" "$id" </dev/null >/dev/null 2>&1 3>&- &
	local pid=$!
	sleep "0.$(printf %03d "$1")"
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
}

@test "delete --force after kill -9 of create, at any point" {
	local i
	for ((i = 0; i < ${KILLS:-60}; i++)); do
		killed_create $((RANDOM % 60))
		bh delete --force "$id"
		nothing_left "$id"
	done
}

@test "delete without --force removes what is left, and says that there is no container" {
	hang createRuntime
	fails '*container does not exist*' bh delete "$id"
	nothing_left "$id"
	fails '*container does not exist*' bh delete "$id"
}

@test "gc removes what is half made, and neither what runs nor what has stopped" {
	bh run -d -b "$bundle" "$id-runs" </dev/null >/dev/null 2>&1
	bh create -b "$bundle" "$id-stopped" </dev/null >/dev/null 2>&1
	bh kill "$id-stopped" KILL
	wait_until is_status "$id-stopped" stopped
	hang createRuntime
	run -0 bh gc --dry-run
	[[ $output == *"container $id, half made"* ]]
	[[ -d $root/$id ]]
	run -0 bh gc
	[[ $output == *"container $id, half made"* && $output != *"$id-"* ]]
	[[ ! -e $root/$id && ! -e $root/@$id.json && -z $(cgroups_of "$id") ]]
	is_status "$id-runs" running
	is_status "$id-stopped" stopped
	bh delete "$id-stopped"
	bh delete --force "$id-runs"
}

# hang KIND [VARIABLE]: a creation that is killed while a hook of that kind runs.
hang() {
	marker=$((100000 + $$)) # seconds, by which the hook is found in any pid namespace
	configure '.hooks = {($kind): [{path: "/bin/sh", args: ["sh", "-c", $hook], env: (if $env == "" then null else [$env] end)}],
		poststop: [{path: "/bin/sh", args: ["sh", "-c", $poststop]}]}' --arg kind "$1" --arg env "${2-}" \
		--arg hook "touch $work/hook; exec sleep $marker" --arg poststop "cat >$work/poststop"
	"$BLACKHOLE" --root "$root" create -b "$bundle" "$id" </dev/null >/dev/null 2>&1 3>&- &
	creator=$!
	wait_until test -e "$work/hook"
	wait_until pgrep -f "^sleep $marker\$" >/dev/null
	mapfile -t background < <(pgrep -f "^sleep $marker\$")
	kill -KILL "$creator"
	wait "$creator" || true
}

@test "a creation killed during a createRuntime hook: its poststop hooks run at delete" {
	hang createRuntime
	[[ -d $root/$id && ! -e $root/$id/state.json ]]
	[[ -n $(cgroups_of "$id") ]]
	bh delete --force "$id"
	nothing_left "$id"
	[[ $(jq -r '.id + " " + .status + " " + .bundle' "$work/poststop") == "$id stopped $bundle" ]]
}

@test "a creation killed during a createContainer hook: the hook dies with the container" {
	hang createContainer # it runs in the container's namespaces and cgroups
	bh delete --force "$id"
	run ! pgrep -f "^sleep $marker\$"
	nothing_left "$id"
	[[ -s $work/poststop ]]
}

@test "a creation killed during a hook outside the container: delete and gc end the hook" {
	local kind
	for kind in prestart createRuntime; do
		hang "$kind"
		pgrep -f "^sleep $marker\$" # it outlives its creator
		bh delete --force "$id"
		run ! pgrep -f "^sleep $marker\$"
		nothing_left "$id"
		rm "$work/hook"
	done
	hang createRuntime A=1
	bh gc
	run ! pgrep -f "^sleep $marker\$"
	nothing_left "$id"
}

@test "a start killed during a poststart hook leaves a container like any other" {
	configure '.hooks = {poststart: [{path: "/bin/sh", args: ["sh", "-c", "touch \($work)/hook; exec sleep 1000"]}],
		poststop: [{path: "/bin/sh", args: ["sh", "-c", "cat >\($work)/poststop"]}]}' --arg work "$work"
	bh create -b "$bundle" "$id"
	"$BLACKHOLE" --root "$root" start "$id" </dev/null >/dev/null 2>&1 3>&- &
	local starter=$!
	wait_until test -e "$work/hook"
	mapfile -t background < <(pgrep -P "$starter")
	kill -KILL "$starter"
	wait "$starter" || true
	is_status "$id" running
	bh delete --force "$id"
	nothing_left "$id"
	[[ -s $work/poststop ]]
}

@test "the id of a half-created container is taken until it is deleted" {
	hang createRuntime
	fails '*already exists*' bh create -b "$bundle" "$id"
	bh delete --force "$id"
	configure 'del(.hooks)'
	bh create -b "$bundle" "$id"
	bh delete "$id"
}

@test "list names a half-created container on stderr" {
	hang createRuntime
	run -0 --separate-stderr bh list -q
	[[ -z $output && $stderr == *"\"$id\""*"does not exist"* ]]
	bh delete --force "$id"
}

@test "delete waits for a creation, and list passes over it" {
	configure '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", $hook]}]}' --arg hook "touch $work/hook; sleep 1"
	"$BLACKHOLE" --root "$root" create -b "$bundle" "$id" </dev/null 3>&- &
	creator=$!
	wait_until test -e "$work/hook"
	run -0 --separate-stderr bh list
	[[ -z $stderr && ${#lines[@]} == 1 ]]
	fails '*already exists*' bh create -b "$bundle" "$id"
	bh delete --force "$id"
	wait "$creator" # it was whole before it was deleted
	nothing_left "$id"
}

@test "of two creations of one id at the same time one wins" {
	local i
	for ((i = 0; i < 10; i++)); do
		for n in 1 2 3; do
			{ bh create -b "$bundle" "$id" </dev/null >/dev/null 2>"$work/err$n" && echo "$n" >>"$work/won"; } &
		done
		wait
		[[ $(wc -l <"$work/won") == 1 ]]
		[[ $(cat "$work"/err? | grep -c 'already exists$') == 2 ]]
		is_status "$id" created
		bh delete "$id"
		nothing_left "$id"
		rm "$work/won"
	done
}

@test "of several deletions at the same time one wins, forced ones all succeed" {
	bh create -b "$bundle" "$id"
	for n in 1 2 3 4; do bh delete "$id" 2>"$work/err$n" & done
	wait
	[[ $(cat "$work"/err? | grep -c 'does not exist$') == 3 ]]
	nothing_left "$id"
	bh create -b "$bundle" "$id"
	local pids=()
	for n in 1 2 3 4; do
		bh delete --force "$id" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	nothing_left "$id"
}

@test "delete that is killed is finished by another" {
	configure '.hooks = {poststop: [{path: "/bin/sh", args: ["sh", "-c", $hook]}]}' --arg hook "echo \$\$ >>$work/poststop; [ -e $work/again ] || exec sleep 1000"
	bh create -b "$bundle" "$id"
	"$BLACKHOLE" --root "$root" delete "$id" 3>&- &
	deleter=$!
	wait_until test -s "$work/poststop"
	background+=("$(<"$work/poststop")")
	kill -KILL "$deleter"
	wait "$deleter" || true
	[[ ! -e $root/$id && -e $root/@$id.json ]]
	touch "$work/again"
	bh delete --force "$id"
	[[ $(wc -l <"$work/poststop") == 2 ]]
	nothing_left "$id"
}

@test "a process that joined the cgroup from outside: delete refuses, delete --force kills it" {
	configure '.hooks = {poststop: [{path: "/bin/sh", args: ["sh", "-c", $hook]}]}' --arg hook "touch $work/poststop"
	bh create -b "$bundle" "$id"
	bh start "$id"
	sleep 1000 3>&- &
	joined=$!
	background+=("$joined")
	local dir
	for dir in $(cgroups_of "$id" | grep -v /cpuset/); do
		mkdir "$dir/below"
		echo "$joined" >"$dir/below/cgroup.procs"
	done
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	fails "*cannot delete container \"$id\": *unable to remove container's cgroup*" bh delete "$id"
	is_status "$id" stopped
	[[ ! -e $work/poststop ]]
	bh delete --force "$id"
	[[ -e $work/poststop ]]
	run ! kill -0 "$joined"
	nothing_left "$id"
}

@test "a paused container is deleted by force" {
	bh create -b "$bundle" "$id"
	bh start "$id"
	local dir
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		dir=$(cgroups_of "$id")
		echo 1 >"$dir/cgroup.freeze"
	else
		dir=$(cgroups_of "$id" | grep /freezer/)
		echo FROZEN >"$dir/freezer.state"
	fi
	wait_until is_status "$id" paused
	fails '*container is paused*' bh delete "$id"
	bh delete --force "$id"
	nothing_left "$id"
}

@test "a state.json that cannot be read is deleted by force" {
	bh create -b "$bundle" "$id"
	bh start "$id"
	echo '{' >"$root/$id/state.json"
	run -1 bh delete "$id"
	bh delete --force "$id"
	nothing_left "$id"
}

@test "a folder that is not a container's is not deleted" {
	mkdir -p "$root/$id/documents"
	fails "*$root/$id is not a container's folder: it contains \"documents\"" bh delete --force "$id"
	fails "*$root/$id is not a container's folder: it contains \"documents\"" bh delete "$id"
	[[ -d $root/$id/documents ]]
	rm -r "$root"
}

@test "a container of runc's is deleted with its hooks" {
	configure '.hooks = {poststop: [{path: "/bin/sh", args: ["sh", "-c", $hook]}]}' --arg hook "touch $work/poststop"
	mkdir "$root"
	runc --root "$root" create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	bh delete "$id"
	[[ -e $work/poststop ]]
	nothing_left "$id"
}

@test "the services' common cgroup goes with the last of them" {
	local parent=/blackhole-$id/blackhole
	configure '.linux.cgroupsPath = $path' --arg path "$parent/$id-a"
	bh create -b "$bundle" "$id-a"
	configure '.linux.cgroupsPath = $path' --arg path "$parent/$id-b"
	bh create -b "$bundle" "$id-b"
	bh delete "$id-a"
	is_status "$id-b" created
	[[ -n $(cgroups_of "blackhole-$id") ]]
	bh delete "$id-b"
	[[ -z $(cgroups_of "blackhole-$id") ]]
}

@test "cgroups above a container's go with the last container below them, whoever made them" {
	local parent=/bats-$id/sub name
	for name in a b c; do
		configure '.linux.cgroupsPath = $path' --arg path "$parent/$id-$name"
		bh create -b "$bundle" "$id-$name"
	done
	bh delete "$id-a" # which they were made for
	bh delete "$id-b"
	is_status "$id-c" created
	[[ -n $(cgroups_of "bats-$id") ]]
	bh delete "$id-c"
	[[ -z $(cgroups_of "bats-$id") ]]
}

@test "containers of one cgroup parent come and go at the same time" {
	configure '.process.args = ["true"]'
	local n pids=()
	for n in 1 2 3 4; do
		cp "$bundle/config.json" "$work/config.$n"
		make_bundle "$work/b$n" true
		jq '.linux.cgroupsPath = $path' --arg path "/bats-$id/blackhole/$id-$n" <"$work/config.$n" >"$work/b$n/config.json"
	done
	for n in 1 2 3 4; do
		{ for ((i = 0; i < 8; i++)); do bh run -b "$work/b$n" "$id-$n" </dev/null || exit 1; done; } &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	[[ -z $(cgroups_of "bats-$id") ]]
}
