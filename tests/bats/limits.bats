#!/usr/bin/env bats
# The flags of update that update.bats leaves: each by what the program feels of
# it, where this kernel has it, on cgroup v1 or in the guest.

load helpers

load=$repo/build/tests/load

setup() {
	oci_setup
	[[ -x $load ]] || make -C "$repo" -s test-tools >&2
	cp "$load" "$bundle/rootfs/bin/load"
	mkfifo "$bundle/rootfs/tmp/go"
}
teardown() { oci_teardown; }

v2() { [[ -e /sys/fs/cgroup/cgroup.controllers ]]; }

# start [ID]
start() { bh run -d --bundle "$bundle" "${1-$id}" </dev/null >"$work/out" 2>&1; }

# cgroup_of ID V1-CONTROLLER: the folder of its cgroup.
cgroup_of() {
	if v2; then
		cgroups_of "$1"
	else
		cgroups_of "$1" | grep "/$2/"
	fi
}

usage() { bh state "$1" | jq .stats.cpu.usage_ns; }

@test "update --cpu-idle 1: a busy neighbour takes the CPU, with 0 it shares again" {
	not_runc "older ones have no such flag"
	in_sh 'while :; do :; done'
	configure '.linux.resources.cpu.cpus = "0"'
	bh run -d --bundle "$bundle" "$id-a" </dev/null >/dev/null 2>&1
	bh run -d --bundle "$bundle" "$id-b" </dev/null >/dev/null 2>&1
	local a b
	# share: the percentage of what both get that is a's.
	share() {
		a=$(usage "$id-a") b=$(usage "$id-b")
		sleep 2
		a=$(($(usage "$id-a") - a)) b=$(($(usage "$id-b") - b))
		echo $((100 * a / (a + b)))
	}
	bh update --cpu-idle 1 "$id-a"
	(($(share) < 10))
	bh update --cpu-idle 0 "$id-a"
	bh update --cpu-share 1024 "$id-a"
	shares() { (($(share) > 30)); }
	wait_until shares # older kernels let the other catch up first
	bh delete --force "$id-a"
	bh delete --force "$id-b"
}

@test "update --cpu-burst: time that was not used is spent later, and counted" {
	not_runc "older ones have no such flag"
	# 40 ms in 200, of which the pieces of 60 ms take more.
	configure '.linux.resources.cpu = {quota: 40000, period: 200000}'
	in_sh 'while :; do load sleep 450 work 60 >/dev/null; done'
	start
	local stat
	stat=$(cgroup_of "$id" cpu)/cpu.stat
	sleep 1.5
	grep -q '^nr_bursts 0$' "$stat"
	bh update --cpu-burst 40000 "$id"
	wait_until grep -q '^nr_bursts [1-9]' "$stat"
	fails "*former limits are in force*" bh update --cpu-burst 50000000 "$id" # more than the quota
}

@test "update --cpu-rt-runtime, --cpu-rt-period: realtime scheduling, on cgroup v1" {
	if v2; then
		not_runc "passes over them"
		start
		fails "cannot update container \"$id\": cgroup v2 has no limit for cpu.realtimePeriod, cpu.realtimeRuntime" \
			bh update --cpu-rt-runtime 10000 --cpu-rt-period 500000 "$id"
		return
	fi
	[[ -e /sys/fs/cgroup/cpu/cpu.rt_runtime_us ]] || skip "kernel without RT_GROUP_SCHED"
	configure '.process.capabilities |= map_values(. + ["CAP_SYS_NICE"])'
	in_sh 'load realtime; read go </tmp/go; load realtime; sleep 1000'
	start
	wait_until grep -q '^realtime EPERM$' "$work/out"
	bh update --cpu-rt-period 500000 --cpu-rt-runtime 10000 "$id"
	[[ $(cat "$(cgroup_of "$id" cpu)/cpu.rt_period_us") == 500000 ]]
	[[ $(cat "$(cgroup_of "$id" cpu)/cpu.rt_runtime_us") == 10000 ]]
	echo >"$bundle/rootfs/tmp/go"
	wait_until grep -q '^realtime ok$' "$work/out"
	fails "*former limits are in force*" bh update --cpu-rt-runtime 600000 "$id" # more than the period
}

@test "update --cpuset-mems" {
	in_sh 'while :; do busybox grep Mems_allowed_list /proc/self/status; sleep 0.1; done'
	start
	bh update --cpuset-mems 0 "$id"
	[[ $(cat "$(cgroup_of "$id" cpuset)/cpuset.mems") == 0 ]]
	wait_until grep -q 'Mems_allowed_list:[[:space:]]*0$' "$work/out"
	run ! bh update --cpuset-mems 63 "$id"
	[[ $(cat "$(cgroup_of "$id" cpuset)/cpuset.mems") == 0 ]]
}

@test "update --memory-swap: what is over the memory limit is swapped out, or killed" {
	(($(wc -l </proc/swaps) > 1)) || skip "no swap on this host"
	configure '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	in_sh 'load alloc 60 || echo killed; read go </tmp/go; load alloc 60 && echo carried; sleep 1000'
	start
	wait_until grep -q killed "$work/out"
	bh update --memory-swap 134217728 "$id" # together with memory's 32 MiB
	echo >"$bundle/rootfs/tmp/go"
	wait_until grep -q carried "$work/out"
	v2 || return 0
	[[ $(cat "$(cgroup_of "$id")/memory.swap.max") == $((96 << 20)) ]]
	bh update --memory-swap -1 "$id"
	[[ $(cat "$(cgroup_of "$id")/memory.swap.max") == max ]]
}

@test "update --memory-reservation protects from a neighbour's reclaim" {
	if ! v2; then # there it is a soft limit, felt when the host runs out
		start
		bh update --memory-reservation 20M "$id"
		[[ $(cat "$(cgroup_of "$id" memory)/memory.soft_limit_in_bytes") == $((20 << 20)) ]]
		return
	fi
	(($(wc -l </proc/swaps) > 1)) || skip "nothing is reclaimed without swap"
	local parent=/sys/fs/cgroup/bats-$id
	# swapped SIZE BYTES: MiB of the first that its neighbour drove out, with that reservation.
	swapped() {
		configure '.linux.cgroupsPath = $path' --arg path "/bats-$id/$id-a"
		program load alloc 64 sleep 1000000
		start "$id-a"
		wait_until grep -q alloc "$work/out"
		bh update --memory-reservation 1M "$id-a"
		bh update --memory-reservation "$1" "$id-a"
		echo 128M >"$parent/memory.max"
		[[ $(cat "$parent/$id-a/memory.low") == "$2" ]] || return 1
		echo "$1" >"$parent/memory.low" # it counts within what is above
		configure '.linux.cgroupsPath = $path' --arg path "/bats-$id/$id-b"
		program load alloc 180 touch
		bh run --bundle "$bundle" "$id-b" </dev/null || return 1
		echo $(($(cat "$parent/$id-a/memory.swap.current") >> 20))
		bh delete --force "$id-a"
	}
	local without with
	without=$(swapped 0 0)
	with=$(swapped 80M $((80 << 20)))
	without=${without##*$'\n'} with=${with##*$'\n'}
	echo "MiB of 64 swapped out: $without without, $with with it"
	((without >= 10 && with <= 2))
}

@test "update --blkio-weight reaches the kernel, out of range it is refused" {
	local file
	if v2; then
		modprobe bfq 2>/dev/null || true
		file=$(start && cgroup_of "$id")/io.bfq.weight
	else
		file=$(start && cgroup_of "$id" blkio)/blkio.bfq.weight
	fi
	[[ -e $file ]] || skip "kernel without bfq"
	bh update --blkio-weight 300 "$id"
	[[ $(<"$file") == *300 ]]
	run ! bh update --blkio-weight 5000 "$id"
	[[ $(<"$file") == *300 ]]
	run ! bh update --blkio-weight heavy "$id"
}

@test "update --l3-cache-schema, --mem-bw-schema where the processor has not got them" {
	not_runc "says it in other words"
	! grep -qs resctrl /proc/filesystems || skip "it has"
	start
	fails "cannot update container \"$id\": l3 cache schema \"L3:0=f\": the host has no Intel RDT cache allocation" \
		bh update --l3-cache-schema L3:0=f "$id"
	fails "cannot update container \"$id\": memory bandwidth schema \"MB:0=20\": the host has no Intel RDT memory bandwidth allocation" \
		bh update --mem-bw-schema MB:0=20 "$id"
}

@test "update --kernel-memory, --kernel-memory-tcp are passed over, as the kernel does" {
	start
	run -0 --separate-stderr bh update --kernel-memory 50M --kernel-memory-tcp 50M --pids-limit 30 "$id"
	[[ $(cat "$(cgroup_of "$id" pids)/pids.max") == 30 ]]
	not_runc "is silent about one of them"
	[[ ${stderr_lines[0]} == "warning: --kernel-memory is passed over"* && ${stderr_lines[1]} == "warning: --kernel-memory-tcp is "* ]]
}

@test "limits of config.json that cgroup v2 has not got are a warning" {
	v2 || skip "cgroup v1 has them"
	not_runc "says nothing"
	configure '.linux.resources += {cpu: {realtimeRuntime: 10000}, memory: {swappiness: 10, disableOOMKiller: true}}'
	bh create -b "$bundle" "$id" </dev/null >/dev/null 2>"$work/warning"
	[[ $(<"$work/warning") == "warning: config.json: linux.resources: cgroup v2 has no limit for cpu.realtimeRuntime, memory.swappiness, memory.disableOOMKiller" ]]
}
