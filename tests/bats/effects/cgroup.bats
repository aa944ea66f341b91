#!/usr/bin/env bats
# Where a service's cgroup is, and what that place can hold.
# shellcheck disable=SC2154

load common

# shellcheck disable=SC2317 # by wait_until
remove_outer() {
	find "$outer" -depth -type d -exec rmdir {} + 2>/dev/null
	[[ ! -e $outer ]]
}

teardown() {
	[[ -z ${outer-} ]] || {
		((${#background[@]} == 0)) || kill -KILL "${background[@]}" 2>/dev/null || true
		wait_until remove_outer || true
	}
	common_teardown
}

# in_root ROOT RESOURCES [CONTROLLERS]: a service that sleeps, below ROOT.
in_root() {
	config <<-YAML
		resource_isolation:
		  cgroup: {root_path: $1${3:+, controllers: $3}}
		services:
		  $name: {executable: $load, args: [sleep, "5000"], resources: $2, network: {mode: none}}
	YAML
}

bundle_refused() {
	fails "$1" "$BLACKHOLE" bundle -c "$work/blackhole.yaml" "$name" "$work/$name"
	[[ ! -e $work/$name ]]
	fails "$1" "$BLACKHOLE" validate -c "$work/blackhole.yaml"
}

@test "root_path below the mount: services live there, and what was there stays" {
	need_v2
	outer=/sys/fs/cgroup/$name-outer
	mkdir -p "$outer/inner"
	hand_down "$outer" +cpu +memory +pids +io +cpuset
	in_root "$outer/inner" '{memory: {limit: 64M}, cpu: {quota: 0.5, cpuset: "0"}, pids: {limit: 9}}'
	starts
	local at=$outer/inner/blackhole/$name
	wait_until running
	[[ $(cat "$at/memory.max") == 67108864 && $(cat "$at/cpu.max") == "50000 100000" && $(cat "$at/pids.max") == 9 && $(cat "$at/cpuset.cpus") == 0 ]]
	wait "${background[@]}"
	[[ -d $outer/inner && ! -e $outer/inner/blackhole ]]
	[[ ! -e /sys/fs/cgroup/blackhole ]]
}

@test "a limit of the cgroup above holds as well" {
	need_v2
	outer=/sys/fs/cgroup/$name-outer
	mkdir -p "$outer"
	hand_down "$outer" +memory +pids +cpu +io +cpuset
	echo 32M >"$outer/memory.max"
	echo 0 >"$outer/memory.swap.max"
	config <<-YAML
		resource_isolation: {cgroup: {root_path: $outer}}
		services:
		  $name: {executable: $load, args: [alloc, "64"], resources: {memory: {limit: 256M}}, network: {mode: none}}
	YAML
	runs
	((status == 137))
}

@test "controllers that root_path has not are faults" {
	need_v2
	outer=/sys/fs/cgroup/$name-outer
	mkdir -p "$outer/inner"
	hand_down "$outer" +memory +pids
	in_root "$outer/inner" '{memory: {limit: 64M}}' '[memory, cpu, pids]'
	bundle_refused "$work/blackhole.yaml:2:*: resource_isolation.cgroup.controllers[[]1]: cannot use controller cpu: $outer/inner has memory, pids"
	# Those of the built-in list count where a limit needs them.
	in_root "$outer/inner" '{cpu: {quota: 0.5}}'
	bundle_refused "$work/blackhole.yaml:4:*: services.$name.resources.cpu.quota: cannot set cpu.quota: $outer/inner has no controller cpu, it has memory, pids"
	in_root "$outer/inner" '{io: {device: /dev/guest/plain, read_bps: 1M}}'
	bundle_refused "*resources.io.read_bps: cannot set io.read_bps: $outer/inner has no controller io, it has memory, pids"
	# What it has can be limited.
	in_root "$outer/inner" '{memory: {limit: 64M}, pids: {limit: 7}}'
	runs
	((status == 0))
	find "$outer" -mindepth 2 -type d | diff - /dev/null
}

@test "a limit of a controller that the file does not name is a fault" {
	in_root /sys/fs/cgroup '{pids: {limit: 7}}' '[cpu, memory]'
	bundle_refused "*services.$name.resources.pids.limit: *pids*"
}

@test "root_path that is no place for cgroups" {
	in_root /var/lib '{pids: {limit: 7}}'
	bundle_refused "*resource_isolation.cgroup.root_path: *cannot*/var/lib*"
	in_root sys/fs/cgroup '{pids: {limit: 7}}'
	bundle_refused "*resource_isolation.cgroup.root_path: *sys/fs/cgroup*"
	need_v2
	in_root /sys/fs/cgroup/nonexistent '{pids: {limit: 7}}'
	bundle_refused "*resource_isolation.cgroup.root_path: cannot*/sys/fs/cgroup/nonexistent*"
}

@test "root_path with processes of its own: one line, and nothing left" {
	need_v2
	outer=/sys/fs/cgroup/$name-outer
	mkdir -p "$outer"
	hand_down /sys/fs/cgroup +memory
	sleep 100 3>&- &
	background+=("$!")
	echo "$!" >"$outer/cgroup.procs"
	in_root "$outer" '{memory: {limit: 64M}}'
	bundled
	# cgroup-v2.rst, "No Internal Process Constraint".
	fails "cannot run container \"$name\": *" bh run --bundle "$work/$name" "$name"
	find "$outer" -mindepth 1 -type d | diff - /dev/null
	[[ -z $(bh list -q) ]]
	kill -KILL "$!"
}

@test "the caller's own cgroup does not matter" {
	need_v2
	outer=/sys/fs/cgroup/$name-outer
	mkdir -p "$outer/caller"
	in_root /sys/fs/cgroup '{memory: {limit: 64M}}'
	bundled
	sh -c 'echo $$ >"$1" && shift && exec "$@"' sh "$outer/caller/cgroup.procs" "$BLACKHOLE" --root "$root" run --bundle "$work/$name" "$name" >"$out" 2>&1 3>&- &
	background+=("$!")
	wait_until running
	[[ $(cat "/sys/fs/cgroup/blackhole/$name/memory.max") == 67108864 ]]
	wait "$!"
}

@test "inside a container, whose cgroup is the root of its own view" {
	need_v2
	outer=/sys/fs/cgroup/$name-outer
	mkdir -p "$outer/leaf"
	hand_down "$outer" +cpu +memory +pids +io +cpuset
	config <<-YAML
		services:
		  $name: {executable: $load, args: [cat, /sys/fs/cgroup/memory.max, cat, /proc/self/cgroup, alloc, "100"], resources: {memory: {limit: 64M, swap: 0}}, network: {mode: none}}
	YAML
	# Within the namespace the processes move down from its root, as a container's first one does.
	status=0
	# shellcheck disable=SC2016
	sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$outer/leaf" \
		unshare --cgroup --mount sh -ec '
			umount --lazy /sys/fs/cgroup # in this mount namespace alone
			mount -t cgroup2 cgroup2 /sys/fs/cgroup
			mkdir /sys/fs/cgroup/own
			echo $$ >/sys/fs/cgroup/own/cgroup.procs
			"$1" bundle -c "$2/blackhole.yaml" "$3" "$2/$3"
			exec "$1" --root "$4" run --bundle "$2/$3" "$3"' sh "$BLACKHOLE" "$work" "$name" "$root" >"$out" 2>&1 3>&- || status=$?
	cat "$out"
	((status == 137))
	has "/sys/fs/cgroup/memory.max 67108864" "/proc/self/cgroup 0::/"
	find "$outer" -path '*blackhole*' | diff - /dev/null
	measured "nested in another cgroup namespace: exit code over memory.limit" "$status" 137
}

@test "v1: version 2 refuses, auto says once what it cannot hold" {
	need_v1
	config <<-YAML
		resource_isolation: {cgroup: {version: 2}}
		services:
		  $name: {executable: $load, args: [limits], resources: {memory: {limit: 64M}}, network: {mode: none}}
	YAML
	bundle_refused "$work/blackhole.yaml:1:*: resource_isolation.cgroup.version: cannot use cgroup v2: /sys/fs/cgroup is not a cgroup v2 hierarchy*"
	config <<-YAML
		resource_isolation: {cgroup: {version: auto}}
		services:
		  $name:
		    executable: $load
		    args: [limits]
		    resources:
		      cpu: {quota: 0.5, shares: 512, cpuset: "0"}
		      memory: {limit: 64M, soft: 32M, low: 16M, oom_group: true}
		      io: {device: $repo, read_bps: 1M, write_bps: 1M, write_iops: 10, weight: 300}
		      pids: {limit: 9}
		    network: {mode: none}
	YAML
	runs
	((status == 0))
	cat "$work/warnings"
	local key
	for key in memory.low memory.oom_group io.write_bps io.write_iops; do
		[[ $(grep -c "warning: $key" "$work/warnings") == 1 ]]
	done
	[[ -z $(cut -d: -f4 "$work/warnings" | sort | uniq -d) ]] # one line for each setting
	run ! grep -E 'warning: (cpu|pids|memory.limit|memory.soft|io.read)' "$work/warnings"
	[[ $(grep -c "io.weight" "$work/warnings") == $([[ -e /sys/fs/cgroup/blkio/blkio.weight || -e /sys/fs/cgroup/blkio/blkio.bfq.weight || -e /sys/fs/cgroup/blkio/blkio.bfq.io_serviced ]] && echo 0 || echo 1) ]]
	measured "version auto: warnings for low, oom_group, write_bps, write_iops" "$(grep -cE 'warning: (memory.low|memory.oom_group|io.write)' "$work/warnings")" 4
}

@test "v2: version 2 and auto are the same, and settings of v1 alone are faults" {
	need_v2
	local version
	for version in 2 auto; do
		config <<-YAML
			resource_isolation: {cgroup: {version: $version}}
			services:
			  $name: {executable: $load, args: [cat, /sys/fs/cgroup/memory.max], resources: {memory: {limit: 64M, low: 1M, oom_group: true}}, network: {mode: none}}
		YAML
		runs
		has "/sys/fs/cgroup/memory.max 67108864"
		[[ ! -s $work/warnings ]]
	done
	rm -r "${work:?}/$name"
	in_root /sys/fs/cgroup '{memory: {oom_kill_disable: true}}'
	bundle_refused "*services.$name.resources.memory.oom_kill_disable: *memory.soft*"
}
