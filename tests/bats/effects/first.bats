#!/usr/bin/env bats
# All limits are in force at the program's first instruction: it does nothing
# but read them.
# shellcheck disable=SC2154

load common

# limited V1-CONTROLLER…: a service under every limit that reads its own, and those
# files of its cgroup that the words name.
limited() {
	local args
	args=$(printf '%s\n' limits cat /proc/self/cgroup "$@" | jq -Rcn '[inputs]')
	config <<-YAML
		services:
		  $name:
		    executable: $load
		    args: $args
		    resources:
		      cpu: {quota: 0.6, period: 40ms, burst: 5ms, shares: 512, cpuset: "1"}
		      memory: {limit: 128M, soft: 96M, swap: 32M, low: 16M, oom_group: true}
		      io: {device: $repo, read_bps: 9M, write_bps: 8M, read_iops: 700, write_iops: 600, priority: "best-effort:6"}
		      fds: {soft: 111, hard: 222}
		      pids: {limit: 33}
		      rlimits: {core: 0, stack: 4M}
		    security: {user: games, capabilities: [CAP_CHOWN], seccomp_profile: strict}
		    oom_score_adj: 77
		    network: {mode: none}
	YAML
}

process_limits() {
	has "rlimit nofile 111 222" "rlimit core 0 0" "rlimit stack 4194304 4194304" "oom_score_adj 77" "ioprio 2:6" \
		"Cpus_allowed_list: 1" "CapEff: 0000000000000001" "NoNewPrivs: 1" "Seccomp: 2" "Uid: $(id -u games) $(id -u games) $(id -u games) $(id -u games)"
}

@test "on v2" {
	need_v2
	local words=() file at=/sys/fs/cgroup disk
	for file in cpu.max cpu.max.burst cpu.weight cpuset.cpus memory.max memory.high memory.swap.max memory.low memory.oom.group pids.max io.max cgroup.procs; do
		words+=(cat "$at/$file")
	done
	limited "${words[@]}"
	# The repository is on no disk in the guest.
	need_guest
	sed -i "s|device: $repo|device: /dev/guest/parted2|" "$work/blackhole.yaml"
	disk=$(readlink -f /dev/guest/parted)
	runs
	process_limits
	has "/proc/self/cgroup 0::/" "$at/cpu.max 24000 40000" "$at/cpu.max.burst 5000" "$at/cpu.weight 50" "$at/cpuset.cpus 1" \
		"$at/memory.max 134217728" "$at/memory.high 100663296" "$at/memory.swap.max 33554432" "$at/memory.low 16777216" \
		"$at/memory.oom.group 1" "$at/pids.max 33" "$at/cgroup.procs 1" \
		"$at/io.max $((16#$(stat -c %t "$disk"))):$((16#$(stat -c %T "$disk"))) rbps=9437184 wbps=8388608 riops=700 wiops=600"
}

@test "on v1" {
	need_v1
	local words=() file at=/sys/fs/cgroup
	for file in cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares cpuset/cpuset.cpus memory/memory.limit_in_bytes \
		memory/memory.soft_limit_in_bytes pids/pids.max blkio/blkio.throttle.{read_bps,write_bps,read_iops,write_iops}_device pids/cgroup.procs; do
		words+=(cat "$at/$file")
	done
	limited "${words[@]}"
	runs
	process_limits
	has "$at/cpu/cpu.cfs_quota_us 24000" "$at/cpu/cpu.cfs_period_us 40000" "$at/cpu/cpu.shares 512" "$at/cpuset/cpuset.cpus 1" \
		"$at/memory/memory.limit_in_bytes 134217728" "$at/memory/memory.soft_limit_in_bytes 100663296" "$at/pids/pids.max 33" "$at/pids/cgroup.procs 1"
	local rate
	for rate in read_bps:9437184 write_bps:8388608 read_iops:700 write_iops:600; do
		[[ $(said "$at/blkio/blkio.throttle.${rate%:*}_device" 3) == "${rate#*:}" ]]
	done
}
