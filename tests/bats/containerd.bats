#!/usr/bin/env bats
# bats file_tags=beside
# The binary under test in containerd, either way: in runc's place below
# containerd's own shim (io.containerd.runc.v2), and by our own shim
# (io.containerd.blackhole.v2) where this file is called containerd-blackhole.bats.

load helpers
load containerd
case ${BATS_TEST_FILENAME##*/} in
containerd.bats) way=runc ;;
*) way=blackhole ;;
esac
export way

setup() { containerd_setup; }
teardown() { containerd_teardown; }

# exited ID CODE: removes a stopped task, of which containerd knows this code.
exited() {
	run -0 ctr_ task rm "$1"
	[[ $output == *"exit with non-zero exit code $2\""* ]] || {
		echo "expected exit code $2: $output"
		return 1
	}
}

@test "ctr run hands on output, input and the exit code, and removes everything" {
	run -0 ctr_run --rm one echo hello
	[[ $output == hello ]]
	run -7 ctr_run --rm one sh -c 'exit 7'
	# ctr misses an end of input that comes before the task is there.
	run -0 ctr_run --rm one cat < <(sleep 1.5; echo typed)
	[[ $output == typed ]]
	[[ -z $(ctr_ task ls -q) ]]
}

@test "a program that is not there: the reason reaches the user" {
	run ! ctr_run --rm one nosuchprogram
	[[ $output == *nosuchprogram*': executable file not found in $PATH'* ]]
	[[ $output != *"level=error"* && $output != *'{"'* ]]
}

@test "a terminal" {
	run -0 script -qec "ctr --address $work/containerd.sock --namespace $namespace run $(on_runtime) --rm --tty $image one sh -c 'tty; test -t 0 && echo is'" /dev/null
	[[ $output == *is* ]]
}

@test "task ls, ps, exec, pause, resume, kill, rm" {
	ctr_run --detach one sh -c 'trap "exit 5" TERM; while :; do sleep 0.05; done'
	is_task one RUNNING
	run -0 ctr_ task ps one
	[[ ${#lines[@]} -ge 2 ]]
	run -0 ctr_ task exec --exec-id e1 one sh -c 'echo inside; cat /proc/1/cmdline'
	[[ $output == inside* && $output == *trap* ]]
	run -3 ctr_ task exec --exec-id e2 one sh -c 'exit 3'
	run ! ctr_ task exec --exec-id e3 one nosuchprogram
	[[ $output == *'executable file not found in $PATH'* ]]
	ctr_ task pause one
	is_task one PAUSED
	ctr_ task resume one
	is_task one RUNNING
	ctr_ task kill --signal TERM one
	wait_until is_task one STOPPED
	exited one 5
	ctr_ container rm one
}

@test "kill --all, and a kill of what has ended" {
	ctr_run --detach one sh -c 'sleep 1000 & sleep 1000'
	ctr_ task kill --all --signal KILL one
	wait_until is_task one STOPPED
	run ! ctr_ task kill --signal KILL one
	[[ $output == *"not found"* || $output == *"already finished"* ]]
}

@test "exec: a terminal of its own, a user, a working directory" {
	ctr_run --detach one sleep 1000
	run -0 ctr_ task exec --exec-id e1 --user 12:13 --cwd /tmp one sh -c 'id -u; id -g; readlink /proc/self/cwd'
	[[ ${lines[*]} == "12 13 /tmp" ]]
	run -0 script -qec "ctr --address $work/containerd.sock --namespace $namespace task exec --tty --exec-id e2 one tty" /dev/null
	[[ $output == */dev/pts/* ]]
}

@test "metrics" {
	ctr_run --detach --memory-limit=67108864 one sleep 1000
	run ctr_ task metrics --format json one
	((status == 0)) || {
		tail -n 5 "$work/containerd.log" # which alone has the reason
		return 1
	}
	[[ $output == *67108864* ]]
	(($(jq '.pids.current' <<<"$output") >= 1))
}

@test "fifty containers at once" {
	local i pids=() failed=0
	for i in {1..50}; do
		ctr_run --detach --null-io "c$i" sleep 1000 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || failed=1
	done
	((!failed))
	(($(ctr_ task ls | grep -c RUNNING) == 50))
	for i in {1..50}; do
		ctr_ task kill --signal KILL "c$i"
	done
	none_running() { ! ctr_ task ls | grep -q RUNNING; }
	wait_until none_running
	for i in {1..50}; do
		exited "c$i" 137
	done
}

@test "containers live on while containerd is killed and started again" {
	ctr_run --detach --null-io one sh -c 'trap "exit 6" TERM; while :; do sleep 0.05; done'
	containerd_kill
	local pid
	pid=$(find "$work/runc" -name state.json -exec jq .init_process_pid {} +)
	kill -0 "$pid"
	containerd_start
	is_task one RUNNING
	run -0 ctr_ task exec --exec-id e1 one echo still
	[[ $output == still ]]
	ctr_ task kill one
	wait_until is_task one STOPPED
	exited one 6
}

@test "what ended while containerd was away is known afterwards" {
	ctr_run --detach --null-io one sh -c 'sleep 1; exit 4'
	containerd_kill
	sleep 1.5
	containerd_start
	wait_until is_task one STOPPED
	exited one 4
}

@test "a shim that is killed takes its container along" {
	ctr_run --detach --null-io one sleep 1000
	local pid
	pid=$(find "$work/runc" -name state.json -exec jq .init_process_pid {} +)
	sed 's|^unix://||' "$work"/state/io.containerd.runtime.v2.task/*/one/address >"$work/socket"
	# shellcheck disable=SC2046
	kill -KILL $(shims)
	gone() { ! kill -0 "$pid" 2>/dev/null; }
	wait_until gone
	nothing() { [[ -z $(find "$work/runc" -name state.json) ]]; }
	wait_until nothing
	rm -f "$(<"$work/socket")" # which is the shim's to remove
}

@test "events come in their order, with an oom" {
	timeout 60 ctr --address "$work/containerd.sock" --namespace "$namespace" events >"$work/events" 2>&1 3>&- &
	local watcher=$!
	# Until it is told of something, it may not be listening yet.
	listens() {
		ctr --address "$work/containerd.sock" namespaces label "$namespace" now="$RANDOM"
		grep -q /namespaces/update "$work/events"
	}
	wait_until listens
	# Ours tells of the kill before the end, however soon that comes; containerd's own
	# shim looks for it on its own time.
	local after=true
	[[ $way == blackhole ]] || after="sleep 1"
	run -0 ctr_run --rm --memory-limit=16777216 one sh -c "busybox tail /dev/zero; $after"
	wait_until grep -q /tasks/delete "$work/events"
	kill "$watcher"
	cat "$work/events"
	[[ $(grep -oE '/tasks/[a-z]+' "$work/events" | tr '\n' ' ') == "/tasks/create /tasks/start /tasks/oom /tasks/exit /tasks/delete " ]]
}

# memory_limit_of ID: in bytes, as the kernel has it.
memory_limit_of() {
	local dir
	dir=$(find /sys/fs/cgroup -type d -path "*/$namespace/$1" \( -path '*/memory/*' -o -path '/sys/fs/cgroup/bats-*' \) -print -quit)
	cat "$dir/memory.limit_in_bytes" 2>/dev/null || cat "$dir/memory.max"
}

@test "update through containerd" {
	ctr_run --detach --null-io --memory-limit=67108864 one sleep 1000
	[[ $(memory_limit_of one) == 67108864 ]]
	task_call update one '{"memory": {"limit": 33554432, "swap": 33554432}}'
	[[ $(memory_limit_of one) == 33554432 ]]
	run ! task_call update one '{"cpu": {"quota": 5}}'
	[[ $output == *"former limits are in force"* ]]
	[[ $(memory_limit_of one) == 33554432 ]]
}
