#!/usr/bin/env bats
# bats file_tags=beside
# What the previous build made, this one operates, and the other way round. The
# previous one is of commit PREVIOUS, see tests/previous.
# shellcheck disable=SC2154,SC2016

load helpers
load supervisor

setup() {
	not_runc "it is of one build"
	local reason
	previous=$("$repo/tests/previous" 2>"$BATS_TEST_TMPDIR/reason") || {
		reason=$(tail -n 1 "$BATS_TEST_TMPDIR/reason")
		skip "$reason"
	}
	new=$BLACKHOLE
	oci_setup
	up_names
	# One path, as on a host: hooks name it, and what runs keeps the old file.
	export BLACKHOLE=$work/blackhole
	use "$previous"
}
teardown() {
	[[ -n ${root-} ]] || return 0
	use "$new"
	[[ ! -d $root/@supervisor ]] || {
		cat "$logdir/supervisor.out" 2>/dev/null || true
		bhs down
		rm -rf "$root/@supervisor"
	}
	oci_teardown
}

# up_names is up_setup without its folders.
up_names() {
	config=$work/blackhole.yaml
	pre=t$$x$BATS_TEST_NUMBER
	logdir=$root/@supervisor/log
}

# use BINARY: takes the place of the one before, with what it becomes.
use() {
	local with
	for with in -services ""; do
		[[ -x $1$with ]] || continue # builds of one program
		cp "$1$with" "$work/blackhole.new" && mv "$work/blackhole.new" "$work/blackhole$with"
	done
}

# made: containers running, paused, created and stopped, by the build in use.
made() {
	configure '.hooks = {poststart: [{path: "/bin/sh", args: ["sh", "-c", "cat >>'"$work"'/started"]}], poststop: [{path: "/bin/sh", args: ["sh", "-c", "cat >>'"$work"'/stopped"]}]}
		| .linux.resources.memory.limit = 67108864 | .annotations = {a: "b"}'
	for name in running paused created stopped; do
		bh create -b "$bundle" "$id-$name" </dev/null >/dev/null 2>&1
	done
	for name in running paused stopped; do bh start "$id-$name"; done
	bh pause "$id-paused"
	bh kill "$id-stopped" KILL
	wait_until is_status "$id-stopped" stopped
}

# operated: all that there is to do with them, by the build in use.
operated() {
	local name
	for name in running paused created stopped; do
		[[ $(bh state "$id-$name" | jq -r '"\(.id) \(.status) \(.bundle) \(.annotations.a)"') == "$id-$name $name $bundle b" ]]
	done
	[[ $(bh list --format json | jq length) == 4 ]]
	bh exec "$id-running" sh -c 'echo out; exit 0' | grep -qx out
	[[ $(bh ps --format json "$id-running") == "[$(bh state "$id-running" | jq .pid)]" ]]
	bh update --pids-limit 77 --memory 33554432 "$id-running"
	bh events --stats "$id-running" | jq -e '.data.pids.limit == 77 and .data.memory.usage.limit == 33554432'
	bh state "$id-running" | jq -e '.stats.pids.limit == 77'
	bh pause "$id-running"
	is_status "$id-running" paused
	bh resume "$id-running"
	bh resume "$id-paused"
	bh start "$id-created"
	grep -q "$id-created" "$work/started"
	bh exec "$id-created" true
	bh kill "$id-running" KILL
	wait_until is_status "$id-running" stopped
	bh delete "$id-running"
	bh delete "$id-stopped"
	bh delete --force "$id-paused"
	bh delete --force "$id-created"
	for name in running paused created stopped; do
		nothing_left "$id-$name"
		grep -q "$id-$name" "$work/stopped"
	done
}

@test "containers of the previous build are operated and removed by this one" {
	made
	use "$new"
	operated
}

@test "containers of this build are operated and removed by the previous one" {
	use "$new"
	made
	use "$previous"
	operated
}

@test "what a killed creation of the previous build left, delete --force and gc of this one remove" {
	configure '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", $hook]}], poststop: [{path: "/bin/sh", args: ["sh", "-c", "cat >>'"$work"'/stopped"]}]}' \
		--arg hook "echo x >>$work/hook; exec sleep 1000"
	local name creator
	for name in a b; do
		rm -f "$work/hook"
		"$BLACKHOLE" --root "$root" create -b "$bundle" "$id-$name" </dev/null >/dev/null 2>&1 3>&- &
		creator=$!
		wait_until test -e "$work/hook"
		kill -KILL "$creator"
		wait "$creator" || true
	done
	use "$new"
	bh delete --force "$id-a"
	nothing_left_but_b
	bh gc | grep -q "container $id-b, half made"
	nothing_left "$id-b"
	[[ $(grep -o "\"id\":\"$id-.\"" "$work/stopped" | sort -u | wc -l) == 2 ]]
}

nothing_left_but_b() { [[ ! -e $root/$id-a && ! -e $root/@$id-a.json && -z $(cgroups_of "$id-a") ]]; }

@test "a container of an older libcontainer, Debian's runc, is operated and removed" {
	use "$new"
	runc --root "$root" run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1 3>&-
	is_status "$id" running
	bh exec "$id" true
	bh update --pids-limit 77 "$id"
	[[ $(bh state "$id" | jq .stats.pids.limit) == 77 ]]
	bh pause "$id"
	bh resume "$id"
	bh events --stats "$id" | jq -e '.data.pids.limit == 77'
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	bh delete "$id"
	nothing_left "$id"
}

# on_a_host SCRIPT: with set -e in network and mount namespaces of its own.
on_a_host() {
	unshare -n -m --propagation private bash -euo pipefail -c "
		mount -t tmpfs tmpfs /run
		ip link set lo up
		$(declare -f use up bhs bh service supervisor_pid is_state shaping not)
		$1" 3>&-
}

# not COMMAND…: "!" alone does not end a script with set -e.
not() {
	if "$@"; then
		echo "succeeds: $*"
		return 1
	fi
}

# shaping: the rates that are in force.
shaping() { tc qdisc | sed -n 's/^qdisc tbf 1: dev \S* .* rate \(\S*\) .*/\1/p' | sort | xargs; }

@test "a supervisor of the previous build is followed by this one: no restart, no line lost, the network kept" {
	write_config <<-'Y'
		resource_isolation:
		  defaults: {memory: {limit: 64M}}
		  network: {bridge: upgrade0, subnet: 10.97.0.0/16, masquerade: false}
		services:
		  @a:
		    executable: /bin/sh
		    args: [-c, "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.01; done"]
		    resources: {network: {bandwidth: {ingress_rate: 10mbit, egress_rate: 5mbit}}}
		    stop: {timeout: 0s}
		    logs: {max_size: 1K, max_files: 1000}
		  @b: {executable: /bin/sleep, args: ["1000"], network: {mode: none}, stop: {timeout: 0s}}
		  @d: {executable: /bin/sleep, args: ["1000"], network: {mode: none}, stop: {timeout: 0s}}
	Y
	export work root config pre logdir new previous
	on_a_host '
		up
		a=$(service a .pid) b=$(service b .pid) shaped=$(shaping)
		[[ $(wc -w <<<"$shaped") == 2 ]]
		address=$(nsenter -t "$a" -n ip -4 -br addr show eth0)
		old=$(supervisor_pid)
		use "$new"
		# The old one goes on, with clients of the new build and the new program on disk.
		bhs restart "${pre}b"
		[[ $(supervisor_pid) == "$old" && $(service a .pid) == "$a" && $(service b .pid) != "$b" ]]
		b=$(service b .pid)
		bhs down "${pre}d"
		kill -QUIT "$old"
		while kill -0 "$old" 2>/dev/null; do sleep 0.05; done
		bhs status | grep -q "no supervisor runs" || [[ ${PIPESTATUS[0]} == 3 ]]
		up || true # 1: d stays as it was left
		[[ $(supervisor_pid) != "$old" ]]
		[[ $(service a ".pid, .restarts" | xargs) == "$a 0" && $(service b ".pid" | xargs) == "$b" ]]
		is_state d stopped
		[[ $(shaping) == "$shaped" && $(nsenter -t "$a" -n ip -4 -br addr show eth0) == "$address" ]]
		not grep warning "$logdir/events.jsonl"
		# What the old one set, the new one changes in place.
		sed -i "s/ingress_rate: 10mbit/ingress_rate: 20mbit/; s/limit: 64M/limit: 96M/" "$config"
		bhs apply -c "$config"
		[[ $(service a .pid) == "$a" && $(service a .stats.memory.limit) == 100663296 ]]
		[[ $(shaping) != "$shaped" ]]
		bhs down "${pre}a"
		bhs logs "${pre}a" >"$work/lines"
		[[ $(wc -l <"$work/lines") -gt 50 ]]
		awk "\$0 != \"line \" NR - 1 { print \"at \" NR \": \" \$0; exit 1 }" "$work/lines"
		bhs down
		bhs gc
		[[ -z $(ip -br link show type bridge) && ! -e /run/blackhole-network && -z $(ls /run/netns 2>/dev/null) ]]'
}

@test "files of a newer build are refused with both versions, and stay" {
	use "$new"
	local message="its version is 7, and this one reads up to 1"
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	up
	a=$(service a .pid)
	kill -QUIT "$(supervisor_pid)"
	wait_until ended "$(supervisor_pid)"
	saved=$root/@supervisor/state.json
	cp "$saved" "$work/saved.json"
	jq -c '.version = 7 | .services = ["of another type"]' "$work/saved.json" >"$saved"
	cp "$saved" "$work/newer.json"
	fails "*cannot read $saved: it was written by a newer blackhole: $message" up
	fails "*$message" bhs status
	fails "*$message" bhs down
	cmp "$saved" "$work/newer.json"
	kill -0 "$a"
	# A damaged one is told, and what runs is found all the same.
	echo '{"version":1' >"$saved"
	up
	[[ $(service a .pid) == "$a" ]]
	grep -q "warning: cannot read $saved: " "$logdir/events.jsonl"
	kill -QUIT "$(supervisor_pid)"
	wait_until ended "$(supervisor_pid)"
	# The record of usage: no more is recorded, and nothing of it is lost.
	usage=$logdir/usage/current.json
	mkdir -p "${usage%/*}"
	echo '{"version":7,"hours":[]}' >"$usage"
	up
	grep -q "warning: cannot read $usage: it was written by a newer blackhole: $message" "$logdir/events.jsonl"
	bhs down
	[[ $(cat "$usage") == '{"version":7,"hours":[]}' ]]
	# The address book: a hook and gc change nothing.
	unshare -n -m --propagation private bash -euo pipefail -c '
		mount -t tmpfs tmpfs /run
		mkdir /run/blackhole-network
		echo "{\"version\":7,\"containers\":[]}" | tee /run/blackhole-network/book.json >"$1/book"
		for do in "hook poststop" "--root $1/none gc"; do
			if "$1/blackhole" $do <<<"{\"id\":\"x\"}" 2>"$1/err" >&2; then exit 1; fi
			grep -q "cannot read /run/blackhole-network/book.json: it was written by a newer blackhole: $2" "$1/err"
		done
		cmp /run/blackhole-network/book.json "$1/book"' - "$work" "$message" 3>&-
}

@test "containers of both builds on one bridge reach each other, and what the older one leaves of it gc removes" {
	export work new previous
	on_a_host '
		told() { # ID PID
			echo "{\"ociVersion\":\"1.0.2\",\"id\":\"$1\",\"pid\":$2,\"status\":\"creating\",\"bundle\":\"$work/bundle\",\"annotations\":{\"io.blackhole.network.mode\":\"isolated\",
				\"io.blackhole.network.bridge\":\"upgrade0\",\"io.blackhole.network.subnet\":\"10.97.0.0/16\"}}"
		}
		unshare -n sleep 1000 & a=$!
		unshare -n sleep 1000 & b=$!
		trap "kill $a $b" EXIT
		for pid in $a $b; do
			while [[ $(readlink "/proc/$pid/exe") != */sleep ]]; do sleep 0.01; done
		done
		told a $a | "$previous" hook createRuntime
		told b $b | "$new" hook createRuntime
		for to in 10.97.0.1 $(nsenter -t $b -n ip -br addr show eth0 | grep -oE "10\.97[0-9.]*|fd[0-9a-f:]*"); do
			nsenter -t $a -n ping -qc 1 -W 5 "$to" >/dev/null
		done
		# The older build does not know the rules for the frames on the bridge: they stay.
		told a $a | "$previous" hook poststop
		told b $b | "$previous" hook poststop
		[[ $(nft list tables) == "table bridge io.blackhole.upgrade0" ]]
		told a $a | "$previous" hook createRuntime
		nsenter -t $a -n ping -qc 1 -W 5 10.97.0.1 >/dev/null
		told a $a | "$previous" hook poststop
		"$new" --root "$work/none" gc
		[[ -z $(nft list tables) && -z $(ip -br link show type bridge) ]]'
}
