#!/usr/bin/env bats
# bats file_tags=beside
# Attacks on the kernel's side of a container: devices, cgroups, each capability
# by itself, system calls around the filter, keyrings, the caller's terminal.
# shellcheck shell=bash disable=SC2154,SC2016,SC2015,SC2030,SC2031,SC2034,SC2046,SC2086

load helpers
load attacks

setup() { attack_setup; }
teardown() { oci_teardown; }

# disk: the number of a disk of this host.
disk() { cat /sys/class/block/*/dev 2>/dev/null | grep -v '^7:' | tail -n 1; }

# filtered: the seccomp profile that services have by default, for a program
# with these capabilities.
filtered() {
	cat >"$work/blackhole.yaml" <<-Y
		services:
		  filtered:
		    executable: /bin/true
		    network: {mode: none}
		    security: {capabilities: [$(
		IFS=,
		echo "$*"
	)]}
	Y
	"$BLACKHOLE" spec -c "$work/blackhole.yaml" filtered >"$work/filtered.json" || return 1
	configure '.linux.seccomp = $p[0].linux.seccomp' --slurpfile p "$work/filtered.json"
}

# probed CAPABILITY…: runs all attempts with these, and compares with what the
# first of them is known to open: nothing else, and what is not in brackets.
probed() {
	local cap=$1 line known=$repo/tests/bats/attacks-capabilities.txt attempt
	shift
	line=$(sed -n "s/^none: *//p; s/^$cap: *//p" "$known" | paste -sd,)
	run -0 bh run -b "$bundle" "$id" </dev/null
	while read -r attempt; do
		[[ ,${line//, /,}, == *",$attempt,"* || ,${line//, /,}, == *",($attempt),"* ]] || [[ -z $attempt ]] || {
			echo "$cap opens: $attempt"
			return 1
		}
	done <<<"$output"
	[[ ${1-} != all ]] || while read -r attempt; do
		# Debian's kernels have a level at which perf is CAP_SYS_ADMIN's alone.
		[[ $cap,$attempt != CAP_PERFMON,perf || $(</proc/sys/kernel/perf_event_paranoid) -lt 3 ]] || continue
		[[ -z $attempt || $attempt == "("* ]] || grep -qx "$attempt" <<<"$output" || {
			echo "$cap does not open: $attempt" # so the attempt is none
			return 1
		}
	done < <(tr , '\n' <<<"$line" | sed 's/^ *//')
}

@test "with each capability by itself a program reaches what docs/security.md says, and no more" {
	local cap failed=0 disk
	disk=$(disk)
	mkdir "$work/v"
	configure '.mounts += [{destination: "/v", source: $v, type: "bind", options: ["bind"]}] | .process.noNewPrivileges = false' --arg v "$work/v"
	program attack probe "${disk:-8:0}" /v
	for cap in none $(all_capabilities); do
		if [[ $cap == none ]]; then capabilities; else capabilities "$cap"; fi
		probed "$cap" all || failed=1
	done
	((failed == 0))
	# All of them at once, with and without the filter of services.
	# shellcheck disable=SC2046
	capabilities $(all_capabilities)
	run -0 bh run -b "$bundle" "$id" </dev/null
	run ! grep -x 'disk\|memory\|kmsg\|core_pattern\|sysrq\|kcore\|cgroup' <<<"$output"
	filtered
	capabilities
	run -0 bh run -b "$bundle" "$id" </dev/null
	[[ -z $output ]]
}

@test "under the default filter a capability opens no more than it does without, and no user namespace" {
	local cap failed=0 disk
	disk=$(disk)
	mkdir "$work/v"
	configure '.mounts += [{destination: "/v", source: $v, type: "bind", options: ["bind"]}]' --arg v "$work/v"
	program attack probe "${disk:-8:0}" /v
	for cap in $(sed -n 's/^\(CAP[^:]*\):.*/\1/p' "$repo/tests/bats/attacks-capabilities.txt") CAP_NET_ADMIN CAP_MKNOD CAP_SYS_PTRACE; do
		filtered "$cap"
		capabilities "$cap"
		probed "$cap" || failed=1
		[[ $cap == CAP_SYS_ADMIN || $output != *"user namespace"* ]] || failed=1
	done
	((failed == 0))
}

@test "no device but the OCI's opens, with every capability" {
	# shellcheck disable=SC2046
	capabilities $(all_capabilities)
	program attack devices
	run -0 bh run -b "$bundle" "$id" </dev/null
	[[ -z $output ]]
	configure '.linux.resources.devices = [{allow: true, access: "rwm"}]' # the control
	run -0 bh run -b "$bundle" "$id" </dev/null
	[[ $output == *"1:1"* || $output == *"1:11"* ]]
}

@test "the cgroups of others cannot be written to: read-only, by a mount, by release_agent (CVE-2022-0492)" {
	configure '.process.noNewPrivileges = false'
	program attack cgroup
	capabilities
	run -0 bh run -b "$bundle" "$id" </dev/null
	[[ -z $output ]]
	# A user namespace of its own, which gives it all capabilities there.
	cp "$(command -v unshare)" "$bundle/rootfs/bin/unshare" 2>/dev/null
	program busybox unshare -Urm attack cgroup
	run bh run -b "$bundle" "$id" </dev/null
	echo "$output"
	run ! grep 'release_agent\|writable:\|made a cgroup' <<<"$output"
	# In a cgroup namespace.
	configure '.linux.namespaces += [{type: "cgroup"}]'
	program attack cgroup
	run -0 bh run -b "$bundle" "$id" </dev/null
	[[ -z $output ]]
	# The control: with the capability to mount and no namespaces it does write.
	configure '.linux.namespaces |= map(select(.type != "cgroup"))'
	capabilities CAP_SYS_ADMIN CAP_DAC_OVERRIDE
	run -0 bh run -b "$bundle" "$id" </dev/null
	[[ $output == *mounted* ]]
}

# both PROFILE-FILTERED VERB ARGS…: what comes of a call without and with the filter.
both() {
	program attack "$@"
	configure 'del(.linux.seccomp)'
	run -0 bh run -b "$bundle" "$id" </dev/null
	without=$output
	configure '.linux.seccomp = $p[0].linux.seccomp' --slurpfile p "$work/filtered.json"
	run bh run -b "$bundle" "$id" </dev/null
	with=$output with_status=$status
}

@test "the filter holds for 32-bit, x32, rewritten and unknown system calls" {
	by_hand
	# keyctl(2), KEYCTL_GET_KEYRING_ID of the session, is anybody's without the filter.
	filtered
	capabilities
	both syscall 250 0 -3 1
	[[ $without == ok && $with == EPERM ]]
	both int80 288 0 -3 1 # keyctl of i386
	[[ ($without == ok || $without == ENOSYS) && $with != ok ]]
	echo "32-bit calls: $without without the filter, ${with:-killed} with it" >&3
	both x32 250 0 -3 1
	[[ ($without == ok || $without == ENOSYS) && $with != ok ]]
	both rewrite 250 0 -3 1
	[[ $without == ok && $with == EPERM ]] # the filter looks at the number that is run
	both syscall 425 1 0 # io_uring_setup(2)
	[[ $without == EFAULT && $with == EPERM ]]
	both syscall 435 0 0 # clone3(2): glibc falls back on ENOSYS
	[[ $without == EINVAL && $with == ENOSYS ]]
	both syscall 323 0 # userfaultfd(2)
	[[ $with == EPERM ]]
	both unknown
	[[ $with == $'64 ENOSYS'* || $with == *EPERM* ]]
	run ! grep ' ok$' <<<"$with"
}

@test "the keyring of the caller's session is not the container's (unless --no-new-keyring)" {
	local key="secret$$"
	configure '.process.capabilities = {}'
	program attack keys "$key"
	# In a session of its own, so that the key goes with it.
	in_session() { run -0 "$attack" session "$key" "$BLACKHOLE" --root "$root" run "$@" -b "$bundle" "$id" </dev/null; }
	in_session
	[[ -z $output ]]
	in_session --no-new-keyring # the control
	[[ $output == *found* ]]
}

@test "a program cannot type into the terminal that it was started from" {
	# run and exec in the foreground stand between; detached, the terminal is not
	# the program's controlling one.
	configure '.process.noNewPrivileges = false'
	# Even with every capability, where the program has pipes.
	capabilities $(all_capabilities)
	program attack tiocsti
	run -0 script -qec "$BLACKHOLE --root $root run -b $bundle $id; true" /dev/null </dev/null
	[[ $output != *typed* ]]
	program sleep 1000
	bh run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	run -0 script -qec "$BLACKHOLE --root $root exec $id attack tiocsti; true" /dev/null </dev/null
	[[ $output != *typed* ]]
	bh delete --force "$id"
	# run -d hands the caller's own terminal on, as runc does: what protects it is
	# a session of the container's own. CAP_SYS_ADMIN is above that: the control.
	program attack tiocsti
	run -0 script -qec "$BLACKHOLE --root $root run -d -b $bundle $id; sleep 0.5; true" /dev/null </dev/null
	[[ $output == *typed* || $(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null) == 0 ]]
	bh delete --force "$id"
	capabilities $(all_capabilities | grep -v SYS_ADMIN)
	run -0 script -qec "$BLACKHOLE --root $root run -d -b $bundle $id; sleep 0.5; true" /dev/null </dev/null
	[[ $output != *typed* ]]
	bh delete --force "$id"
	# A terminal of the container's own takes what the program types, and is not the caller's.
	configure '.process.terminal = true'
	rm -f typed
	run -0 script -qec "$BLACKHOLE --root $root run -b $bundle $id; true" /dev/null </dev/null
	[[ $output == *typed* || $(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null) == 0 ]]
	[[ ! -e typed ]]
}
