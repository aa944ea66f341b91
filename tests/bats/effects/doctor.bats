#!/usr/bin/env bats
# doctor on cgroup v2: what only its counters tell.
# shellcheck disable=SC2154,SC2016

load ../helpers
load ../supervisor
load ../doctor

setup() {
	[[ -b /dev/guest/plain ]] || skip "cgroup v2 with a disk: runs in the guest"
	up_setup
}

teardown() {
	[[ -n ${work-} ]] || return 0
	[[ -z ${slow-} ]] || echo "$slow rbps=max" >/sys/fs/cgroup/blackhole/io.max
	doctor_teardown
}

@test "memory slowed at the soft limit, and waiting for disks, are told" {
	data_disk
	write_config <<-Y
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @soft:
		    executable: /usr/bin/perl
		    args: [-e, "\$x = 'x' x 60000000; for (;;) { substr(\$x, 4096 * \$_, 1) = 'y' for 0..14000 }"]
		    resources: {memory: {limit: 1G, soft: 30M, swap: 0}, cpu: {quota: 0.5}}
		    stop: {timeout: 0s}
		  @reads:
		    executable: /bin/sh
		    args: [-c, "while :; do dd if=$work/data/file of=/dev/null bs=1M iflag=direct; done"]
		    filesystem: {read_only: [$work/data]}
		    resources: {io: {weight: 50}}
		    stop: {timeout: 0s}
	Y
	cat >"$work/wanted" <<-'W'
		soft|memory_slowed|held back at its soft memory limit: [0-9.]*M used of 30M, over it [0-9]* times in .* during [1-9][0-9]* %|soft: 30M
		reads|io_bound|bound by its disks.*during [2-9][0-9] %|weight: 50
	W
	up
	# A disk that is slow for everybody: by no limit of the service's own.
	slow=$(lsblk -dno MAJ:MIN /dev/guest/plain | tr -d ' ')
	echo "$slow rbps=500000" >/sys/fs/cgroup/blackhole/io.max
	tells
}
