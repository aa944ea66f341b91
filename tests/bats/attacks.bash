# Common to the files of attacks: attack_setup in setup. The container's root has
# the program attack (tests/cmd/attack), which tells what it got through with.
# RACES is how often a race is run: few times by default, thousands by hand.
# shellcheck shell=bash disable=SC2034,SC2154,SC2015,SC2016

attack_setup() {
	: "${RACES:=9}"
	oci_setup
	cp "$(tool attack)" "$bundle/rootfs/bin/attack"
	attack=$repo/build/tests/attack
}

# by_hand: this test is of the long version alone, make attacks.
by_hand() { [[ -n ${ATTACKS-} ]] || skip "by hand: make attacks"; }

all_capabilities() {
	sed -n '/^\t\?CAP_/p' <<-'C'
		CAP_CHOWN
		CAP_DAC_OVERRIDE
		CAP_DAC_READ_SEARCH
		CAP_FOWNER
		CAP_FSETID
		CAP_KILL
		CAP_SETGID
		CAP_SETUID
		CAP_SETPCAP
		CAP_LINUX_IMMUTABLE
		CAP_NET_BIND_SERVICE
		CAP_NET_BROADCAST
		CAP_NET_ADMIN
		CAP_NET_RAW
		CAP_IPC_LOCK
		CAP_IPC_OWNER
		CAP_SYS_MODULE
		CAP_SYS_RAWIO
		CAP_SYS_CHROOT
		CAP_SYS_PTRACE
		CAP_SYS_PACCT
		CAP_SYS_ADMIN
		CAP_SYS_BOOT
		CAP_SYS_NICE
		CAP_SYS_TIME
		CAP_SYS_TTY_CONFIG
		CAP_MKNOD
		CAP_LEASE
		CAP_AUDIT_WRITE
		CAP_AUDIT_CONTROL
		CAP_SETFCAP
		CAP_MAC_OVERRIDE
		CAP_MAC_ADMIN
		CAP_SYSLOG
		CAP_WAKE_ALARM
		CAP_BLOCK_SUSPEND
		CAP_AUDIT_READ
		CAP_PERFMON
		CAP_BPF
		CAP_CHECKPOINT_RESTORE
	C
}

# capabilities NAMES…: the program has these and no others.
capabilities() {
	configure '.process.capabilities = ({bounding: $caps, effective: $caps, permitted: $caps, inheritable: [], ambient: []})' --argjson caps "$(json_list "$@")"
}

# sentinel: a folder of the host that nothing may change, and what it looks like.
sentinel() {
	mkdir -p "$work/host/folder"
	echo secret >"$work/host/file"
	touch "$work/host/ptmx"
	untouched=$(looks)
}
looks() { find "$work/host" -printf '%p %y %m %U %G %s %T@ %C@ %l\n' | sort; }
is_untouched() {
	local now
	now=$(looks)
	[[ $now == "$untouched" ]] || {
		diff <(echo "$untouched") <(echo "$now") || true
		return 1
	}
}

# beside PROGRAM ARGS…: a process in a container beside, $id-b on $work/beside,
# until the test ends.
beside() {
	[[ -d $work/beside ]] || cp -a "$bundle" "$work/beside"
	jq '.process.args = $args' --argjson args "$(json_list "$@")" "$work/beside/config.json" >"$work/beside/new"
	mv "$work/beside/new" "$work/beside/config.json"
	bh run -d -b "$work/beside" "$id-b" </dev/null >"$work/beside.out" 2>&1
}

# one_line: what the last command said on stderr is one line at most, without
# control characters.
one_line() {
	((${#stderr_lines[@]} <= 1)) && [[ $stderr != *[[:cntrl:]]* ]] || {
		printf 'stderr: %q\n' "${stderr:0:400}"
		return 1
	}
}
