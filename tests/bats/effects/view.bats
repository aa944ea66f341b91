#!/usr/bin/env bats
# What a service sees of the host.
# shellcheck disable=SC2154

load common

# shell SCRIPT [KEYS…]: a service that runs a shell script; KEYS are further lines
# of its configuration.
shell() {
	echo "$1" >"$work/app/script"
	shift
	config <<-YAML
		services:
		  $name:
		    executable: /bin/sh
		    args: [$work/app/script]
		    network: {mode: none}
		$(printf '    %s\n' "filesystem: {writable: [$work/data], read_only: [$work/app, $work/public], tmpfs: [{path: /scratch, size: 1M}]}" "$@")
	YAML
}

setup() {
	common_setup
	mkdir -m 755 "$work/app" "$work/public" "$work/secret"
	echo public >"$work/public/file"
	echo secret >"$work/secret/file"
}

@test "what is not writable is not, even for root with every file capability" {
	shell "
		for at in / /usr /usr/bin /bin /lib /etc /etc/ssl /proc /proc/sys /proc/sys/kernel /sys /sys/kernel /sys/fs/cgroup /dev/pts/x /var '$work/public' '$work/app' '$work/data' /tmp /scratch /dev/shm; do
			(echo x >\"\$at/made\") 2>/dev/null && echo \"wrote \$at\"
		done
		for at in /etc/passwd /etc/resolv.conf /usr/bin/env /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.max /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/memory/memory.limit_in_bytes '$work/public/file'; do
			(: >>\"\$at\") 2>/dev/null && echo \"opened \$at\"
		done
		mount -t tmpfs x /mnt 2>/dev/null && echo mounted
		mknod '$work/data/null' c 1 3 2>/dev/null && echo made a device
		mknod '$work/data/disk' b 8 0 2>/dev/null && echo made a disk
		echo done" \
		"security: {capabilities: [CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_CHOWN]}"
	runs
	diff "$out" - <<-END
		wrote $work/data
		wrote /tmp
		wrote /scratch
		wrote /dev/shm
		done
	END
}

@test "paths of the host are absent, and /proc and /sys are masked" {
	shell "
		for at in '$work/secret' /root /home /boot /mnt /media /srv /opt /run/lock /var/lib/dpkg /etc/shadow /etc/gshadow /etc/ssh /etc/fstab /etc/hostname /dev/vda /dev/mem /dev/kmsg /dev/sda /sys/fs/cgroup/blackhole /sys/fs/cgroup/unified; do
			[ -e \"\$at\" ] && echo \"sees \$at\"
		done
		for at in /proc/kcore /proc/keys /proc/interrupts /proc/timer_list /proc/sched_debug; do
			[ -s \"\$at\" ] && [ -n \"\$(head -c 1 \"\$at\" 2>/dev/null | tr -d '\\\\0')\" ] && echo \"reads \$at\"
		done
		ls -A /sys/firmware /proc/acpi /proc/scsi 2>/dev/null | grep -v : | grep .
		ls /proc | grep -c '^[0-9]*\$' | sed 's/^[1-9]\$/few processes/'
		hostname
		cat '$work/public/file' && ls '$work'
		echo done" \
		"security: {capabilities: [CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN]}"
	runs
	diff "$out" - <<-END
		few processes
		$name
		public
		app
		data
		public
		done
	END
}

@test "a tmpfs holds as much as its size says" {
	shell "dd if=/dev/zero of=/scratch/big bs=64k count=100 2>&1 | grep -o 'No space left on device'; stat -c %s /scratch/big"
	runs
	diff "$out" - <<<$'No space left on device\n1048576'
	measured "filesystem.tmpfs size 1M: bytes written" "$(tail -n 1 "$out")" 1048576
}

@test "what is shown of the host is nosuid, and devices in writable folders are dead" {
	mknod "$work/null" c 1 3
	mkdir "$work/data"
	mv "$work/null" "$work/data/"
	shell "grep -E ' (/usr|$work/data|$work/public) ' /proc/self/mountinfo | grep -vc nosuid; (echo x >'$work/data/null') 2>/dev/null && echo wrote; echo done"
	runs
	diff "$out" - <<<$'0\ndone'
}
