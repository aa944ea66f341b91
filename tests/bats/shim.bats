#!/usr/bin/env bats
# bats file_tags=beside
# What our own containerd shim does beyond what containerd.bats asks of both ways.

load helpers
load containerd
export way=blackhole

setup() { containerd_setup; }
teardown() { containerd_teardown; }

# events_begin; events_end TOPICS: what containerd told between the two.
events_begin() {
	timeout 60 ctr --address "$work/containerd.sock" --namespace "$namespace" events >"$work/events" 2>&1 3>&- &
	watcher=$!
	sleep 0.3 # ctr does not tell when it listens
}

topics() { grep -oE '/tasks/[a-z-]+' "$work/events" | cut -d / -f 3 | tr '\n' ' '; }

events_end() {
	seen() { [[ $(topics) == "$1 " ]]; }
	wait_until seen "$1" || echo "events: $(topics)"
	sleep 0.3 # nothing may follow
	kill "$watcher"
	[[ $(topics) == "$1 " ]]
}

number_of_shims() { shims | wc -l; }



@test "the containers of a pod have one shim, which ends with the last" {
	pod() { ctr_run --detach --null-io --annotation=io.kubernetes.cri.sandbox-id=pod "$1" sleep 1000; }
	pod one
	pod two
	ctr_run --detach --null-io --annotation=io.containerd.runc.v2.group=other three sleep 1000
	[[ $(number_of_shims) == 2 ]]
	local socket
	socket=$(sed 's|^unix://||' "$work"/state/io.containerd.runtime.v2.task/*/one/address)
	[[ -S $socket ]]
	ctr_ task rm --force one >/dev/null 2>&1 || true # it tells the exit code
	ctr_ container rm one
	is_task two RUNNING
	run -0 ctr_ task exec --exec-id e1 two echo still # its bundle is not the shim's working directory
	[[ $output == still ]]
	pod four
	is_task four RUNNING
	[[ $(number_of_shims) == 2 && -S $socket ]]
	local id
	for id in two four; do
		ctr_ task rm --force "$id" >/dev/null 2>&1 || true
		ctr_ container rm "$id"
	done
	one_shim() { [[ $(number_of_shims) == 1 ]]; }
	wait_until one_shim
	[[ ! -e $socket ]]
	is_task three RUNNING
}

@test "a pod's shim that is killed: nothing of any container is left" {
	local id pids socket
	for id in one two; do
		ctr_run --detach --null-io --annotation=io.kubernetes.cri.sandbox-id=pod "$id" sleep 1000
	done
	socket=$(sed 's|^unix://||' "$work"/state/io.containerd.runtime.v2.task/*/one/address)
	pids=$(find "$work/runc" -name state.json -exec jq .init_process_pid {} +)
	[[ $(number_of_shims) == 1 && $(wc -w <<<"$pids") == 2 ]]
	kill -KILL "$(shims)"
	left() {
		for pid in $pids; do
			[[ ! -d /proc/$pid ]] || echo "process $pid"
		done
		find "$work/runc" -mindepth 2
		find /sys/fs/cgroup -type d -path "*/$namespace/*"
		grep -F "$work/state" /proc/self/mountinfo
		[[ ! -e $socket ]] || echo "$socket"
	}
	nothing() { [[ -z $(left 2>/dev/null) ]]; }
	wait_until nothing || left
	nothing
}

@test "blackhole list shows them" {
	ctr_run --detach --null-io one sleep 1000
	run -0 "$BLACKHOLE" --root "$work/runc/$namespace" list --format json
	[[ $(jq -r '.[0] | .id + " " + .status' <<<"$output") == "one running" ]]
}

@test "events of execs and of a pause come in their order" {
	events_begin
	ctr_run --detach --null-io one sh -c 'trap "exit 0" TERM; while :; do sleep 0.05; done'
	run -3 ctr_ task exec --exec-id e1 one sh -c 'exit 3'
	ctr_ task pause one
	ctr_ task resume one
	ctr_ task kill one
	wait_until is_task one STOPPED
	ctr_ task rm one
	events_end "create start exec-added exec-started exit paused resumed exit delete"
}

@test "a program that ends at once: its exit is not told before its start" {
	events_begin
	local i want=
	for i in 1 2 3 4 5 6; do
		ctr_run --rm --null-io "c$i" true
		want+="create start exit delete "
	done
	events_end "${want% }"
}

@test "an OOM event for each process killed, before the exit" {
	events_begin
	ctr_run --detach --null-io one sh -c 'while [ ! -e /tmp/go ]; do sleep 0.05; done
		busybox tail /dev/zero; busybox tail /dev/zero; exec busybox tail /dev/zero'
	# Without swap, which would make it slow.
	task_call update one '{"memory": {"limit": 16777216, "swap": 16777216}}'
	ctr_ task exec --exec-id e1 one touch /tmp/go
	wait_until is_task one STOPPED
	run -0 ctr_ task rm one
	[[ $output == *"code 137"* ]]
	events_end "create start exec-added exec-started exit oom oom oom exit delete"
}

@test "an exec that still runs is told to have ended before its container" {
	events_begin
	ctr_run --detach --null-io one sleep 1000
	ctr_ task exec --detach --exec-id e1 one sleep 1000
	run -0 task_call pids one
	[[ ${#lines[@]} == 2 && $output == *ProcessDetails* ]]
	ctr_ task kill --signal KILL one
	wait_until is_task one STOPPED
	seen_exits() { (($(grep -c /tasks/exit "$work/events") == 2)); }
	wait_until seen_exits
	kill "$watcher"
	[[ $(grep /tasks/exit "$work/events" | grep -oE '"id":"[a-z0-9]+"' | tr '\n' ' ') == '"id":"e1" "id":"one" ' ]]
}

@test "much output arrives whole, also for a slow reader" {
	ctr_run --detach --null-io one sleep 1000
	local want
	want=$(yes "0123456789" | head -c 20000000 | sha256sum)
	[[ $(ctr_ task exec --exec-id e1 one sh -c 'busybox yes 0123456789 | busybox head -c 20000000' | (sleep 1; cat) | sha256sum) == "$want" ]]
	# And the other way, with an end.
	[[ $(yes "0123456789" | head -c 20000000 | (sleep 1; cat) | ctr_ task exec --exec-id e2 one busybox sha256sum) == "$want" ]]
}

@test "logs: a file, and a program" {
	ctr_run "--log-uri=file://$work/logs/one" --detach one sh -c 'echo out; echo err >&2'
	wait_until is_task one STOPPED
	ctr_ task rm one
	[[ $(sort "$work/logs/one" | tr '\n' ' ') == "err out " ]]
	cat >"$work/logger" <<-'END'
		#!/bin/sh
		exec 5>&- # ready
		{ echo "$CONTAINER_ID $CONTAINER_NAMESPACE $1=$2"; cat <&3; cat <&4; } >"$2"
	END
	chmod +x "$work/logger"
	ctr_run "--log-uri=binary://$work/logger?to=$work/logs/two" --detach two sh -c 'echo out; echo err >&2'
	wait_until is_task two STOPPED
	ctr_ task rm two
	[[ $(<"$work/logs/two") == "two $namespace to=$work/logs/two"$'\nout\nerr' ]]
	run ! ctr_run "--log-uri=binary://$work/nosuchlogger" --detach three true
	[[ $output == *"cannot start the logging program $work/nosuchlogger"* ]]
	run ! ctr_run "--log-uri=ftp://$work/x" --detach four true
	[[ $output == *'unknown scheme "ftp"'* ]]
}

@test "metrics: the network, and on cgroup v2 pressure" {
	ctr_run --detach --null-io one sleep 1000
	local pid
	pid=$(find "$work/runc" -name state.json -exec jq .init_process_pid {} +)
	ip link add "bs$$" type veth peer name "bp$$"
	ip link set "bp$$" netns "$pid" name eth7
	run -0 task_call metrics one
	ip link del "bs$$"
	[[ $(jq -r '.network[0].name' <<<"$output") == eth7 ]]
	(($(jq '.pids.current' <<<"$output") == 1))
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		(($(jq '.memory.psi.some | length' <<<"$output") >= 0))
		[[ $(jq 'has("cpu") and (.cpu | has("psi")) and (.memory | has("psi")) and (.io | has("psi"))' <<<"$output") == true ]]
	fi
}

@test "options that cannot be read: one line, and no shim" {
	echo 'Root = 5' >"$work/options.toml"
	run ! ctr_run --detach one true
	[[ $output == *"cannot read $work/options.toml"* ]]
	no_shims
}

@test "-info tells what the runtime can do, -v the version" {
	run -0 sh -c '"$1" -info </dev/null | tr -d "\0" | grep -a -o "{.*}"' sh "$SHIM"
	[[ $(jq -r '.ociVersionMin, .linux.seccomp.enabled' <<<"$output" | tr '\n' ' ') == "1.0.0 true " ]]
	run -0 "$SHIM" -v
	[[ ${lines[1]} == *"$("$BLACKHOLE" --version | sed -n '1s/.* //p')"* ]]
}
