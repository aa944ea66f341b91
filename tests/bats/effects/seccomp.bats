#!/usr/bin/env bats
# The seccomp profiles, by what system calls answer inside a service.
# shellcheck disable=SC2154

load common

# table: call, then what it answers under unconfined, default and strict; a
# service with no capabilities. Without a filter the kernel's own answer to wrong
# arguments is there, or EPERM where it asks for privileges first.
# 32- and x32- are the kernel's other entries, see tests/cmd/load: what a filter lets
# through there goes around the one for 64-bit calls. A kernel without 32-bit
# programs answers with SIGSEGV, whatever the filter says.
# "." is as under unconfined. "*" is any answer: it differs between kernels.
table() {
	local or32="|SIGSEGV" ok32="ok|SIGSEGV" kill32="SIGSYS|SIGSEGV"
	cat <<-END
		read                EBADF         .             .
		openat              ok            .             .
		pipe2               ok            .             .
		getrandom           ok            .             .
		mmap                ok            .             .
		epoll_create1       ok            .             .
		socket-unix         ok            .             .
		socket-inet         ok            .             .
		socket-raw          EPERM         .             EPERM
		socket-packet       EPERM         EAFNOSUPPORT  EPERM
		socket-alg          *             EAFNOSUPPORT  EPERM
		socket-vsock        *             EAFNOSUPPORT  EPERM
		setuid              EINVAL        .             .
		chown               EFAULT        .             .
		mount               EPERM|EFAULT  EPERM         EPERM
		umount2             EPERM|EFAULT  EPERM         EPERM
		pivot_root          EPERM|EFAULT  EPERM         EPERM
		unshare-user        EINVAL        EPERM         EPERM
		setns               EBADF         EPERM         EPERM
		clone3              EINVAL        ENOSYS        ENOSYS
		ptrace              ESRCH         .             EPERM
		process_vm_readv    *             .             EPERM
		memfd_create        EFAULT        .             EPERM
		keyctl              EOPNOTSUPP    EPERM         EPERM
		add_key             EFAULT        EPERM         EPERM
		bpf                 EINVAL|EPERM  EPERM         EPERM
		perf_event_open     EFAULT|EACCES EPERM         EPERM
		userfaultfd         EINVAL|EPERM  EPERM         EPERM
		io_uring_setup      *             EPERM|ENOSYS  EPERM|ENOSYS
		init_module         *             EPERM         EPERM
		kexec_load          *             EPERM         EPERM
		reboot              EPERM|EINVAL  EPERM         EPERM
		syslog              *             EPERM         EPERM
		name_to_handle_at   EFAULT        .             EPERM
		personality         ok            EPERM         EPERM
		mbind               *             .             EPERM
		adjtimex            EFAULT        .             EPERM
		ioperm              *             EPERM         EPERM
		iopl                *             EPERM         EPERM
		32-getpid           $ok32         .             $kill32
		32-mount            *             EPERM$or32    $kill32
		32-socket-inet      $ok32         .             $kill32
		32-socket-alg       *             EAFNOSUPPORT$or32 $kill32
		32-socketcall-inet  $ok32         ENOSYS$or32   $kill32
		32-socketcall-alg   *             ENOSYS$or32   $kill32
		32-socketcall-pair  $ok32         ENOSYS$or32   $kill32
		x32-getpid          ENOSYS|ok     SIGSYS        SIGSYS
	END
}

# profile NAME: runs the calls under it.
profile() {
	config <<-YAML
		services:
		  $name:
		    executable: $load
		    args: [limits, calls]
		    security: {capabilities: [], seccomp_profile: $1}
		    network: {mode: none}
	YAML
	runs >/dev/null
	((status == 0))
}

# answers COLUMN: compares with the column of the table.
answers() {
	local call want got failed=0 count=0
	while read -r call want; do
		[[ $want != "*" ]] || continue
		got=$(awk -v call="$call" '$1 == "call" && $2 == call { print $3 }' "$out")
		count=$((count + 1))
		if ! [[ $got =~ ^($want)$ ]]; then
			echo "$call: $got, want $want"
			failed=1
		fi
	done < <(table | awk -v column="$1" '{ print $1, ($column == "." ? $2 : $column) }')
	measured "seccomp_profile $2: calls of the table as expected" "$((failed ? 0 : count))" "$count"
	return $failed
}

@test "unconfined: the kernel's own answers" {
	profile unconfined
	has "Seccomp: 0"
	answers 2 unconfined
}

@test "default" {
	profile default
	has "Seccomp: 2"
	answers 3 default
}

@test "strict" {
	profile strict
	has "Seccomp: 2"
	answers 4 strict
}

@test "a profile of one's own" {
	cat >"$work/own.json" <<-END
		{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
			{"names": ["getrandom"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95},
			{"names": ["pipe2"], "action": "SCMP_ACT_ERRNO"}
		]}
	END
	profile "$work/own.json"
	has "Seccomp: 2" "call getrandom EOPNOTSUPP" "call pipe2 EPERM" "call unshare-user EINVAL"
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["userfaultfd"], "action": "SCMP_ACT_KILL_PROCESS"}]}' >"$work/own.json"
	bundled
	run bh run --bundle "$work/$name" "$name"
	((status == 128 + 31)) # SIGSYS
	[[ $output == *"call perf_event_open"* && $output != *"call userfaultfd"* ]]
}
