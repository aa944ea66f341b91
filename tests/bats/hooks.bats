#!/usr/bin/env bats
# bats file_tags=beside
# The hooks of config.json: when each kind runs, where, and with what.

load helpers

setup() {
	oci_setup
	log=$work/hooks
	# Each says its kind, the state's status and pid, its mount namespace and
	# what it finds of the program.
	cat >"$work/hook" <<-END
		#!/bin/sh
		state=\$(cat)
		status=\$(echo "\$state" | sed 's/.*"status":"\([a-z]*\)".*/\1/')
		pid=\$(echo "\$state" | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
		ran=no; [ -e $bundle/rootfs/tmp/ran ] && ran=yes
		echo "\$1 \$status \$pid \$(readlink /proc/self/ns/mnt) \$ran" >>$log
		echo "\$state" >$work/state-of-\$1
		[ "\$1" != poststart ] || cat /proc/\$pid/comm >$work/program
	END
	chmod 755 "$work/hook"
	# The one kind whose program is the container's.
	printf '#!/bin/sh\ncat >/tmp/state\ntest -e /tmp/ran && touch /tmp/late\ntouch /tmp/startContainer\n' >"$bundle/rootfs/bin/hook"
	chmod 755 "$bundle/rootfs/bin/hook"
	configure '.hooks = ([$kinds[] | {key: ., value: [{path: $hook, args: ["hook", .]}]}] | from_entries)
		| .hooks.startContainer = [{path: "/bin/hook"}]' \
		--arg hook "$work/hook" --argjson kinds '["prestart", "createRuntime", "createContainer", "poststart", "poststop"]'
	configure '.annotations = {"org.example.a": "b"}'
	in_sh 'touch /tmp/ran; while :; do sleep 1000; done'
}
teardown() { oci_teardown; }

kinds() { cut -d ' ' -f 1 "$log" 2>/dev/null | tr '\n' ' '; }

ran() { [[ $(kinds) == "$1" ]]; }

@test "each kind in its time: create, start, delete" {
	# The hook of poststart finds what the program and the hook before it left.
	not_runc "runs poststart at the end of create"
	printf '#!/bin/sh\ncat >/tmp/state\ntest -e /tmp/ran && touch /tmp/late\nbusybox sleep 0.5\ntouch /tmp/startContainer\n' >"$bundle/rootfs/bin/hook"
	bh create -b "$bundle" "$id"
	local pid here
	pid=$(bh state "$id" | jq .pid)
	here=$(readlink /proc/self/ns/mnt)
	[[ $(kinds) == "prestart createRuntime createContainer " ]]
	[[ ! -e $bundle/rootfs/tmp/startContainer ]]
	# The container's pid and the runtime's namespaces; createContainer is in the
	# container's, where its pid is another.
	[[ $(sed -n 1p "$log") == "prestart creat"*" $pid $here no" ]]
	[[ $(sed -n 2p "$log") == "createRuntime creat"*" $pid $here no" ]]
	[[ $(sed -n 3p "$log") == "createContainer creat"*"$(readlink "/proc/$pid/ns/mnt")"*" no" ]]
	bh start "$id"
	[[ $(kinds) == "prestart createRuntime createContainer poststart " ]]
	[[ -e $bundle/rootfs/tmp/startContainer && ! -e $bundle/rootfs/tmp/late ]]
	[[ $(sed -n 4p "$log") == "poststart running $pid $here "* ]]
	[[ $(cat "$work/program") == sh ]] # not what waited for start
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	[[ $(kinds) != *poststop* ]]
	bh delete "$id"
	[[ $(kinds) == "prestart createRuntime createContainer poststart poststop " ]]
	[[ $(sed -n 5p "$log") == "poststop stopped "* ]]
}

@test "run runs them all, in order" {
	program touch /tmp/ran
	bh run -b "$bundle" "$id"
	[[ $(kinds) == "prestart createRuntime createContainer poststart poststop " ]]
	[[ -e $bundle/rootfs/tmp/startContainer && ! -e $bundle/rootfs/tmp/late ]]
}

@test "a hook gets the OCI state: version, id, bundle, annotations" {
	program true
	bh run -b "$bundle" "$id"
	for kind in prestart createRuntime createContainer poststart poststop; do
		[[ $(jq -r '.id + " " + .bundle + " " + .annotations["org.example.a"]' "$work/state-of-$kind") == "$id $bundle b" ]]
		[[ $(jq -r .ociVersion "$work/state-of-$kind") == 1.* ]]
	done
	[[ $(jq -r .id "$bundle/rootfs/tmp/state") == "$id" ]]
}

@test "hooks of a kind run one after the other, with their own arguments and environment" {
	configure '.hooks = {createRuntime: [
		{path: "/bin/sh", args: ["first", "-c", "sleep 0.2; echo $0 $A >>\($log)", "one"], env: ["A=1"]},
		{path: "/bin/sh", args: ["second", "-c", "echo $0 $A >>\($log)", "two"]}]}' --arg log "$log"
	program true
	bh run -b "$bundle" "$id"
	[[ $(cat "$log") == $'one 1\ntwo' ]]
}

@test "a poststop hook that fails is a warning, and the next one runs" {
	not_runc "stops there in older versions"
	configure '.hooks.poststop = [{path: "/bin/false"}] + .hooks.poststop'
	program true
	run -0 --separate-stderr bh run -b "$bundle" "$id"
	[[ $stderr == "warning: cannot run poststop hook #0 /bin/false of container \"$id\": "* ]]
	[[ $(kinds) == *"poststop " ]]
	nothing_left "$id"
}

# ended KINDS: the container is gone, and these hooks ran.
ended() {
	nothing_left "$id"
	[[ $(kinds) == "$1" ]]
}

@test "a hook that fails, of each kind that create runs, ends the creation; poststop hooks run" {
	not_runc "does not run them"
	local kind ran="" config
	config=$(<"$bundle/config.json")
	for kind in prestart createRuntime createContainer; do
		ran+="$kind "
		: >"$log"
		configure '.hooks[$kind] += [{path: "/bin/sh", args: ["sh", "-c", "echo cause >&2; exit 7"]}]' --arg kind "$kind"
		fails "cannot create container \"$id\": *$kind*exit status 7*cause*" bh create -b "$bundle" "$id"
		ended "${ran}poststop "
		echo "$config" >"$bundle/config.json"
	done
}

@test "a poststart hook that fails ends the container; poststop hooks run" {
	not_runc "runs poststart at the end of create"
	configure '.hooks.poststart = [{path: "/bin/sh", args: ["sh", "-c", "exit 7"]}] + .hooks.poststart'
	bh create -b "$bundle" "$id"
	fails "cannot start container \"$id\": cannot run poststart hook #0 /bin/sh: exit status 7*" bh start "$id"
	ended "prestart createRuntime createContainer poststop " # and not the second
	fails "*does not exist*" bh state "$id"
	rm -f "$log"
	fails "cannot run container \"$id\": cannot run poststart hook #0 /bin/sh: exit status 7*" bh run -b "$bundle" "$id"
	ended "prestart createRuntime createContainer poststop "
	rm -f "$log"
	fails "cannot run container \"$id\": cannot run poststart hook #0 /bin/sh: exit status 7*" bh run -d -b "$bundle" "$id"
	ended "prestart createRuntime createContainer poststop "
}

@test "a startContainer hook that fails: the program never runs" {
	not_runc "passes over it in older versions"
	configure '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "exit 7"]}] | del(.hooks.poststart)'
	run ! --separate-stderr bh run -b "$bundle" "$id"
	[[ $stderr == *"startContainer hook"*"exit status 7"* ]]
	[[ ! -e $bundle/rootfs/tmp/ran ]]
	ended "prestart createRuntime createContainer poststop "
	# start cannot tell a hook's failure from the program's end, as runc: the
	# container has stopped, and its stderr says why.
	rm -f "$log"
	bh create -b "$bundle" "$id" </dev/null >"$work/out" 2>&1
	bh start "$id"
	wait_until is_status "$id" stopped
	grep -q "startContainer hook.*exit status 7" "$work/out"
	[[ ! -e $bundle/rootfs/tmp/ran ]]
	bh delete "$id"
	ended "prestart createRuntime createContainer poststop "
}

@test "a hook's timeout ends it, of each kind" {
	not_runc "other words"
	local kind
	for kind in prestart createRuntime createContainer poststart; do
		configure '.hooks = {($kind): [{path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1}]}' --arg kind "$kind"
		fails "cannot run container \"$id\": *$kind hook*timeout of 1.0s*" bh run -b "$bundle" "$id"
		nothing_left "$id"
	done
	configure '.hooks = {poststop: [{path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1}]}'
	program true
	run -0 --separate-stderr bh run -b "$bundle" "$id"
	[[ $stderr == "warning: cannot run poststop hook #0 /bin/sleep of container \"$id\": hook ran past specified timeout of 1.0s" ]]
	configure '.hooks = {startContainer: [{path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1}]}'
	run ! bh run -b "$bundle" "$id"
	[[ $output == *"startContainer hook"*"timeout of 1.0s"* ]]
	nothing_left "$id"
	for kind in prestart createRuntime createContainer startContainer poststart poststop; do
		configure '.hooks = {($kind): [{path: "/bin/true"}, {path: "/bin/true", timeout: 0}]}' --arg kind "$kind"
		fails "cannot create container \"$id\": config.json: hooks.${kind}[[]1].timeout 0 is not above 0 seconds" bh create -b "$bundle" "$id"
	done
}

@test "poststart hooks wait for the program, however short it is" {
	not_runc "runs poststart at the end of create"
	program true
	configure '.hooks = {poststart: [{path: "/bin/sh", args: ["sh", "-c", "echo ran >>\($log)"]}]}' --arg log "$log"
	bh run -b "$bundle" "$id"
	bh create -b "$bundle" "$id"
	bh start "$id"
	[[ $(cat "$log") == ran$'\n'ran ]]
	bh delete --force "$id"
}

@test "hooks and programs get what config.json gives them: no variable of the caller's, no descriptor of the runtime's" {
	not_runc "hands on the caller's environment"
	local kind hooks='{}' bad
	for kind in prestart createRuntime createContainer poststart poststop; do
		hooks=$(jq '.[$kind] = [
			{path: "/bin/cp", args: ["cp", "/proc/self/environ", "\($work)/\($kind).none"]},
			{path: "/bin/cp", args: ["cp", "/proc/self/environ", "\($work)/\($kind).own"], env: ["A=1"]},
			{path: "/bin/sh", args: ["sh", "-c", "exec ls -l /proc/self/fd >\($work)/\($kind).fds"]}]' --arg kind "$kind" --arg work "$work" <<<"$hooks")
	done
	hooks=$(jq '.startContainer = [{path: "/bin/busybox", args: ["cp", "/proc/self/environ", "/tmp/start"]},
		{path: "/bin/sh", args: ["sh", "-c", "exec ls -l /proc/self/fd >/tmp/fds"]}]' <<<"$hooks")
	configure '.hooks = $hooks | .process.env = ["B=2", "HOME=/"]' --argjson hooks "$hooks"
	program /bin/busybox cp /proc/self/environ /tmp/program
	exec 7</etc/passwd 8>"$work/file"
	run -0 env -i PATH=/usr/bin:/bin SECRET=x LD_PRELOAD=/nonexistent.so LISTEN_FDS=0 LISTEN_PID=1 NOTIFY_SOCKET= _LIBCONTAINER_STATEDIR=/x \
		"$BLACKHOLE" --root "$root" run -b "$bundle" "$id" </dev/null 3>&-
	exec 7<&- 8>&-
	[[ -z $output && $(tr '\0' ' ' <"$bundle/rootfs/tmp/program") == "B=2 HOME=/ " ]]
	for kind in prestart createRuntime createContainer poststart poststop; do
		# The runtime's own mark, by which it finds a hook that a killed creation left.
		bad=$(tr '\0' '\n' <"$work/$kind.none" | grep -v '^PATH=\|^BLACKHOLE_HOOK_OF=' || true)
		[[ -z $bad ]] || { echo "$kind: $bad"; return 1; }
		bad=$(tr '\0' '\n' <"$work/$kind.own" | grep -v '^A=1$\|^BLACKHOLE_HOOK_OF=' || true)
		[[ -z $bad ]] || { echo "$kind: $bad"; return 1; }
		grep -q 'A=1' "$work/$kind.own"
		bad=$(grep -v ' [012] -> \| -> /proc/[0-9]*/fd$\|^total' "$work/$kind.fds" || true)
		[[ -z $bad ]] || { echo "$kind: $bad"; return 1; }
		grep -q ' 0 -> ' "$work/$kind.fds"
	done
	# Those inside have the program's.
	[[ $(tr '\0' ' ' <"$bundle/rootfs/tmp/start") == "B=2 HOME=/ " ]]
	bad=$(grep -v ' [012] -> \| 3$\| -> /proc/[0-9]*/fd$\|^total' "$bundle/rootfs/tmp/fds" || true)
	[[ -z $bad ]]
}
