#!/usr/bin/env bats
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
	END
	chmod 755 "$work/hook"
	# The one kind whose program is the container's.
	printf '#!/bin/sh\ncat >/tmp/state\ntest -e /tmp/ran && touch /tmp/late\ntouch /tmp/startContainer\n' >"$bundle/rootfs/bin/hook"
	chmod 755 "$bundle/rootfs/bin/hook"
	configure '.hooks = ([$kinds[] | {key: ., value: [{path: $hook, args: ["hook", .]}]}] | from_entries)
		| .hooks.startContainer = [{path: "/bin/hook"}]' \
		--arg hook "$work/hook" --argjson kinds '["prestart", "createRuntime", "createContainer", "poststart", "poststop"]'
	configure '.annotations = {"org.example.a": "b"}'
	in_sh 'touch /tmp/ran; exec sleep 1000'
}
teardown() { oci_teardown; }

kinds() { cut -d ' ' -f 1 "$log" 2>/dev/null | tr '\n' ' '; }

ran() { [[ $(kinds) == "$1" ]]; }

@test "each kind in its time: create, start, delete" {
	bh create -b "$bundle" "$id"
	local pid here
	pid=$(bh state "$id" | jq .pid)
	here=$(readlink /proc/self/ns/mnt)
	# By the specification poststart belongs to start; libcontainer, and so runc,
	# runs it at the end of create.
	[[ $(kinds) == "prestart createRuntime createContainer poststart " ]]
	[[ ! -e $bundle/rootfs/tmp/startContainer ]]
	# The container's pid and the runtime's namespaces; createContainer is in the
	# container's, where its pid is another.
	[[ $(sed -n 1p "$log") == "prestart creat"*" $pid $here no" ]]
	[[ $(sed -n 2p "$log") == "createRuntime creat"*" $pid $here no" ]]
	[[ $(sed -n 3p "$log") == "createContainer creat"*"$(readlink "/proc/$pid/ns/mnt")"*" no" ]]
	bh start "$id"
	[[ $(kinds) == "prestart createRuntime createContainer poststart " ]]
	[[ -e $bundle/rootfs/tmp/startContainer && ! -e $bundle/rootfs/tmp/late ]]
	[[ $(sed -n 4p "$log") == "poststart "*" $pid $here"* ]]
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

@test "a hook that fails before start ends the creation; poststop hooks run" {
	configure '.hooks.createRuntime += [{path: "/bin/false"}]'
	run ! bh create -b "$bundle" "$id"
	not_runc "does not run them"
	[[ $(kinds) == "prestart createRuntime poststop " ]]
	nothing_left "$id"
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
