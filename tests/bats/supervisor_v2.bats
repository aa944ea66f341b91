#!/usr/bin/env bats
# The supervisor on cgroup v2 alone; run in the guest.
# shellcheck shell=bash disable=SC2154,SC2016

load helpers
load supervisor

setup() {
	not_runc "has no supervisor"
	up_setup
}

teardown() { up_teardown; }

@test "each limit of cgroup v2 is lifted in place, and set again" {
	[[ -e /sys/fs/cgroup/cgroup.controllers && -b /dev/guest/plain ]] || skip "needs cgroup v2 and a disk to limit"
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a:
		    executable: /bin/sleep
		    args: ["1000"]
		    stop: {timeout: 0s}
		    resources: {}
	Y
	limits='{cpu: {quota: 0.5, burst: 10ms, shares: 512, cpuset: "0"}, memory: {limit: 200M, soft: 150M, swap: 10M, low: 20M, oom_group: true}, io: {device: /dev/guest/plain, read_bps: 1M, write_iops: 100}, pids: {limit: 50}}'
	read_all() {
		local file
		for file in cpu.max cpu.max.burst cpu.weight cpuset.cpus.effective memory.max memory.high memory.swap.max memory.low memory.oom.group io.max pids.max; do
			echo "$file=$(tr -s '\n ' ' ' <"/sys/fs/cgroup/blackhole/${pre}a/$file")"
		done
	}
	up
	a=$(service a .pid)
	none=$(read_all)
	for _ in 1 2; do
		sed -i "s|resources: .*|resources: $limits|" "$config"
		bhs apply
		set=$(read_all)
		echo "$set"
		[[ $set == *"cpu.max=50000 100000"*"burst=10000"*"weight=50 "*"effective=0 "*"memory.max=209715200"*"high=157286400"*"swap.max=10485760"* ]]
		[[ $set == *"low=20971520"*"oom.group=1"*"rbps=1048576 wbps=max riops=max wiops=100"*"pids.max=50"* ]]
		sed -i "s|resources: .*|resources: {}|" "$config"
		bhs apply
		[[ $(read_all) == "$none" ]]
	done
	[[ $(service a .pid) == "$a" ]]
}

@test "services below a cgroup that was delegated to the supervisor: it makes room, and their limits hold" {
	[[ -e /sys/fs/cgroup/cgroup.controllers ]] || skip "cgroup v2 alone has the rule"
	unit=/sys/fs/cgroup/unit$$
	write_config <<-Y
		resource_isolation:
		  cgroup: {version: 2, root_path: $unit}
		  monitor: {memory_critical: 1}
		  defaults: {network: {mode: none}}
		services:
		  @a: {executable: /bin/sleep, args: ["1000"], resources: {memory: {limit: 60M, swap: 0}}, stop: {timeout: 0s}}
	Y
	mkdir "$unit"
	bash -c "echo 0 >$unit/cgroup.procs && exec \"\$@\"" - "$BLACKHOLE" --root "$root" up -c "$config" >"$work/out" 2>&1 3>&- &
	wait_for 60 is_state a running
	grep -qx "0::/unit$$/supervisor" "/proc/$(supervisor_pid)/cgroup"
	grep -qx "0::/unit$$/blackhole/${pre}a" "/proc/$(service a .pid)/cgroup"
	run bhs exec "${pre}a" perl -e '$x = "x" x (50 << 20); print "fed\n"' </dev/null
	[[ $output != *fed* ]]
	sed -i 's/60M/300M/' "$config"
	bhs apply
	[[ $(bhs exec "${pre}a" perl -e '$x = "x" x (50 << 20); print "fed\n"' </dev/null) == fed ]]
	bhs down
	find "$unit" -depth -type d -exec rmdir {} +
}
