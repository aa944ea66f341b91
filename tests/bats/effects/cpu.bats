#!/usr/bin/env bats
# Processor time: what a service gets, measured inside it.
# shellcheck disable=SC2154

load common

cores() { ratio "$(said burn 2)" "$(said burn 3)"; }

# On a host that others use a service may get less than its quota, never more:
# there the lower bound is loose. The guest counts its own time.
least() { in_guest && echo "$1" || echo "$2"; }

# quota LEAST MOST WHAT: runs the service; where the host starves the guest a timer
# of the kernel's may come late, so it has three tries.
quota() {
	for _ in 1 2 3; do
		runs
		((status == 0)) || return 1
		! between "$(least "$1" 0.1)" "$(cores)" "$2" "$3" || return 0
	done
	false
}

@test "cpu.quota in a period of 20 ms: a busy loop gets 0.3 of a core" {
	service '{cpu: {quota: 0.3, period: 20ms}}' burn 5000 1
	quota 0.285 0.315 "cpu.quota 0.3, period 20ms: cores used over 5 s"
}

@test "cpu.quota counts all processes and all CPUs together" {
	service '{cpu: {quota: 0.4, period: 250ms}}' burn 5000 3
	quota 0.38 0.42 "cpu.quota 0.4, period 250ms, 3 processes: cores used over 5 s"
}

@test "without cpu.quota a busy loop gets all of a core" {
	need_guest
	service '{cpu: {shares: 1024}}' burn 1500 1
	runs
	((status == 0))
	between 0.9 "$(cores)" 1.05 "no cpu.quota: cores used"
}

# pieces RESOURCES: the wall time of 60 ms of work, in ms, the median of 9.
pieces() {
	local words=()
	for _ in {1..9}; do words+=(sleep 450 work 60); done
	service "$1" "${words[@]}"
	runs >&2
	awk '$1 == "work" { print int($2 / 1000) }' "$out" | sort -n | sed -n 5p
}

@test "cpu.burst lets it exceed the quota for a moment" {
	need_guest
	# 40 ms in 200: a piece of 60 ms has to wait for the next period, most times,
	# unless what was not used while it slept may be spent.
	local with without
	without=$(pieces '{cpu: {quota: 0.2, period: 200ms}}')
	with=$(pieces '{cpu: {quota: 0.2, period: 200ms, burst: 40ms}}')
	between 60 "$with" 80 "cpu.burst 40ms over a quota of 40ms: wall ms of 60 ms of work"
	between 100 "$without" 300 "no cpu.burst over a quota of 40ms: wall ms of 60 ms of work"
}

@test "cpu.burst is counted" {
	local stat=/sys/fs/cgroup/cpu.stat
	v2 || stat=/sys/fs/cgroup/cpu/cpu.stat
	service '{cpu: {quota: 0.2, period: 200ms}}' sleep 450 work 60 sleep 450 work 60 cat $stat
	runs
	has "$stat nr_bursts 0"
	service '{cpu: {quota: 0.2, period: 200ms, burst: 40ms}}' sleep 450 work 60 sleep 450 work 60 sleep 450 work 60 cat $stat
	runs
	between 1 "$(awk '$2 == "nr_bursts" { print $3 }' "$out")" 4 "cpu.burst 40ms: nr_bursts in cpu.stat after 3 pieces of work"
}

@test "cpu.shares 3:1 on one CPU" {
	local one
	config <<-END
		resource_isolation:
		  defaults: {cpu: {cpuset: "0"}}
		services:
		  $name-a: {executable: $load, args: [wait, $work/data/go, at, "2000", burn, "6000", "1"], resources: {cpu: {shares: 3072}}, filesystem: {read_only: [$work/data]}, network: {mode: none}}
		  $name-b: {executable: $load, args: [wait, $work/data/go, at, "2000", burn, "6000", "1"], resources: {cpu: {shares: 1024}}, filesystem: {read_only: [$work/data]}, network: {mode: none}}
	END
	mkdir -m 755 "$work/data"
	for _ in 1 2 3; do # as for quota
		rm -f "$work/data/go"
		for one in a b; do starts "$name-$one"; done
		for one in a b; do wait_until running "$name-$one"; done
		touch "$work/data/go"
		wait "${background[@]}"
		cat "$work/$name"-?.out
		! between 2.7 "$(ratio "$(said burn 2 "$work/$name-a.out")" "$(said burn 2 "$work/$name-b.out")")" 3.3 "cpu.shares 3072 to 1024 on one CPU: CPU time" || return 0
	done
	false
}

@test "cpu.cpuset keeps it on its CPUs" {
	local cpu seen=""
	for cpu in 0 1; do
		service "{cpu: {cpuset: \"$cpu\"}}" limits burn 400 3 cpus 300
		runs
		has "cpus $cpu" "Cpus_allowed_list: $cpu"
		seen+="$(sed -n 's/^cpus //p' "$out");"
	done
	service '{cpu: {shares: 1024}}' limits
	runs
	has "Cpus_allowed_list: 0-$(($(nproc --all) - 1))"
	measured "cpu.cpuset 0, then 1: CPUs it was seen on" "$seen" "0;1;"
}
