#!/usr/bin/env bats
# bats file_tags=beside
# exec and ps: more processes in a container that is there.

load helpers

setup() {
	oci_setup
	configure '.process.env += ["OWN=container"]'
}
teardown() { oci_teardown; }

running() {
	bh create -b "$bundle" "$id"
	bh start "$id"
}

# in_container PID: the process has the container's mount and pid namespaces.
in_container() {
	local name
	for name in mnt pid net ipc uts; do
		[[ $(readlink "/proc/$1/ns/$name") == "$(readlink "/proc/$(bh state "$id" | jq .pid)/ns/$name")" ]] || return 1
	done
}

# process FILTER: a process.json from config.json.
process() { jq "$1" "$bundle/config.json" >"$work/process.json"; }

@test "exec runs a program in the container's namespaces and cgroups" {
	running
	run -0 bh exec "$id" readlink /proc/self/ns/mnt
	[[ $output == "$(readlink "/proc/$(bh state "$id" | jq .pid)/ns/mnt")" ]]
	run -0 bh exec "$id" sh -c 'echo $OWN $0 $1; pwd' a b
	[[ ${lines[*]} == "container a b /" ]]
	bh exec -d --pid-file "$work/pid" "$id" sleep 100
	in_container "$(<"$work/pid")"
	diff "/proc/$(<"$work/pid")/cgroup" "/proc/$(bh state "$id" | jq .pid)/cgroup"
}

@test "exec's exit code is the program's, or says which signal it died by" {
	running
	run -7 bh exec "$id" sh -c 'exit 7'
	run -0 bh exec "$id" true
	run -143 bh exec "$id" sh -c 'kill -TERM $$'
	run -137 bh exec "$id" sh -c 'kill -KILL $$'
	is_status "$id" running
}

@test "a program that cannot be started: 255, and the reason" {
	running
	run -255 --separate-stderr bh exec "$id" nosuchprogram
	[[ $stderr == *nosuchprogram*': executable file not found in $PATH'* ]]
	touch "$bundle/rootfs/etc/file"
	run -255 --separate-stderr bh exec "$id" /etc/file
	[[ $stderr == */etc/file*': permission denied'* ]]
	run -255 --separate-stderr bh exec --cwd /nowhere "$id" true
	[[ $stderr == *"/nowhere"* ]]
	run -255 --separate-stderr bh exec --cwd nowhere "$id" true
	run -255 --separate-stderr bh exec "$id"
	[[ -n $stderr ]]
}

@test "one line says what is wrong with exec's arguments" {
	not_runc "says it in other words"
	running
	code255() {
		run -255 --separate-stderr bh exec "${@:2}"
		# shellcheck disable=SC2053
		[[ ${#stderr_lines[@]} == 1 && $stderr == $1 ]] || {
			echo "expected $1, got: $stderr"
			return 1
		}
	}
	fails 'blackhole exec: takes at least 1 argument(s), not none; see blackhole exec --help' bh exec
	code255 "cannot exec in container \"$id\": no program is given" "$id"
	code255 "cannot exec in container \"$id\": user \"root\" is not UID\[:GID\] in numbers" -u root "$id" true
	code255 "cannot exec in container \"$id\": user \"0:4294967296\" is not *" -u 0:4294967296 "$id" true
	code255 "cannot exec in container \"$id\": additional group -1 is not a group id" -g -1 "$id" true
	code255 "cannot exec in container \"$id\": cwd \"here\" is not an absolute path" --cwd here "$id" true
	code255 "cannot exec in container \"$id\": cannot read process: open $work/none: no such file or directory" -p "$work/none" "$id"
	echo '{"args": ["true"], "cwd": 7}' >"$work/process.json"
	code255 "cannot exec in container \"$id\": cannot read process: $work/process.json:1:*: cwd: a JSON number where string belongs" -p "$work/process.json" "$id"
	process '.process | .rlimits = [{type: "RLIMIT_X", soft: 1, hard: 1}]'
	code255 "cannot exec in container \"$id\": unknown process.rlimits type \"RLIMIT_X\"" -p "$work/process.json" "$id"
	code255 "cannot exec in container \"$id\": a detached process has a terminal only with a console socket*" -t -d "$id" true
	code255 "cannot exec in container \"$id\": console socket $work/none without a terminal (--tty)" -d --console-socket "$work/none" "$id" true
	code255 "cannot exec in container \"$id\": console socket $work/none for a process that is not detached" -t --console-socket "$work/none" "$id" true
	code255 "cannot exec in container \"$id\": cannot reach the console socket: $work/none: no such file or directory" -t -d --console-socket "$work/none" "$id" true
	code255 "cannot exec in container \"$id\": cannot write $work/none/pid: *" -d --pid-file "$work/none/pid" "$id" sleep 77
	[[ $(bh ps --format json "$id" | jq length) == 1 ]] # that sleep is gone
	code255 "cannot exec in container \"$id\": cgroup \":a\" has an empty controller name" --cgroup :a "$id" true
	code255 "cannot exec in container \"$id\": of several cgroups \"b\" names no controller*" --cgroup b --cgroup a "$id" true
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		code255 "cannot exec in container \"$id\": cgroup \"cpu:b\" names a controller, *v2*" --cgroup cpu:b "$id" true
	else
		code255 "cannot exec in container \"$id\": cgroup \"cpu:b\" names controller cpu a second time" --cgroup cpu:a --cgroup cpu:b "$id" true
	fi
	code255 "cannot exec in container \"none\": *does not exist" none true
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	code255 "cannot exec in container \"$id\": container not running: it has stopped" "$id" true
}

@test "exec --env, --cwd, --user, --additional-gids" {
	running
	run -0 bh exec -e A=1 -e B=2,3 -e OWN=mine --cwd /etc "$id" sh -c 'echo $A $B $OWN; pwd'
	[[ ${lines[*]} == "1 2,3 mine /etc" ]]
	run -0 bh exec -u 1000:1001 -g 7 -g 8 "$id" id
	[[ $output == "uid=1000 gid=1001 groups="*7*8* ]]
	run -0 bh exec --env A=2 --additional-gids 9 --user 1000 "$id" sh -c 'echo $A; id -G'
	[[ $output == *2*9* ]]
	run -0 bh exec --user 1000 "$id" id -u
	[[ $output == 1000 ]]
	run -0 bh exec --user 1000 "$id" id -g
	[[ $output == 0 ]]
}

@test "exec --cap adds to the capabilities, --no-new-privs as said" {
	running
	run -0 bh exec --cap CAP_SYS_NICE "$id" grep -E '^Cap(Prm|Eff|Bnd|Amb)' /proc/self/status || run -0 bh exec --cap CAP_SYS_NICE "$id" cat /proc/self/status
	# CAP_SYS_NICE is bit 23: 0x800000, beside CAP_KILL, CAP_NET_BIND_SERVICE and CAP_AUDIT_WRITE.
	for set in CapPrm CapEff CapBnd; do
		[[ $output == *"$set:"*"20800420"* ]]
	done
	run -0 bh exec "$id" cat /proc/self/status
	[[ $output == *"CapEff:"*"20000420"* && $output == *"NoNewPrivs:"*1* ]]
	run -0 bh exec --no-new-privs=false "$id" cat /proc/self/status
	[[ $output == *$'NoNewPrivs:\t0'* ]]
}

@test "exec --cap where config.json names none" {
	not_runc "crashes"
	configure 'del(.process.capabilities)'
	running
	run -0 bh exec --cap CAP_SYS_NICE "$id" cat /proc/self/status
	[[ $output == *$'CapEff:\t0000000000800000'* ]]
}

@test "exec --process-label, --apparmor: the label is set, or there is a reason" {
	running
	if [[ -d /sys/fs/selinux && -e /sys/fs/selinux/enforce ]]; then
		skip "SELinux: which label may be used is the policy's"
	fi
	run -255 --separate-stderr bh exec --process-label system_u:system_r:bats_t:s0 "$id" true
	[[ $("$BLACKHOLE" --version) != blackhole* ||
		$stderr == "cannot exec in container \"$id\": process.selinuxLabel \"system_u:system_r:bats_t:s0\" on a host without SELinux" ]]
	run -255 --separate-stderr bh exec --apparmor bats-no-such-profile "$id" true
	[[ $stderr == *[aA]pp[aA]rmor* ]]
	not_runc "says it in more lines"
	[[ ${#stderr_lines[@]} == 1 && $stderr == "cannot exec in container \"$id\": "* ]]
}

@test "exec --process takes everything from a file" {
	running
	process '.process | .args = ["sh", "-c", "echo $ONLY; pwd; id -u; ulimit -s"] | .env = ["PATH=/bin", "ONLY=this"] | .cwd = "/tmp" |
		.user = {uid: 5, gid: 6} | .rlimits = [{type: "RLIMIT_STACK", soft: 1048576, hard: 2097152}]'
	run -0 bh exec --process "$work/process.json" "$id"
	[[ ${lines[*]} == "this /tmp 5 1024" ]]
	run -0 bh exec -p "$work/process.json" "$id"
	[[ ${lines[*]} == "this /tmp 5 1024" ]]
}

@test "exec --detach returns, the streams are the program's" {
	running
	bh exec --detach --pid-file "$work/pid" "$id" sh -c 'sleep 0.3; echo late' >"$work/out"
	[[ ! -s $work/out ]]
	[[ $(<"$work/pid") =~ ^[0-9]+$ ]]
	wait_until grep -q late "$work/out"
}

@test "exec hands on what is read and written, and descriptors" {
	running
	run -0 bash -c "echo hello | $BLACKHOLE --root $root exec $id cat"
	[[ $output == hello ]]
	run -0 --separate-stderr bh exec "$id" sh -c 'echo out; echo err >&2'
	[[ $output == out && $stderr == err ]]
	echo three >"$work/three"
	run -0 bash -c "exec 3<$work/three; $BLACKHOLE --root $root exec --preserve-fds 1 $id sh -c 'cat <&3'"
	[[ $output == three ]]
	not_runc "takes a descriptor of its own for the caller's"
	run -255 bash -c "exec 3<&-; $BLACKHOLE --root $root exec --preserve-fds 1 $id true"
}

@test "exec forwards signals" {
	running
	"$BLACKHOLE" --root "$root" exec "$id" sh -c 'trap "exit 9" TERM; touch /tmp/ready; while :; do sleep 0.05; done' 3>&- &
	local pid=$! code=0
	wait_until test -e "$bundle/rootfs/tmp/ready"
	kill -TERM "$pid"
	wait "$pid" || code=$?
	((code == 9))
}

@test "exec --tty gives a terminal, in the foreground and by a socket" {
	running
	run -3 script -qec "$BLACKHOLE --root $root exec -t $id sh -c 'tty; test -t 0 && echo is; exit 3'" /dev/null
	[[ $output == *is* ]]
	"$(tool recvtty)" "$work/tty.sock" >"$work/out" 3>&- </dev/null &
	background+=($!)
	wait_until test -S "$work/tty.sock"
	bh exec -t -d --console-socket "$work/tty.sock" "$id" sh -c 'tty; sleep 0.2'
	wait_until grep -q /dev/pts "$work/out"
}

@test "exec --tty leaves the caller's terminal as it was" {
	running
	cat >"$work/inner" <<-END
		stty -g >$work/before
		$BLACKHOLE --root $root exec -t $id true </dev/null
		stty -g >$work/after
	END
	script -qec "sh $work/inner" /dev/null 3>&-
	cmp "$work/before" "$work/after"
}

@test "exec --pidfd-socket" {
	not_runc "has not got it"
	running
	"$(tool recvtty)" -pidfd "$work/pidfd.sock" >"$work/out" 3>&- &
	background+=($!)
	wait_until test -S "$work/pidfd.sock"
	bh exec -d --pidfd-socket "$work/pidfd.sock" --pid-file "$work/pid" "$id" sleep 100
	wait_until test -s "$work/out"
	[[ $(<"$work/out") == $(<"$work/pid") ]]
}

@test "exec --cgroup puts it into a cgroup below" {
	configure '.linux.cgroupsPath = $path' --arg path "/bats-$id"
	running
	local pid dir flag
	pid=$(bh state "$id" | jq .pid)
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		dir=/sys/fs/cgroup/bats-$id flag=below
	else
		dir=/sys/fs/cgroup/pids$(sed -n 's/^[0-9]*:pids://p' "/proc/$pid/cgroup") flag=pids:below
	fi
	mkdir "$dir/below"
	bh exec -d --cgroup "$flag" --pid-file "$work/pid" "$id" sleep 100
	grep -qx "$(<"$work/pid")" "$dir/below/cgroup.procs"
	run -255 bh exec --cgroup "${flag%below}none" "$id" true
	if [[ $flag == pids:* ]]; then
		run -255 bh exec --cgroup nope:below "$id" true
	fi
	bh delete --force "$id"
	[[ ! -d $dir ]]
}

@test "exec into a created container, and with --ignore-paused into a paused one" {
	bh create -b "$bundle" "$id"
	run -0 bh exec "$id" echo here
	[[ $output == here ]]
	bh start "$id"
	bh pause "$id"
	run -255 --separate-stderr bh exec "$id" true
	[[ $stderr == *paused* ]]
	bh exec --ignore-paused -d "$id" touch /tmp/waited </dev/null &
	sleep 0.5
	[[ ! -e $bundle/rootfs/tmp/waited ]]
	bh resume "$id"
	wait_until test -e "$bundle/rootfs/tmp/waited"
	wait
}

@test "ps lists the container's processes, and no others" {
	running
	bh exec -d --pid-file "$work/pid" "$id" sleep 100
	local init
	init=$(bh state "$id" | jq .pid)
	run -0 bh ps --format json "$id"
	[[ $(jq -c sort <<<"$output") == "$(jq -nc "[$init, $(<"$work/pid")] | sort")" ]]
	run -0 bh ps "$id"
	[[ ${lines[0]} == UID*PID*CMD* && ${#lines[@]} == 3 && $output == *"sleep 1000"* && $output == *"sleep 100"* ]]
	run -0 bh ps -f table "$id" -o pid,args
	[[ ${#lines[@]} == 3 && ${lines[1]} == *"$init sleep 1000" ]]
	run -0 bh ps "$id" -e
	[[ ${lines[0]} == *PID*TTY* && ${#lines[@]} == 3 ]]
}

@test "ps of what has stopped, is not there, or asks for what ps does not do" {
	running
	run ! bh ps --format xml "$id"
	run ! --separate-stderr bh ps "$id" -o comm
	[[ $stderr == *PID* ]]
	run ! --separate-stderr bh ps "$id" --no-such-option
	[[ $stderr == *unknown*option* ]]
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	run -0 bh ps "$id"
	[[ ${#lines[@]} == 1 ]]
	run ! --separate-stderr bh ps none
	[[ $stderr == *"does not exist"* ]]
}
