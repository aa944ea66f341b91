#!/usr/bin/env bats
# bats file_tags=beside
# What config.json can ask of Linux reaches the kernel: the keys of
# runtime-spec 1.1 to 1.3, which engines use and blackhole.yaml mostly does not.

load helpers

setup() {
	oci_setup
	not_runc "is older than these keys"
}
teardown() { oci_teardown; }

v2() { [[ -e /sys/fs/cgroup/cgroup.controllers ]]; }

# stat_field N: of the program's /proc/PID/stat, whose name has no blanks.
stat_field() { cut -d ' ' -f "$1" "/proc/$(bh state "$id" | jq .pid)/stat"; }

running() {
	bh create -b "$bundle" "$id"
	bh start "$id"
}

# cgroup_file CONTROLLER V1-NAME V2-NAME: reads a file of the container's cgroup.
cgroup_file() {
	if v2; then
		cat "$(cgroups_of "$id")/$3"
	else
		cat "$(cgroups_of "$id" | grep "/$1/")/$2"
	fi
}

@test "a time namespace with offsets" {
	[[ -e /proc/self/ns/time ]] || skip "kernel before 5.6"
	configure '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 864000}, monotonic: {secs: 1000, nanosecs: 5}}'
	program cat /proc/uptime /proc/self/timens_offsets
	run -0 bh run -b "$bundle" "$id"
	((${lines[0]%%.*} >= 864000))
	[[ $output == *monotonic*1000*5*boottime*864000* ]]
	configure '.linux.timeOffsets = {realtime: {secs: 1}}'
	fails "cannot run container \"$id\": config.json: linux.timeOffsets: unknown clock \"realtime\"*" bh run -b "$bundle" "$id"
	configure '.linux.timeOffsets = {boottime: {secs: 1}} | .linux.namespaces |= map(select(.type != "time"))'
	fails "cannot run container \"$id\": *time*namespace*" bh run -b "$bundle" "$id"
}

@test "an id-mapped mount" {
	mkdir "$work/data"
	touch "$work/data/mine"
	chown 1:2 "$work/data/mine"
	configure '.mounts += [{destination: "/data", source: $source, type: "bind", options: ["bind", "idmap"],
		uidMappings: [{containerID: 0, hostID: 5000, size: 100}], gidMappings: [{containerID: 0, hostID: 6000, size: 100}]}]' --arg source "$work/data"
	program busybox stat -c '%u %g' /data/mine
	run bh run -b "$bundle" "$id"
	if ((status)) && [[ $output == *"invalid argument"* ]]; then
		nothing_left "$id"
		skip "the file system of $work cannot be id-mapped"
	fi
	[[ $output == "5001 6002" ]]
}

@test "process.scheduler, ioPriority" {
	configure '.process.scheduler = {policy: "SCHED_BATCH", nice: 7} | .process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
	running
	[[ $(stat_field 41) == 3 ]] # SCHED_BATCH, sched(7)
	[[ $(stat_field 19) == 7 ]]
	[[ $(ionice -p "$(bh state "$id" | jq .pid)") == "best-effort: prio 6" ]]
	jq '.process | .args = ["cat", "/proc/self/stat"] | .scheduler = {policy: "SCHED_IDLE"} | .ioPriority.priority = 3' "$bundle/config.json" >"$work/process.json"
	run -0 bh exec --process "$work/process.json" "$id"
	[[ $(cut -d ' ' -f 41 <<<"$output") == 5 ]]
	bh delete --force "$id"
	configure '.process.scheduler = {policy: "SCHED_SOON"}'
	fails "cannot create container \"$id\": *SCHED_SOON*" bh create -b "$bundle" "$id"
	configure 'del(.process.scheduler) | .process.ioPriority = {class: "IOPRIO_CLASS_SLOW", priority: 1}'
	fails "cannot create container \"$id\": *IOPRIO_CLASS_SLOW*" bh create -b "$bundle" "$id"
	nothing_left "$id"
}

@test "process.execCPUAffinity, of config.json and of a process file" {
	(($(nproc) > 1)) || skip "one processor"
	configure '.process.execCPUAffinity = {initial: "0", final: "1"}'
	running
	run -0 bh exec "$id" cat /proc/self/status
	[[ $output == *$'Cpus_allowed_list:\t1'* ]]
	jq '.process | .args = ["cat", "/proc/self/status"] | .execCPUAffinity = {final: "0"}' "$bundle/config.json" >"$work/process.json"
	run -0 bh exec --process "$work/process.json" "$id"
	[[ $output == *$'Cpus_allowed_list:\t0'* ]]
	jq '.process | .args = ["true"] | .execCPUAffinity = {final: "first"}' "$bundle/config.json" >"$work/process.json"
	run -255 --separate-stderr bh exec --process "$work/process.json" "$id"
	[[ ${#stderr_lines[@]} == 1 && $stderr == *first* ]]
}

@test "linux.memoryPolicy" {
	[[ -e /proc/self/numa_maps ]] || skip "kernel without NUMA"
	configure '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0"}'
	running
	grep -q interleave:0 "/proc/$(bh state "$id" | jq .pid)/numa_maps"
	bh delete --force "$id"
	configure '.linux.memoryPolicy = {mode: "MPOL_ANYWHERE", nodes: "0"}'
	fails "cannot create container \"$id\": *MPOL_ANYWHERE*" bh create -b "$bundle" "$id"
}

@test "linux.netDevices moves a device into the container" {
	configure '.linux.netDevices = {bats0: {name: "moved0"}}'
	program cat /proc/net/dev
	# In a network namespace of the test's own, which takes the devices along.
	run -0 unshare --net bash -c "ip link add bats0 type veth peer name bats1 && $BLACKHOLE --root $root run -b $bundle $id; ip -o link"
	[[ $output == *moved0:* && $output != *bats0:* ]]
	run ! --separate-stderr unshare --net "$BLACKHOLE" --root "$root" run -b "$bundle" "$id"
	[[ ${#stderr_lines[@]} == 1 && $stderr == "cannot run container \"$id\": "*bats0* ]]
	nothing_left "$id"
}

@test "SCMP_ACT_NOTIFY hands its descriptor to the listener" {
	configure '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $socket,
		syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY"}]}' --arg socket "$work/seccomp.sock"
	program busybox mkdir /tmp/x
	fails "cannot create container \"$id\": *seccomp.sock*" bh create -b "$bundle" "$id"
	nothing_left "$id"
	# The listener goes away at once, so that the call is not there for the program.
	"$(tool recvtty)" "$work/seccomp.sock" >/dev/null 2>&1 3>&- &
	background+=($!)
	wait_until test -S "$work/seccomp.sock"
	run -1 timeout 20 "$BLACKHOLE" --root "$root" run -b "$bundle" "$id"
	[[ $output == *"Function not implemented"* ]]
	[[ ! -e $bundle/rootfs/tmp/x ]]
}

@test "linux.personality and domainname" {
	configure '.linux.personality = {domain: "LINUX32"} | .domainname = "bats.example"'
	program sh -c 'busybox uname -m; cat /proc/sys/kernel/domainname'
	run -0 bh run -b "$bundle" "$id"
	[[ ${lines[0]} == i686 && ${lines[1]} == bats.example ]]
	configure '.linux.personality = {domain: "LINUX128"}'
	fails "cannot run container \"$id\": *" bh run -b "$bundle" "$id"
	[[ $stderr == *LINUX128* || $stderr == *personality* ]]
}

@test "linux.resources.unified on cgroup v2, and its refusal on v1" {
	configure '.linux.resources = {unified: {"memory.high": "50003968"}}'
	if v2; then
		running
		[[ $(cgroup_file memory - memory.high) == 50003968 ]]
		bh delete --force "$id"
		configure '.linux.resources = {unified: {"memory.nothing": "1"}}'
		fails "cannot create container \"$id\": *memory.nothing*" bh create -b "$bundle" "$id"
	else
		fails "cannot create container \"$id\": *unified*" bh create -b "$bundle" "$id"
	fi
	nothing_left "$id"
}

@test "linux.resources.hugepageLimits" {
	v2 && grep -qw hugetlb /sys/fs/cgroup/cgroup.controllers || skip "no hugetlb controller where the cgroups are"
	configure '.linux.resources = {hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}'
	running
	[[ $(cgroup_file hugetlb hugetlb.2MB.limit_in_bytes hugetlb.2MB.max) == 4194304 ]]
	bh delete --force "$id"
	configure '.linux.resources = {hugepageLimits: [{pageSize: "3MB", limit: 1}]}'
	fails "cannot create container \"$id\": *3MB*" bh create -b "$bundle" "$id"
}

@test "linux.resources.rdma reaches the controller" {
	v2 && grep -qw rdma /sys/fs/cgroup/cgroup.controllers || skip "no rdma controller where the cgroups are"
	# Without such a device the kernel refuses its name, but it was asked.
	configure '.linux.resources = {rdma: {mlx5_9: {hcaHandles: 3, hcaObjects: 10000}}}'
	fails "cannot create container \"$id\": *rdma.max*" bh create -b "$bundle" "$id"
	nothing_left "$id"
}

@test "linux.intelRdt where the processor has not got it" {
	! grep -qs resctrl /proc/filesystems || skip "it has"
	configure '.linux.intelRdt = {closID: "bats", l3CacheSchema: "L3:0=f"}'
	fails "cannot create container \"$id\": *ntelRdt*" bh create -b "$bundle" "$id"
	nothing_left "$id"
}

@test "--systemd-cgroup where no systemd runs" {
	[[ ! -d /run/systemd/system ]] || skip "systemd runs"
	configure '.linux.cgroupsPath = "system.slice:bats:x"'
	fails "cannot create container \"$id\": systemd not running on this host, cannot use systemd cgroups manager" \
		bh --systemd-cgroup create -b "$bundle" "$id"
	nothing_left "$id"
}
