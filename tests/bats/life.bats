#!/usr/bin/env bats
# bats file_tags=beside
# The life of a container: create, start, state, kill, delete, run, list.

load helpers

setup() { oci_setup; }
teardown() { oci_teardown; }

@test "a container is created, started, killed and deleted" {
	bh create --bundle "$bundle" "$id"
	is_status "$id" created
	[[ $(ps -o comm= -p "$(bh state "$id" | jq .pid)") == *init* || $(ps -o comm= -p "$(bh state "$id" | jq .pid)") == runc* ]]
	bh start "$id"
	is_status "$id" running
	[[ $(tr '\0' ' ' <"/proc/$(bh state "$id" | jq .pid)/cmdline") == "sleep 1000 " ]]
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	[[ $(bh state "$id" | jq .pid) == 0 ]]
	bh delete "$id"
	nothing_left "$id"
	run ! bh state "$id"
}

@test "the program does not run before start" {
	in_sh 'touch /tmp/ran; exec sleep 1000'
	bh create -b "$bundle" "$id"
	sleep 0.3
	[[ ! -e $bundle/rootfs/tmp/ran ]]
	bh start "$id"
	wait_until test -e "$bundle/rootfs/tmp/ran"
	bh delete --force "$id"
}

@test "state prints runc's JSON, key by key" {
	configure '.annotations = {"org.example.a": "1=2"}'
	bh create -b "$bundle" "$id"
	run -0 bh state "$id"
	[[ $(jq -c 'del(.stats) | keys_unsorted' <<<"$output") == '["ociVersion","id","pid","status","bundle","rootfs","created","annotations","owner"]' ]]
	[[ $(jq -r .bundle <<<"$output") == "$bundle" ]]
	[[ $(jq -r .rootfs <<<"$output") == "$bundle/rootfs" ]]
	[[ $(jq -r '.annotations["org.example.a"]' <<<"$output") == "1=2" ]]
	[[ -d /proc/$(jq .pid <<<"$output") ]]
	[[ $(jq -r .created <<<"$output") == "$(date -u +%Y-%m-%dT)"* ]]
	bh state "$id" | tail -c 1 | grep -q '}' # no newline, as runc
	bh delete "$id"
}

@test "state and list are character by character what runc prints" {
	not_runc "it would be compared with itself"
	# Both read the other's state: the format is libcontainer's.
	bh create -b "$bundle" "$id"
	bh start "$id"
	diff <(bh state "$id" | jq 'del(.stats, .ociVersion)') <(runc --root "$root" state "$id" | jq 'del(.ociVersion)')
	diff <(bh list) <(runc --root "$root" list)
	diff <(bh list -q) <(runc --root "$root" list -q)
	diff <(bh list --format json | jq 'del(.[].ociVersion)') <(runc --root "$root" list --format json | jq 'del(.[].ociVersion)')
	bh kill "$id" KILL
	wait_until is_status "$id" stopped # and has no statistics any more
	diff <(bh state "$id" | sed 's/"ociVersion": "[^"]*"//') <(runc --root "$root" state "$id" | sed 's/"ociVersion": "[^"]*"//')
	bh delete --force "$id"
	diff <(bh list) <(runc --root "$root" list)
	diff <(bh list -f json) <(runc --root "$root" list -f json)
}

@test "list shows containers sorted, and no other format" {
	bh create -b "$bundle" "$id-b"
	bh create -b "$bundle" "$id-a"
	[[ $(bh list -q) == "$id-a"$'\n'"$id-b" ]]
	[[ $(bh list --quiet --format json) == "$id-a"$'\n'"$id-b" ]]
	run -0 bh list
	[[ ${lines[0]} == ID*PID*STATUS*BUNDLE*CREATED*OWNER* ]]
	[[ ${lines[1]} == "$id-a "*created*"$bundle"*root* ]]
	run -0 bh list -f json
	[[ $(jq -r '.[].status' <<<"$output") == created$'\n'created ]]
	[[ $(jq -r '.[0].owner' <<<"$output") == root ]]
	run -1 bh list --format yaml
	bh delete "$id-a"
	bh delete "$id-b"
}

@test "list: an empty default state folder is an empty list, a missing --root is an error" {
	not_runc "some of its versions take a missing folder for an empty one"
	fails "cannot list containers: open $root: no such file or directory" bh list
	mkdir "$root"
	[[ $(bh list -f json) == null ]]
	[[ -z $(bh list -q) ]]
}

@test "list passes over files and names what it cannot read" {
	mkdir -p "$root/broken"
	touch "$root/file"
	echo '{' >"$root/broken/state.json"
	run -0 --separate-stderr bh list -q
	[[ -z $output && $stderr == *broken* ]]
	rm -r "$root"
}

@test "run returns the program's exit code and leaves nothing" {
	in_sh 'echo out; echo err >&2; exit 42'
	run -42 --separate-stderr bh run --bundle "$bundle" "$id"
	[[ $output == out && $stderr == *err ]]
	nothing_left "$id"
}

@test "run returns 128 + n for a program that died by signal n" {
	# In a pid namespace of its own the first process is immune to its own
	# signals; the shell's child is not.
	configure '.linux.namespaces |= map(select(.type != "pid"))'
	in_sh 'kill -SEGV $$'
	run -139 bh run -b "$bundle" "$id"
	nothing_left "$id"
}

@test "run passes standard input on, to its end" {
	program cat
	[[ $(printf 'a\nb' | bh run -b "$bundle" "$id") == a$'\n'b ]]
	head -c 3000000 /dev/urandom >"$work/in"
	bh run -b "$bundle" "$id" <"$work/in" >"$work/out"
	cmp "$work/in" "$work/out"
}

@test "run hands all output on before it returns" {
	in_sh 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done'
	[[ $(bh run -b "$bundle" "$id" | wc -l) == 20000 ]]
	# Less than two pipes hold, so the program ends long before it is read.
	in_sh 'busybox head -c 100000 /dev/zero'
	[[ $(bh run -b "$bundle" "$id" | { sleep 0.5 && wc -c; }) == 100000 ]]
}

@test "run without a bundle takes the working directory" {
	program echo here
	cd "$bundle"
	[[ $(bh run "$id") == here ]]
}

@test "run --keep leaves a stopped container" {
	program false
	run -1 bh run --keep -b "$bundle" "$id"
	is_status "$id" stopped
	bh delete "$id"
	nothing_left "$id"
}

@test "run --detach returns while the program runs, with the caller's streams" {
	in_sh 'echo started; exec sleep 1000'
	bh run --detach --pid-file "$work/pid" -b "$bundle" "$id" </dev/null >"$work/out" 2>&1
	wait_until grep -q started "$work/out"
	is_status "$id" running
	[[ $(cat "$work/pid") == $(bh state "$id" | jq .pid) ]]
	bh delete --force "$id"
	nothing_left "$id"
}

@test "run --no-subreaper still reaps its own" {
	in_sh 'exit 7'
	run -7 bh run --no-subreaper -b "$bundle" "$id"
	nothing_left "$id"
}

@test "run adopts and reaps what a container leaves behind" {
	configure '.linux.namespaces |= map(select(.type != "pid"))'
	# The subshell ends at once, and its child is an orphan, which ends while
	# run still watches.
	in_sh '(sleep 0.1 & echo $! >/tmp/orphan); sleep 0.5; test -d /proc/$(cat /tmp/orphan) || echo reaped'
	[[ $(bh run -b "$bundle" "$id") == reaped ]]
	nothing_left "$id"
}

@test "--pid-file is the bare number, before the program runs" {
	bh create --pid-file "$work/pid" -b "$bundle" "$id"
	[[ $(<"$work/pid") == $(bh state "$id" | jq .pid) ]]
	[[ $(wc -c <"$work/pid") == "$(printf %s "$(<"$work/pid")" | wc -c)" ]]
	[[ $(find "$work" -maxdepth 1 -name '*pid*') == "$work/pid" ]]
	bh delete "$id"
	# A relative path is the caller's, not the bundle's.
	cd "$work"
	bh create --pid-file rel.pid -b bundle "$id"
	[[ -s $work/rel.pid && ! -e $bundle/rel.pid ]]
	bh delete "$id"
}

@test "--preserve-fds hands descriptors on, after those of LISTEN_FDS" {
	in_sh 'cat <&3; cat <&4; readlink /proc/self/fd/5 || echo none'
	echo three >"$work/3"
	echo four >"$work/4"
	run -0 bash -c '"$0" --root "$1" run --preserve-fds 2 -b "$2" "$3" 3<"$4/3" 4<"$4/4"' "$BLACKHOLE" "$root" "$bundle" "$id" "$work"
	[[ ${lines[0]} == three && ${lines[1]} == four ]]
	in_sh 'echo $LISTEN_FDS $LISTEN_PID; cat <&3; cat <&4'
	run -0 bash -c 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" --root "$1" run --preserve-fds 1 -b "$2" "$3" 3<"$4/3" 4<"$4/4"' "$BLACKHOLE" "$root" "$bundle" "$id" "$work"
	[[ ${lines[0]} == "1 1" && ${lines[1]} == three && ${lines[2]} == four ]]
	in_sh 'cat <&3; cat <&4'
	bash -c '"$0" --root "$1" create --preserve-fds 2 -b "$2" "$3" 3<"$4/3" 4<"$4/4"' "$BLACKHOLE" "$root" "$bundle" "$id" "$work" </dev/null >"$work/out" 2>&1
	bh start "$id"
	wait_until grep -q four "$work/out"
	[[ $(<"$work/out") == three$'\n'four ]]
	bh delete --force "$id"
}

@test "without --preserve-fds no descriptor reaches the container" {
	in_sh 'ls /proc/self/fd'
	echo secret >"$work/3"
	run -0 bash -c '"$0" --root "$1" run -b "$2" "$3" 7<"$4/3"' "$BLACKHOLE" "$root" "$bundle" "$id" "$work"
	[[ $output != *7* ]]
}

@test "--no-pivot and --no-new-keyring run a container" {
	in_sh 'cat /etc/mark'
	echo mark >"$bundle/rootfs/etc/mark"
	[[ $(bh run --no-pivot -b "$bundle" "$id") == mark ]]
	[[ $(bh run --no-new-keyring -b "$bundle" "$id") == mark ]]
	bh create --no-pivot -b "$bundle" "$id"
	[[ $(jq -c '.config | [.no_pivot_root, .no_new_keyring | . == true]' "$root/$id/state.json") == "[true,false]" ]]
	bh delete "$id"
	bh create --no-new-keyring -b "$bundle" "$id"
	[[ $(jq -c '.config | [.no_pivot_root, .no_new_keyring | . == true]' "$root/$id/state.json") == "[false,true]" ]]
	bh delete --force "$id"
}

@test "--pidfd-socket sends a pidfd of the first process" {
	"$BLACKHOLE" create --help | grep -q pidfd-socket || skip "peer: this runc has no --pidfd-socket"
	"$(tool recvtty)" -pidfd "$work/sock" >"$work/pidfd" 3>&- &
	background+=("$!")
	wait_until test -S "$work/sock"
	bh create --pidfd-socket "$work/sock" -b "$bundle" "$id"
	wait_until test -s "$work/pidfd"
	[[ $(<"$work/pidfd") == $(bh state "$id" | jq .pid) ]]
	bh delete "$id"
	: >"$work/pidfd"
	rm -f "$work/sock"
	"$(tool recvtty)" -pidfd "$work/sock" >"$work/pidfd" 3>&- &
	background+=("$!")
	wait_until test -S "$work/sock"
	bh run -d --pidfd-socket "$work/sock" -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	wait_until test -s "$work/pidfd"
	[[ $(<"$work/pidfd") == $(bh state "$id" | jq .pid) ]]
	bh delete --force "$id"
	run ! --separate-stderr bh create --pidfd-socket "$work/none" -b "$bundle" "$id"
	[[ $stderr == *"$work/none"* ]]
	nothing_left "$id"
}

@test "flags may follow the id" {
	bh create "$id" --bundle "$bundle"
	bh start "$id"
	bh kill "$id" KILL --all
	wait_until is_status "$id" stopped
	bh delete "$id" --force
	program echo "$id"
	[[ $(bh run "$id" -b "$bundle") == "$id" ]]
	[[ $(bh list --format=json -q) == "" ]]
}

@test "hooks run in the bundle, with the state on stdin, in order" {
	configure '.hooks = {
		createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "(pwd; cat) > createRuntime"]}],
		poststop: [{path: "/bin/sh", args: ["sh", "-c", $poststop]}]}' \
		--arg poststop "cat > $work/poststop; [ ! -e $root/$id ] && touch $work/gone"
	bh create -b "$bundle" "$id"
	[[ $(head -n 1 "$bundle/createRuntime") == "$bundle" ]]
	[[ $(tail -n 1 "$bundle/createRuntime" | jq -r '.id + " " + .status + " " + .bundle') == "$id creating $bundle" ]]
	[[ $(tail -n 1 "$bundle/createRuntime" | jq .pid) == $(bh state "$id" | jq .pid) ]]
	[[ ! -e $work/poststop ]]
	bh delete "$id"
	[[ $(jq -r '.id + " " + .status + " " + .bundle' "$work/poststop") == "$id stopped $bundle" ]]
	[[ -e $work/gone ]]
}

@test "a failing poststop hook is a warning, and those after it run" {
	not_runc "its delete fails and the other hooks do not run"
	configure '.hooks = {poststop: [{path: "/bin/false"}, {path: "/bin/sh", args: ["sh", "-c", $second]}]}' --arg second "touch $work/second"
	bh create -b "$bundle" "$id"
	run -0 --separate-stderr bh delete "$id"
	[[ $stderr == "warning: cannot run poststop hook #0 /bin/false of container \"$id\": exit status 1"* ]]
	[[ -e $work/second ]]
	nothing_left "$id"
}

@test "a container in cgroupsPath's cgroup, and empty parents go with it" {
	configure '.linux.cgroupsPath = $path' --arg path "/bats-$id/sub/$id"
	bh create -b "$bundle" "$id"
	grep -q "/bats-$id/sub/$id\$" "/proc/$(bh state "$id" | jq .pid)/cgroup"
	bh delete "$id"
	if [[ $("$BLACKHOLE" --version) == blackhole* ]]; then
		[[ -z $(cgroups_of "bats-$id") ]]
	fi
	find /sys/fs/cgroup -depth -type d -path "*/bats-$id*" -exec rmdir {} +
}

@test "limits are in force when the program runs" {
	configure '.linux.resources.memory.limit = 33554432 | .linux.resources.pids.limit = 20'
	bh create -b "$bundle" "$id"
	local pid path
	pid=$(bh state "$id" | jq .pid)
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		path=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
		[[ $(<"$path/memory.max") == 33554432 && $(<"$path/pids.max") == 20 ]]
	else
		[[ $(cat "$(cgroups_of "$id" | grep /memory/)/memory.limit_in_bytes") == 33554432 ]]
		[[ $(cat "$(cgroups_of "$id" | grep /pids/)/pids.max") == 20 ]]
	fi
	bh delete "$id"
}

@test "a program that outlives the first process of a shared pid namespace is killed" {
	configure '.linux.namespaces |= map(select(.type != "pid"))'
	in_sh 'sleep 1234 >/dev/null 2>&1 & exit 0' # who holds the streams keeps run waiting
	run -0 bh run --keep -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	is_status "$id" stopped
	bh delete "$id"
	nothing_left "$id"
}

@test "READY=1 of the container reaches the service manager" {
	"$(tool notify)" -listen "$work/notify" >"$work/notified" 3>&- &
	background+=("$!")
	background+=($!)
	wait_until test -S "$work/notify"
	cp "$(tool notify)" "$bundle/rootfs/bin/notify"
	program notify -send READY=1
	NOTIFY_SOCKET=$work/notify bh run -b "$bundle" "$id"
	wait_until grep -q ^READY=1 "$work/notified"
	wait_until grep -q ^MAINPID= "$work/notified"
	wait_until grep -qx BARRIER=1 "$work/notified"
	nothing_left "$id"
}

@test "start tells the service manager of READY=1, and of the container's process" {
	"$(tool notify)" -listen "$work/notify" >"$work/notified" 3>&- &
	background+=("$!")
	wait_until test -S "$work/notify"
	cp "$(tool notify)" "$bundle/rootfs/bin/notify"
	in_sh 'notify -send READY=1; sleep 1000; :'
	NOTIFY_SOCKET=$work/notify bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	NOTIFY_SOCKET=$work/notify bh start "$id"
	wait_until grep -qx READY=1 "$work/notified"
	wait_until grep -qx "MAINPID=$(bh state "$id" | jq .pid)" "$work/notified"
	wait_until grep -qx BARRIER=1 "$work/notified"
	bh delete --force "$id"
	nothing_left "$id"
}
