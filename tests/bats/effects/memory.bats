#!/usr/bin/env bats
# Memory: what happens to a service at each of its limits.
# shellcheck disable=SC2154

load common

# keeps [NAME]: runs the bundle to its end, and leaves the container and its cgroup.
keeps() {
	bundled || return 1
	status=0
	bh run --keep --bundle "$work/$name" "$name" </dev/null >"$out" 2>&1 || status=$?
	cat "$out"
}

@test "over memory.limit: killed, exit code 137, oom_kill counted" {
	service '{memory: {limit: 64M, swap: 0}}' alloc 40 alloc 80
	keeps
	((status == 137))
	[[ -n $(said alloc) && $(grep -c '^alloc' "$out") == 1 ]] # the first was well under the limit
	measured "memory.limit 64M: exit code after touching 120M" "$status" 137
	if v2; then
		between 1 "$(event oom_kill)" 1 "memory.limit 64M: oom_kill in memory.events"
	else
		between 1 "$(awk '$1 == "oom_kill" { print $2 }' "$(cgroup memory)/memory.oom_control")" 1 "memory.limit 64M: oom_kill in memory.oom_control"
	fi
}

@test "under memory.limit: not killed" {
	service '{memory: {limit: 64M}}' alloc 56 touch
	runs
	((status == 0))
}

@test "over memory.soft: slowed and reclaimed, not killed, high counted" {
	need_v2
	service '{memory: {limit: 256M}}' alloc 96
	runs
	fast=$(said alloc)
	service '{memory: {limit: 256M, soft: 32M}}' alloc 96 cat /sys/fs/cgroup/memory.current
	keeps
	((status == 0))
	slow=$(said alloc)
	between 10 "$(event high)" 1000000 "memory.soft 32M: high in memory.events, after touching 96M"
	between 0 "$(event oom_kill)" 0 "memory.soft 32M: oom_kill in memory.events"
	between 0 "$(($(said /sys/fs/cgroup/memory.current) >> 20))" 34 "memory.soft 32M: MiB held after touching 96M"
	between 2 "$(ratio "$slow" "$fast")" 100000 "memory.soft 32M: times slower to touch 96M"
}

@test "memory.soft without swap to reclaim to: slowed, not killed" {
	need_v2
	service '{memory: {limit: 256M, soft: 32M, swap: 0}}' alloc 34
	keeps
	((status == 0))
	between 1 "$(event high)" 1000000 "memory.soft 32M, swap 0: high in memory.events, after touching 34M"
	between 0 "$(event oom_kill)" 0 "memory.soft 32M, swap 0: oom_kill in memory.events"
	between 33 "$(($(cat "$(cgroup memory)/memory.peak") >> 20))" 40 "memory.soft 32M, swap 0: MiB at the peak"
}

@test "memory.swap: 0 kills where 64M carries" {
	need_v2
	service '{memory: {limit: 64M, swap: 0}}' alloc 96
	keeps
	((status == 137))
	[[ $(cat "$(cgroup memory)/memory.swap.max") == 0 ]]
	measured "memory.limit 64M, swap 0: exit code after touching 96M" "$status" 137
	bh delete "$name"
	service '{memory: {limit: 64M, swap: 64M}}' alloc 96 cat /sys/fs/cgroup/memory.swap.current
	keeps
	((status == 0))
	[[ $(cat "$(cgroup memory)/memory.swap.max") == 67108864 ]]
	between 30 "$(($(said /sys/fs/cgroup/memory.swap.current) >> 20))" 64 "memory.limit 64M, swap 64M: MiB swapped out after touching 96M"
	bh delete "$name"
	service '{memory: {limit: 64M, swap: 64M}}' alloc 160
	keeps
	((status == 137))
	measured "memory.limit 64M, swap 64M: exit code after touching 160M" "$status" 137
}

@test "memory.swap unset: nothing is written" {
	need_v2
	service '{memory: {limit: 64M}}' cat /sys/fs/cgroup/memory.swap.max alloc 160
	runs
	((status == 0))
	has "/sys/fs/cgroup/memory.swap.max max"
	measured "memory.swap unset: memory.swap.max" "$(said /sys/fs/cgroup/memory.swap.max)" max
}

@test "memory.swap without memory.limit" {
	need_v2
	service '{memory: {swap: 32M}}' cat /sys/fs/cgroup/memory.swap.max cat /sys/fs/cgroup/memory.max
	runs
	has "/sys/fs/cgroup/memory.swap.max 33554432" "/sys/fs/cgroup/memory.max max"
}

# neighbours LOW: a service of 64 MiB beside one that wants more than there is.
# Both are in a cgroup that may have 128 MiB. Prints how much of the first one was
# swapped out.
neighbours() {
	local outer=/sys/fs/cgroup/$name-outer
	mkdir "$outer"
	hand_down "$outer" +memory +cpuset +cpu +io +pids
	echo 128M >"$outer/memory.max"
	above=$name-outer/blackhole
	config <<-YAML
		resource_isolation:
		  cgroup: {root_path: $outer}
		services:
		  $name: {executable: $load, args: [alloc, "64", wait, $work/data/go], resources: {memory: {$1}}, filesystem: {read_only: [$work/data]}, network: {mode: none}}
		  $name-greedy: {executable: $load, args: [alloc, "180", touch], network: {mode: none}}
	YAML
	mkdir -p "$work/data"
	rm -f "$work/data/go"
	starts
	wait_until grep -q alloc "$work/$name.out"
	runs "$name-greedy" >&2
	[[ $status == 0 ]] || return 1
	cat "$(cgroup memory)/memory.swap.current"
	low=$(cat "/sys/fs/cgroup/$above/memory.low")
	touch "$work/data/go"
	wait "${background[-1]}"
	[[ ! -e /sys/fs/cgroup/$above/memory.low ]]
	rmdir "$outer" 2>/dev/null || true # it goes with the last service
}

@test "memory.low protects from a neighbour's reclaim" {
	need_v2
	neighbours "limit: 100M" >"$work/without"
	neighbours "limit: 100M, low: 80M" >"$work/with"
	((low == 80 << 20)) # of the services together
	between 12 "$(($(<"$work/without") >> 20))" 64 "no memory.low: MiB of 64 swapped out by a greedy neighbour"
	between 0 "$(($(<"$work/with") >> 20))" 2 "memory.low 80M: MiB of 64 swapped out by a greedy neighbour"
}

@test "memory.oom_group kills every process of the service" {
	need_v2
	local script="'$load' child alloc 96; echo survived"
	for group in false true; do
		config <<-YAML
			services:
			  $name:
			    executable: /bin/sh
			    args: [-c, "$script"]
			    filesystem: {read_only: [$load]}
			    resources: {memory: {limit: 48M, swap: 0, oom_group: $group}}
			    network: {mode: none}
		YAML
		keeps
		if [[ $group == true ]]; then
			((status == 137))
			run ! grep -E 'survived|child' "$out"
			between 1 "$(event oom_group_kill)" 1 "memory.oom_group: oom_group_kill in memory.events"
		else
			((status == 0))
			has "child 137" survived
			[[ $(event oom_group_kill) == 0 ]]
		fi
		bh delete "$name"
	done
}

@test "v1: memory.swap counts together with memory.limit, memory.soft is the soft limit" {
	need_v1
	service '{memory: {limit: 64M, soft: 32M}}' sleep 4000
	starts
	wait_until running
	[[ $(cat "$(cgroup memory)/memory.limit_in_bytes") == 67108864 ]]
	local soft
	soft=$(cat "$(cgroup memory)/memory.soft_limit_in_bytes")
	((soft == 33554432))
	wait "${background[@]}"
	measured "memory.soft 32M: memory.soft_limit_in_bytes" "$soft" 33554432
}
