#!/usr/bin/env bats
# bats file_tags=beside
# What fails says so in one line, and leaves nothing behind.

load helpers

setup() { oci_setup; }
teardown() { oci_teardown; }

# refused PATTERN: create and run fail so, and each leaves nothing, not even
# the state folder that was made for it.
refused() {
	local verb
	for verb in create run; do
		fails "$1" bh "$verb" -b "$bundle" "${flags[@]}" "$id" </dev/null
		nothing_left "$id"
		[[ ! -e $root ]] || {
			echo "$verb left the state folder"
			return 1
		}
	done
}

# ours: most patterns are of our own wording.
ours() { not_runc "its wording is its own"; }

@test "a program that is not there" {
	ours
	program /does/not/exist
	refused 'cannot * container "'"$id"'": unable to start container process: *exec: "/does/not/exist": stat /does/not/exist: no such file or directory'
}

@test "a program that is not in the PATH" {
	ours
	program nosuchprogram
	refused 'cannot * container *exec: "nosuchprogram": executable file not found in $PATH'
}

@test "a program that is not executable" {
	ours
	echo text >"$bundle/rootfs/etc/file"
	program /etc/file
	refused 'cannot * container *exec: "/etc/file": permission denied'
}

@test "a working directory that is a file" {
	ours
	touch "$bundle/rootfs/etc/file"
	configure '.process.cwd = "/etc/file"'
	refused 'cannot * container */etc/file*not a directory*'
}

@test "a working directory that is relative, a process without arguments, a missing process" {
	ours
	configure '.process.cwd = "tmp"'
	refused 'cannot * container *config.json: process.cwd "tmp" is not an absolute path'
	configure '.process.cwd = "/" | .process.args = []'
	refused 'cannot * container *config.json: process.args is empty*'
	configure 'del(.process)'
	refused 'cannot * container *config.json: process is missing'
}

@test "a hook that fails, and what it said; poststop hooks run" {
	ours
	configure '.hooks = {
		createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "echo no luck >&2; exit 3"]}],
		poststop: [{path: "/bin/touch", args: ["touch", $gone]}]}' --arg gone "$work/poststop"
	refused 'cannot * container *error running createRuntime hook #0: exit status 3*no luck*'
	[[ -e $work/poststop ]]
}

@test "hooks of every kind that fail" {
	ours
	for kind in prestart createRuntime createContainer; do
		configure '.hooks = {($kind): [{path: "/bin/false"}]}' --arg kind "$kind"
		refused "cannot * container *$kind hook #0*"
	done
	configure '.hooks = {poststart: [{path: "/bin/false"}]}' # start's, see hooks.bats
	fails "cannot run container *poststart hook #0*" bh run -b "$bundle" "$id"
	nothing_left "$id"
	configure '.hooks = {startContainer: [{path: "/bin/false"}]}'
	# This one is run by the container's own first process, after start.
	run -255 --separate-stderr bh run -b "$bundle" "$id"
	[[ $stderr == *"error running startContainer hook #0: exit status 1"* ]]
	nothing_left "$id"
}

@test "a hook that is not there, or takes too long" {
	ours
	configure '.hooks = {createRuntime: [{path: "/does/not/exist"}]}'
	refused 'cannot * container *createRuntime hook #0*/does/not/exist: no such file or directory'
	configure '.hooks = {createRuntime: [{path: "/bin/sleep", args: ["sleep", "100"], timeout: 1}]}'
	refused 'cannot * container *createRuntime hook #0*timeout of 1.0s'
}

@test "a pid file in a folder that is not there" {
	ours
	flags=(--pid-file "$work/none/pid")
	refused "cannot * container *cannot write $work/none/pid: *no such file or directory"
}

@test "a console socket that is not there, or that nobody listens on" {
	ours
	configure '.process.terminal = true'
	fails "cannot create container *console socket: $work/none: no such file or directory" \
		bh create --console-socket "$work/none" -b "$bundle" "$id"
	touch "$work/file"
	fails "cannot create container *console socket: $work/file: connection refused" \
		bh create --console-socket "$work/file" -b "$bundle" "$id"
	fails "cannot run container *console socket: $work/none: *" \
		bh run --detach --console-socket "$work/none" -b "$bundle" "$id"
	nothing_left "$id"
	[[ ! -e $root ]]
}

@test "a pidfd socket that is not there" {
	ours
	flags=(--pidfd-socket "$work/none")
	refused "cannot * container *pidfd socket: $work/none: no such file or directory"
}

@test "a seccomp profile with an unknown action, architecture or nothing to do" {
	ours
	configure '.linux.seccomp = {defaultAction: "SCMP_ACT_NOPE"}'
	refused 'cannot * container *SCMP_ACT_NOPE*'
	configure '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_NOPE"]}'
	refused 'cannot * container *SCMP_ARCH_NOPE*'
}

@test "a mount source that is not there" {
	ours
	configure '.mounts += [{destination: "/data", source: $source, type: "bind", options: ["bind"]}]' --arg source "$work/none"
	refused "cannot * container *$work/none*no such file or directory"
	configure '.mounts[-1].source = "none"'
	refused "cannot * container *$bundle/none*no such file or directory"
}

@test "a file system that the kernel does not have" {
	ours
	configure '.mounts += [{destination: "/data", source: "x", type: "nosuchfs"}]'
	refused 'cannot * container *"/data": * no such device'
}

@test "a cgroup that refuses its limit" {
	ours
	configure '.linux.resources.cpu.cpus = "4000"'
	refused 'cannot * container *cpuset.cpus*'
	configure '.linux.resources = {memory: {limit: 1000000000, swap: 1000}}'
	refused 'cannot * container *memory*'
}

@test "a memory limit in which nothing starts" {
	ours
	configure '.linux.resources.memory = {limit: 65536, swap: 65536}'
	refused 'cannot * container *'
}

@test "a cgroup that is somebody else's" {
	ours
	configure '.linux.cgroupsPath = $path' --arg path "/bats-$id"
	bh create -b "$bundle" "$id-a"
	fails "cannot create container *container's cgroup is not empty*" bh create -b "$bundle" "$id"
	is_status "$id-a" created
	bh delete --force "$id"
	is_status "$id-a" created
	bh delete "$id-a"
	[[ -z $(cgroups_of "bats-$id") ]]
}

@test "a namespace path that is not there" {
	ours
	configure '.linux.namespaces |= map(if .type == "network" then .path = "/does/not/exist" else . end)'
	refused 'cannot * container */does/not/exist*'
}

@test "a root file system that is not there" {
	ours
	configure '.root.path = "none"'
	refused "cannot * container *$bundle/none*no such file or directory"
}

@test "a user that rlimits or capabilities cannot be given to" {
	ours
	configure '.process.rlimits = [{type: "RLIMIT_NOPE", soft: 1, hard: 1}]'
	refused 'cannot * container *unknown process.rlimits type "RLIMIT_NOPE"'
	configure '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 10, hard: 1}]'
	refused 'cannot * container *rlimit*'
}

@test "a sysctl that is not the namespace's" {
	ours
	configure '.linux.sysctl = {"kernel.panic": "1"}'
	refused 'cannot * container *kernel.panic*'
}

@test "a bundle that is not there, or whose config.json is not there or is broken" {
	ours
	fails "cannot create container *$work/none: no such file or directory" bh create -b "$work/none" "$id"
	rm "$bundle/config.json"
	refused "cannot * container *$bundle/config.json: no such file or directory"
	echo '{"ociVersion": ' >"$bundle/config.json"
	refused "cannot * container *$bundle/config.json:*"
}

@test "an id that is empty, misformed or taken" {
	ours
	fails 'cannot create container "": container id cannot be empty' bh create -b "$bundle" ""
	for bad in . .. a/b 'a b' ../x @x é; do
		fails "cannot create container *: invalid container ID format*" bh create -b "$bundle" "$bad"
		fails "cannot delete container *: invalid container ID format*" bh delete --force "$bad"
		fails "cannot show container *: invalid container ID format*" bh state "$bad"
	done
	bh create -b "$bundle" "$id"
	fails 'cannot create container "'"$id"'": container with given ID already exists' bh create -b "$bundle" "$id"
	is_status "$id" created
	bh delete "$id"
}

@test "descriptors to preserve that are not there" {
	ours
	flags=(--preserve-fds 3)
	refused 'cannot * container *: cannot preserve 3 descriptors: * is not open'
	flags=(--preserve-fds -1)
	refused 'cannot * container *: cannot preserve -1 descriptors'
	flags=(--preserve-fds many)
	refused 'blackhole *"many"*; see blackhole * --help'
}

@test "start, kill, state and delete of what is not there" {
	fails '*does not exist*' bh start "$id"
	fails '*does not exist*' bh kill "$id"
	fails '*does not exist*' bh state "$id"
	fails '*does not exist*' bh delete "$id"
	bh delete --force "$id"
	[[ $("$BLACKHOLE" --version) == runc* || ! -e $root ]]
}

@test "start of what runs or has stopped, delete of what runs" {
	bh create -b "$bundle" "$id"
	bh start "$id"
	fails '*already running*' bh start "$id"
	fails '*running*' bh delete "$id"
	is_status "$id" running
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	fails '*stopped*' bh start "$id"
	bh delete "$id"
}

@test "wrong numbers of arguments, unknown flags and commands" {
	ours
	for verb in create start state delete run; do
		fails "blackhole $verb: takes one argument, not none; see blackhole $verb --help" bh "$verb"
		fails "blackhole $verb: takes one argument, not 2 (a b); see *" bh "$verb" a b
		fails "blackhole $verb: flag provided but not defined: -nope; see *" bh "$verb" --nope a
	done
	fails "blackhole kill: takes at least 1 argument*" bh kill
	fails "blackhole kill: takes at most 2 arguments, not 3 (a b c)*" bh kill a b c
	fails "blackhole list: takes no arguments, not 1 (a)*" bh list a
	fails 'unknown command "creat"; did you mean "create"?' bh creat
	fails 'unknown command "init"; *' "$BLACKHOLE" init
	fails 'unknown command "zzz"; blackhole --help lists them' bh zzz
	fails 'blackhole: flag provided but not defined: -nope; see blackhole --help' bh --nope list
}

@test "wrong global flags" {
	ours
	fails 'cannot use --root "/": it must be a folder of its own' "$BLACKHOLE" --root / list
	fails 'cannot use --root "": *' "$BLACKHOLE" --root "" list
	fails 'cannot use --log-format "xml": it is text or json' bh --log-format xml list
	fails 'cannot use --rootless "maybe": it is true, false or auto' bh --rootless maybe list
	fails "cannot log: *$work/none/log: no such file or directory" bh --log "$work/none/log" list
	touch "$work/file"
	fails "cannot * container *$work/file*not a directory" "$BLACKHOLE" --root "$work/file/root" create -b "$bundle" "$id"
}

@test "an error is the last line of a JSON log, and on stderr as well" {
	program /does/not/exist
	run -1 --separate-stderr bh --log "$work/log" --log-format json run -b "$bundle" "$id"
	[[ $(tail -n 1 "$work/log" | jq -r .level) == error ]]
	[[ $(tail -n 1 "$work/log" | jq -r .msg) == "$stderr" ]]
	[[ $stderr == *'exec: "/does/not/exist"'* ]]
	run -1 --separate-stderr bh --log-format json run -b "$bundle" "$id"
	[[ $(jq -r .msg <<<"${stderr_lines[-1]}") == *'exec: "/does/not/exist"'* ]]
	run -1 --separate-stderr bh --log "$work/text" run -b "$bundle" "$id"
	[[ $(<"$work/text") == *level=error* && $stderr == *'exec: "/does/not/exist"'* ]]
}

@test "--debug tells what happens" {
	program true
	bh --debug --log "$work/log" run -b "$bundle" "$id"
	grep -q level=debug "$work/log"
	bh --log "$work/quiet" run -b "$bundle" "$id"
	run ! grep -q level=debug "$work/quiet"
}
