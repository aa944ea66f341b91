#!/usr/bin/env bats
# pause and resume.

load helpers

setup() {
	oci_setup
	in_sh 'while :; do echo x >>/tmp/log; sleep 0.02; done'
}
teardown() { oci_teardown; }

size() { stat -c %s "$bundle/rootfs/tmp/log" 2>/dev/null || echo 0; }

grown() { (($(size) > $1)); }

@test "a paused container does nothing, a resumed one goes on" {
	bh create -b "$bundle" "$id"
	bh start "$id"
	wait_until grown 2
	bh pause "$id"
	is_status "$id" paused
	[[ $(bh list --format json | jq -r '.[0].status') == paused ]]
	local before
	before=$(size)
	sleep 0.4
	(($(size) == before))
	run ! --separate-stderr bh pause "$id"
	[[ $stderr == *"container not running"* ]] # the peers' words, which engines know
	is_status "$id" paused
	bh resume "$id"
	is_status "$id" running
	wait_until grown "$before"
}

@test "a created container can be paused, and started once it is resumed" {
	bh create -b "$bundle" "$id"
	bh pause "$id"
	is_status "$id" paused
	run ! bh start "$id"
	bh resume "$id"
	bh start "$id"
	wait_until grown 2
}

@test "a paused container is killed and deleted" {
	bh create -b "$bundle" "$id"
	bh start "$id"
	bh pause "$id"
	run ! bh delete "$id"
	bh delete --force "$id"
	nothing_left "$id"
}

@test "pause and resume of what cannot be" {
	run ! --separate-stderr bh pause "$id"
	[[ $stderr == *"does not exist"* ]]
	run ! --separate-stderr bh resume "$id"
	[[ $stderr == *"does not exist"* ]]
	bh create -b "$bundle" "$id"
	bh start "$id"
	run ! --separate-stderr bh resume "$id"
	[[ $stderr == *"container not paused"* ]]
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	run ! --separate-stderr bh pause "$id"
	[[ $stderr == *"container not running"* ]]
	run ! --separate-stderr bh resume "$id"
	[[ $stderr == *"container not paused"* ]]
}

@test "one line says why not" {
	not_runc "says it in other words"
	fails "cannot pause container \"$id\": container does not exist" bh pause "$id"
	fails "cannot resume container \"$id\": container does not exist" bh resume "$id"
	fails "blackhole pause: takes one argument, not none*" bh pause
	fails "blackhole resume: takes one argument, not 2 (a b)*" bh resume a b
}

# What pause leaves when it is killed at the wrong moment: an execve(2) that waits
# for a frozen thread cannot be frozen itself.
@test "a freezer that stays half way keeps nobody waiting" {
	[[ -e /sys/fs/cgroup/cgroup.controllers ]] && skip "cgroup v2's freezer has no state between"
	local pid thread dir
	bh create -b "$bundle" "$id"
	pid=$(bh state "$id" | jq .pid)
	dir=/sys/fs/cgroup/freezer$(sed -n 's/^[0-9]*:freezer://p' "/proc/$pid/cgroup")
	thread=$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 ! -name "$pid" -printf "%f\n" -quit)
	mkdir "$dir/one"
	echo "$thread" >"$dir/one/tasks"
	echo FROZEN >"$dir/one/freezer.state"
	bh start "$id"
	wait_until in_state "$pid" D
	echo FROZEN >"$dir/freezer.state"
	[[ $(<"$dir/freezer.state") == FREEZING ]]
	run -0 timeout 20 "$BLACKHOLE" --root "$root" state "$id"
	[[ $(jq -r .status <<<"$output") == running ]]
	[[ $(<"$dir/freezer.state") == THAWED ]]
	echo THAWED >"$dir/one/freezer.state"
	wait_until grown 2
	bh delete --force "$id"
	nothing_left "$id"
}

in_state() { [[ $(sed 's/.*) //' "/proc/$1/stat") == "$2 "* ]]; }
