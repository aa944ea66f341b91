#!/usr/bin/env bats
# bats file_tags=beside
# events and features.

load helpers

setup() { oci_setup; }
teardown() { oci_teardown; }

running() {
	bh create -b "$bundle" "$id"
	bh start "$id"
}

# count TYPE: events of a type that were printed so far.
count() { jq -s --arg type "$1" 'map(select(.type == $type)) | length' "$work/events"; }

# at_least TYPE N
at_least() { (($(count "$1") >= $2)); }

@test "events --stats prints one line of runc's JSON" {
	configure '.linux.resources.memory = {limit: 33554432} | .linux.resources.pids = {limit: 17}'
	running
	alone() { (($(bh events --stats "$id" | jq '.data.pids.current') == 1)); }
	wait_until alone # until it is the program, the first process has threads
	run -0 bh events --stats "$id"
	((${#lines[@]} == 1))
	[[ $(jq -r '.type + " " + .id' <<<"$output") == "stats $id" ]]
	[[ $(jq -c '.data | [.pids.limit, .memory.usage.limit]' <<<"$output") == "[17,33554432]" ]]
	(($(jq '.data.pids.current' <<<"$output") == 1))
	(($(jq '.data.memory.usage.usage' <<<"$output") > 0))
	(($(jq '.data.cpu.usage.total' <<<"$output") > 0))
}

# Zeroes apart: newer ones of runc leave empty parts out.
@test "the statistics have every key that runc's have" {
	not_runc "compares itself"
	running
	keys() { jq -c '[.data | paths(scalars | select(. != 0)) | map(select(type == "string"))] | unique' <<<"$1"; }
	local mine theirs
	mine=$(bh events --stats "$id")
	# Debian's runc reads the same state; it knows fewer keys.
	theirs=$(runc --root "$root" events --stats "$id")
	[[ $(jq -c . <<<"$theirs") == '{"type":"stats"'* ]]
	[[ $(jq -nc --argjson mine "$(keys "$mine")" --argjson theirs "$(keys "$theirs")" '$theirs - $mine') == "[]" ]]
}

@test "events --interval prints statistics again and again, and ends with the container" {
	running
	bh events --interval 100ms "$id" >"$work/events" 2>"$work/stderr" &
	local pid=$!
	wait_until at_least stats 3
	bh delete --force "$id"
	wait "$pid"
	[[ $(count oom) == 0 ]]
}

@test "one oom event for each kill" {
	in_sh 'read go </tmp/go; for i in 1 2 3; do busybox tail /dev/zero; done; read go </tmp/go'
	mkfifo "$bundle/rootfs/tmp/go"
	configure '.linux.resources.memory = {limit: 16777216, swap: 16777216}'
	running
	bh events --interval 1h "$id" >"$work/events" 3>&- &
	local pid=$!
	sleep 0.5
	echo >"$bundle/rootfs/tmp/go"
	not_runc "repeats and omits events"
	wait_until at_least oom 3
	sleep 1.5 # time for events that should not be
	[[ $(count oom) == 3 ]]
	[[ $(jq -c . "$work/events" | sort -u) == "{\"type\":\"oom\",\"id\":\"$id\"}" ]]
	echo >"$bundle/rootfs/tmp/go"
	bh delete --force "$id"
	wait "$pid"
	[[ $(count oom) == 3 ]]
}

@test "an oom kill that ends the container is not lost" {
	not_runc "loses it at times"
	in_sh 'read go </tmp/go; exec busybox tail /dev/zero'
	mkfifo "$bundle/rootfs/tmp/go"
	configure '.linux.resources.memory = {limit: 16777216, swap: 16777216}'
	running
	bh events --interval 1h "$id" >"$work/events" 3>&- &
	local pid=$!
	sleep 0.5
	echo >"$bundle/rootfs/tmp/go"
	wait_until is_status "$id" stopped
	bh delete "$id"
	wait "$pid"
	[[ $(count oom) == 1 ]]
}

@test "events of what is not there or has stopped, or at no interval" {
	run ! --separate-stderr bh events "$id"
	[[ $stderr == *"does not exist"* ]]
	running
	run ! bh events --interval 0s "$id"
	run ! bh events --interval soon "$id"
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	run ! --separate-stderr bh events --stats "$id"
	run ! --separate-stderr bh events "$id"
	[[ $stderr == *"not running"* ]]
}

@test "one line says why there are no events" {
	not_runc "says it in other words"
	running
	fails "cannot show the events of container \"$id\": interval 0s is not above 0" bh events --interval 0s "$id"
	fails "blackhole events: takes one argument, not none*" bh events
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	fails "cannot show the events of container \"$id\": container not running: it has stopped" bh events "$id"
}

@test "features is JSON in the specification's form" {
	run -0 bh features
	[[ $(jq -r .ociVersionMin <<<"$output") == 1.0.0 ]]
	jq -e '.linux.namespaces | index("user")' <<<"$output"
	jq -e '.hooks | length == 6' <<<"$output"
	jq -e '.linux.seccomp.actions | index("SCMP_ACT_NOTIFY")' <<<"$output"
	jq -e '.mountOptions | index("rbind") and index("rro")' <<<"$output"
	[[ $(jq -r '.annotations["org.opencontainers.runc.checkpoint.enabled"]' <<<"$output") == true ]]
	run ! bh features argument
	not_runc "is older"
	jq -e '.linux.namespaces | index("time")' <<<"$(bh features)"
}
