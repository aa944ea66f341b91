#!/usr/bin/env bats
# bats file_tags=beside
# Attacks on the runtime's own processes while they are in the container: the
# binary behind /proc/PID/exe, descriptors, the working directory, the joiner.
# docs/security.md has the list.
# shellcheck shell=bash disable=SC2154,SC2016,SC2015,SC2030,SC2031,SC2034,SC2046,SC2086

load helpers
load attacks

setup() { attack_setup; }
teardown() { oci_teardown; }

# on_copy: the runtime under attack is a copy, for an attack that succeeds
# destroys it.
on_copy() {
	cp "$BLACKHOLE" "$work/blackhole"
	BLACKHOLE=$work/blackhole
	whole=$(sha256sum <"$BLACKHOLE")
}

is_whole() { [[ $(sha256sum <"$BLACKHOLE") == "$whole" ]]; }

# held_runtime: the attacker got hold of the runtime at all.
held_runtime() { grep -q '^held .*\(blackhole\|memfd\|runc\)' "$work/attacker"; }

# attacker: runs the overwriting program in the container, which keeps every
# capability: those that the seal has to hold against.
attacker() {
	# shellcheck disable=SC2046
	capabilities $(all_capabilities | grep -v SYS_RESOURCE)
	configure '.process.noNewPrivileges = false'
	program attack exe seen
	bh run -d -b "$bundle" "$id" </dev/null >"$work/attacker" 2>&1
}

@test "the runtime's binary cannot be overwritten through /proc/PID/exe of exec (CVE-2019-5736)" {
	on_copy
	# What is not sealed is overwritten by the same attack.
	cp "$attack" "$bundle/rootfs/bin/victim"
	# And an entrypoint that has the runtime run itself once more.
	printf '#!/proc/self/exe\n' >"$bundle/rootfs/bin/self"
	chmod +x "$bundle/rootfs/bin/self"
	attacker
	for ((i = 0; i < RACES / 3 + 2; i++)); do
		bh exec "$id" attack syscall 39 # a program that is not to be overwritten
		run bh exec "$id" /bin/self
		run bh exec "$id" /proc/self/exe
	done
	bh exec "$id" victim rewrite 39 # long enough to be seen
	wait_until grep -qx 'overwrote /bin/victim' "$work/attacker"
	[[ $(head -c 9 "$bundle/rootfs/bin/victim") == "#!/bin/sh" ]]
	wait_until held_runtime
	cat "$work/attacker"
	run ! grep 'overwrote .*\(blackhole\|memfd\|runc\)' "$work/attacker"
	is_whole
	bh exec "$id" attack syscall 39 # and what runs is whole as well
}

@test "nor by the container's first process, or a program that is /proc/self/exe" {
	on_copy
	# A shared pid namespace, so that the attacker sees other containers' first.
	attacker
	local pid other=$work/other i
	pid=$(bh state "$id" | jq .pid)
	make_bundle "$other" attack syscall 39
	cp "$attack" "$other/rootfs/bin/attack"
	printf '#!/proc/self/exe\n' >"$other/rootfs/bin/self"
	chmod +x "$other/rootfs/bin/self"
	jq '(.linux.namespaces[] | select(.type == "pid")).path = $ns' --arg ns "/proc/$pid/ns/pid" "$other/config.json" >"$work/pid.json"
	for ((i = 0; i < RACES / 9 + 1; i++)); do
		for program in /bin/attack /bin/self /proc/self/exe; do
			jq '.process.args[0] = $p' --arg p "$program" "$work/pid.json" >"$other/config.json"
			run bh run -b "$other" "$id-other" </dev/null
			[[ ! -e $root/$id-other ]]
		done
	done
	wait_until held_runtime
	run ! grep 'overwrote .*\(blackhole\|memfd\|runc\)' "$work/attacker"
	is_whole
}

@test "no descriptor of the runtime's reaches a program of run or exec (CVE-2016-9962)" {
	program ls -l /proc/self/fd
	others() { sed -n 's/.* \([0-9]* -> .*\)/\1/p' <<<"$output" | grep -v '^[012] \|/proc/[0-9]*/fd$' || true; }
	exec 7<"$work" 8</etc/passwd 9>"$work/file" # what a caller may have open
	run -0 bh run -b "$bundle" "$id" </dev/null
	[[ $output == *"0 -> "* && -z $(others) ]]
	run -0 "$BLACKHOLE" --root "$root" run --preserve-fds 5 -b "$bundle" "$id" 3</dev/null 4</dev/null 5</dev/null 6</dev/null </dev/null # it does see those that it is given
	[[ $(others) == *"7 -> $work"* ]]
	program sleep 1000
	bh run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	run -0 bh exec "$id" ls -l /proc/self/fd
	[[ $output == *"0 -> "* && -z $(others) ]]
	exec 7<&- 8<&- 9>&-
}

@test "before the program's start, a descriptor of the waiting process leads to nothing of the host's" {
	program sleep 1000
	# shellcheck disable=SC2046
	capabilities $(all_capabilities | grep -v SYS_RESOURCE)
	configure '.process.noNewPrivileges = false'
	bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	# All of them are seen: by root of the container, who may trace.
	run -0 bh exec "$id" attack fds 1
	echo "$output"
	[[ $output == *socket:* && $output == */exec.fifo* ]]
	local fd target n=0
	while read -r -u 9 fd target; do # what is run here has no part of the list
		echo "$fd $target"
		# Besides the fifo: the sealed binary, procfs of its own, its own quota, which Go's runtime reads.
		[[ $target != /* || $target == @(*/exec.fifo|/dev/null|/|/memfd:*|"/${BLACKHOLE##*/}"|/1/task/1/fd|/*/cpu.@(max|cfs_*_us)) ]]
		run bh exec --cwd "/proc/1/fd/$fd" "$id" attack cwd 9<&- </dev/null
		((status != 0)) || [[ $output != *outside* ]]
		# Its state, or its cgroup as seen from above.
		run --separate-stderr bh exec "$id" sh -c "cd -P /proc/1/fd/$fd && for up in 1 2 3 4; do ls; cd -P ..; done" 9<&- </dev/null
		[[ $output != *state.json* && $output != *"$id"* ]]
		n=$((n + 1))
	done 9<<<"$output"
	((n > 5))
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
}

@test "a working directory that is a descriptor of the runtime's is refused (CVE-2024-21626)" {
	run -0 "$attack" cwd-leak "$bundle/rootfs"
	[[ $output == outside* ]] # what is looked for is found
	exec 7<"$work" 8</
	local n refused=0
	for ((n = 3; n < 16; n++)); do
		configure '.process.cwd = $cwd | .process.args = ["attack", "cwd"]' --arg cwd "/proc/self/fd/$n"
		run --separate-stderr bh run -b "$bundle" "$id" </dev/null
		one_line
		[[ $output != *outside* ]]
		((status == 0)) || refused=$((refused + 1))
		nothing_left "$id"
	done
	((refused > 8))
	configure '.process.cwd = "/" | .process.args = ["sleep", "1000"]'
	bh run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	ln -s /proc/self/fd/8 "$bundle/rootfs/link"
	for ((n = 3; n < 16; n++)); do
		run --separate-stderr bh exec --cwd "/proc/self/fd/$n" "$id" attack cwd
		one_line
		[[ $output != *outside* ]]
	done
	run bh exec --cwd /link "$id" attack cwd
	[[ $output != *outside* ]]
	exec 7<&- 8<&-
}

# joined COUNT [ENOUGH]: what a program in the container got of the processes that
# exec sent in; no more of them once it got that.
joined() {
	local round
	bh run -d -b "$bundle" "$id" </dev/null >"$work/joiner" 2>&1
	for ((round = 0; round < $1; round++)); do
		SECRET=hidden bh exec "$id" true 7<"$work"
		[[ -z ${2-} ]] || ! grep -qx "$2" "$work/joiner" || break
	done
	bh delete --force "$id"
	sort "$work/joiner" | paste -sd,
}

@test "a program in the container cannot trace, read or take from the process that exec sends in (CVE-2016-9962)" {
	local count=$((RACES / 3 + 6)) all
	program attack joiner seen
	[[ $(joined "$count") == seen ]]
	# Nor root of a user namespace, who has every capability in it.
	cp "$bundle/config.json" "$work/plain.json"
	configure '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	chmod 711 "$work"
	chown -R 100000:100000 "$bundle/rootfs"
	capabilities $(all_capabilities)
	[[ $(joined "$count") == seen ]]
	cp "$work/plain.json" "$bundle/config.json"
	# Without one, every capability but that to trace: since Linux 6.13 CAP_PERFMON
	# shows maps and environment, in which is nothing of the caller's.
	capabilities $(all_capabilities | grep -v 'SYS_RESOURCE\|SYS_PTRACE')
	all=$(joined "$count")
	[[ $all == seen || $all == environment,maps,seen || $all == environment,seen || $all == maps,seen ]]
	# The control, the same attack with the protection off: with that capability it
	# gets at everything.
	capabilities CAP_SYS_PTRACE
	all=$(joined 500 ptrace)
	echo "$all"
	[[ $all == *descriptors*"mount namespace"*ptrace*root* ]]
	[[ $all != *secret* ]]
}
