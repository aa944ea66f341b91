#!/usr/bin/env bats
# Disk bandwidth and operations, measured by dd on disks without a cache.
# shellcheck disable=SC2154

load common

setup_file() {
	build_load
	[[ -b /dev/guest/plain ]] || return 0
	export disks=/run/effects-disks
	mkdir -p $disks/plain $disks/loop
	mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0 /dev/guest/plain
	mount /dev/guest/plain $disks/plain
	dd if=/dev/zero of=$disks/plain/data bs=1M count=32 conv=fsync status=none
	dd if=/dev/zero of=$disks/plain/image bs=1M count=64 conv=fsync status=none
	modprobe -a loop dm-mod
	loop=$(losetup --find --show --direct-io=on $disks/plain/image)
	export loop
	echo "0 $(blockdev --getsz /dev/guest/parted2) linear /dev/guest/parted2 0" | dmsetup create --noudevsync effects
	dmsetup mknodes effects
	export mapped=/dev/mapper/effects
	chmod 666 $disks/plain/data
}

teardown_file() {
	[[ -n ${disks-} ]] || return 0
	umount "$disks/loop" 2>/dev/null || true # of a test that failed
	dmsetup remove --noudevsync effects
	losetup -d "$loop"
	umount "$disks/plain"
	rm -r "$disks"
}

# number DEVICE: major:minor.
number() {
	local path
	path=$(readlink -f "$1")
	echo "$((16#$(stat -c %t "$path"))):$((16#$(stat -c %T "$path")))"
}

# dd_service IO DD-ARGS…: the service that runs dd; of a device of the host, which no
# service sees by itself, only the limits can be looked at.
dd_service() {
	local io=$1 args
	shift
	args=$(printf '%s\n' "$@" | jq -Rcn '[inputs]')
	config <<-YAML
		services:
		  $name:
		    executable: /bin/dd
		    args: $args
		    environment: {LC_ALL: C}
		    resources: {io: $io}
		    filesystem: {writable: [$data]}
		    network: {mode: none}
	YAML
}

# rate: bytes a second, by what dd says last.
rate() { tr '\r' '\n' <"$out" | awk '/ bytes .* copied, / { for (i = 1; i <= NF; i++) if ($i == "s,") rate = $1 / $(i - 1) } END { printf "%.0f", rate }'; }

# within_10 EXPECTED VALUE WHAT
within_10() { between "$(($1 * 9 / 10))" "$2" "$(($1 * 11 / 10))" "$3"; }

# limited_to EXPECTED BLOCK WHAT: runs the service until its rate, in blocks a second,
# is within 10 % of the expected one. Where the host starves the guest less may
# come through, so it has three tries.
limited_to() {
	for _ in 1 2 3; do
		runs
		((status == 0)) || return 1
		! within_10 "$1" "$(($(rate) / $2))" "$3" || return 0
	done
	false
}

# The native test takes a file of its own on whatever disk there is.
data_folder() {
	if [[ -n ${disks-} ]]; then
		data=$disks/plain
	else
		data=$repo/build/tests/effects-$$
		mkdir -p "$data"
		dd if=/dev/zero of="$data/data" bs=1M count=16 conv=fsync status=none
	fi
}

drop_folder() { [[ -n ${disks-} ]] || rm -rf "$repo/build/tests/effects-$$"; }

@test "io.read_bps and write_bps, the device given as a folder" {
	data_folder
	dd_service "{device: $data, read_bps: 2M}" "if=$data/data" of=/dev/null bs=64k count=160 iflag=direct
	limited_to $((2 << 20)) 1 "io.read_bps 2M: bytes read a second"
	dd_service "{device: $data, write_bps: 1M}" if=/dev/zero "of=$data/data" bs=64k count=80 oflag=direct conv=notrunc
	limited_to $((1 << 20)) 1 "io.write_bps 1M: bytes written a second"
	# The limit is of the one direction alone.
	dd_service "{device: $data, write_bps: 1M}" "if=$data/data" of=/dev/null bs=64k count=160 iflag=direct
	runs
	between $((5 << 20)) "$(rate)" 100000000000 "io.write_bps 1M: bytes read a second"
	drop_folder
}

@test "io.read_iops and write_iops, the device given as a file" {
	data_folder
	dd_service "{device: $data/data, read_iops: 60}" "if=$data/data" of=/dev/null bs=4k count=240 iflag=direct
	limited_to 60 4096 "io.read_iops 60: reads a second"
	dd_service "{device: $data/data, write_iops: 40}" if=/dev/zero "of=$data/data" bs=4k count=160 oflag=direct conv=notrunc
	limited_to 40 4096 "io.write_iops 40: writes a second"
	drop_folder
}

@test "io.write_bps holds for writes through the page cache" {
	need_v2
	need_guest
	data_folder
	# A file of its own: written back is on the account of the cgroup that an inode
	# belongs to, most of all the one that wrote first (cgroup-v2.rst, "Writeback").
	config <<-YAML
		services:
		  $name:
		    executable: $load
		    args: [file, $data/own, "8388608", sync, $data/own]
		    resources: {io: {device: $data, write_bps: 2M}}
		    filesystem: {writable: [$data]}
		    network: {mode: none}
	YAML
	for _ in 1 2 3; do
		rm -f "$data/own"
		runs
		# No more than the limit; how much less is up to how busy the host is.
		! between 1 "$((8388608 * 1000000 / $(said sync)))" $(((2 << 20) * 11 / 10)) "io.write_bps 2M: bytes written through the page cache a second" || return 0
	done
	false
}

@test "without io limits the disk is faster than any of them" {
	data_folder
	dd_service '{priority: "best-effort:4"}' "if=$data/data" of=/dev/null bs=64k count=160 iflag=direct
	runs
	between $((5 << 20)) "$(rate)" 100000000000 "no io limits: bytes read a second"
	drop_folder
}

@test "io.device: a folder, a file, a disk, a partition, a loop device, a device-mapper volume" {
	need_v2
	need_guest
	local device want
	data_folder
	while read -r device want; do
		service "{io: {device: $device, read_bps: 3M, write_iops: 77}}" cat /sys/fs/cgroup/io.max
		runs
		has "/sys/fs/cgroup/io.max $(number "$want") rbps=3145728 wbps=max riops=max wiops=77"
		[[ $(grep -c io.max "$out") == 1 ]]
		measured "io.device ${device/#$disks/…}: disk in io.max" "$(said /sys/fs/cgroup/io.max)" "$(number "$want")"
	done <<-END
		$data /dev/guest/plain
		$data/data /dev/guest/plain
		$data/not/there/yet /dev/guest/plain
		/dev/guest/plain /dev/guest/plain
		/dev/guest/parted1 /dev/guest/parted
		$loop /dev/guest/plain
		$mapped /dev/guest/parted
	END
}

# reads_limited SOURCE: reads by the path of its file system are held to 2M, though the
# limit is on the disk below.
reads_limited() {
	local at=$disks/loop
	mkfs.ext4 -q -F -E nodiscard "$1"
	mount "$1" "$at"
	dd if=/dev/zero "of=$at/data" bs=1M count=16 conv=fsync status=none
	data=$at
	dd_service "{device: $at, read_bps: 2M}" "if=$at/data" of=/dev/null bs=64k count=96 iflag=direct
	limited_to $((2 << 20)) 1 "$2"
	umount "$at"
}

@test "limits hold on a partition, through a loop device and a device-mapper volume" {
	need_v2
	need_guest
	reads_limited /dev/guest/parted1 "io.read_bps 2M on a partition: bytes read a second"
	reads_limited "$mapped" "io.read_bps 2M on a device-mapper volume: bytes read a second"
	reads_limited "$loop" "io.read_bps 2M on a loop device: bytes read a second"
}

@test "a path without a disk is a fault" {
	local at
	at=$(df --output=target,fstype 2>/dev/null | awk '$2 == "tmpfs" { print $1; exit }')
	service "{io: {device: $at, read_bps: 1M}}" limits
	fails "$work/blackhole.yaml:*: services.$name.resources.io.device: cannot find the disk behind*$at*tmpfs*" \
		"$BLACKHOLE" bundle -c "$work/blackhole.yaml" "$name" "$work/$name"
	[[ ! -e $work/$name ]]
	service "{io: {device: /nonexistent-disk, read_bps: 1M}}" limits
	run "$BLACKHOLE" validate -c "$work/blackhole.yaml" "$name"
}

@test "io.weight is what the kernel holds" {
	need_v2
	need_guest
	modprobe bfq
	echo bfq >"/sys/block/$(basename "$(readlink -f /dev/guest/plain)")/queue/scheduler"
	service '{io: {weight: 300}}' cat /sys/fs/cgroup/io.bfq.weight
	runs
	echo mq-deadline >"/sys/block/$(basename "$(readlink -f /dev/guest/plain)")/queue/scheduler" 2>/dev/null ||
		echo none >"/sys/block/$(basename "$(readlink -f /dev/guest/plain)")/queue/scheduler"
	has "/sys/fs/cgroup/io.bfq.weight default 300"
}

@test "io.priority is what ionice reads inside" {
	local priority
	for priority in best-effort:2 best-effort:7 idle; do
		config <<-YAML
			services:
			  $name:
			    executable: /usr/bin/ionice
			    resources: {io: {priority: "$priority"}}
			    network: {mode: none}
		YAML
		runs
		case $priority in
		idle) [[ $(<"$out") == idle ]] ;;
		*) [[ $(<"$out") == "best-effort: prio ${priority#*:}" ]] ;;
		esac
		measured "io.priority $priority: by ionice" "$(<"$out")" "$priority"
	done
}
