#!/usr/bin/env bats
# bats file_tags=beside
# Pods through containerd's CRI plugin, as the kubelet makes them.
# shellcheck disable=SC2154

load helpers
load containerd
load cri

setup() { cri_setup; }
teardown() { cri_teardown; }

# handlers: the RuntimeClass handlers under test; the shim is built beside the
# binary.
handlers() {
	echo blackhole
	[[ $("$BLACKHOLE" --version) != blackhole* ]] || echo shim
}

@test "a pod with two containers: shared network and ipc, exec, logs, stats, stop, remove" {
	local handler config sandbox a b
	for handler in $(handlers); do
		echo "handler $handler"
		config=$(pod "one-$handler")
		sandbox=$(runp "$handler" "$config")
		a=$(start "$sandbox" "$config" "$(container a -- sh -c 'echo from a; echo oops >&2; trap "exit 5" TERM; while :; do sleep 0.05; done')")
		b=$(start "$sandbox" "$config" "$(container b -- sh -c 'busybox nc -l -p 7000 -e echo hello')")
		[[ $(about "$a" .state) == CONTAINER_RUNNING ]]
		(($(pod_shims | wc -l) == 1))

		local space
		for space in net ipc uts; do
			[[ $(exec_in "$a" readlink "/proc/self/ns/$space") == "$(exec_in "$b" readlink "/proc/self/ns/$space")" ]]
		done
		for space in pid mnt; do
			[[ $(exec_in "$a" readlink "/proc/self/ns/$space") != "$(exec_in "$b" readlink "/proc/self/ns/$space")" ]]
		done
		[[ $(exec_in "$a" busybox nc -w 2 127.0.0.1 7000) == hello ]]
		wait_until has_exited "$b"
		[[ $(about "$b" '"\(.exitCode) \(.reason)"') == "0 Completed" ]]

		run -7 exec_in "$a" sh -c 'echo out; exit 7'
		[[ $output == out ]]
		run ! exec_in "$a" nosuchprogram
		[[ $output == *'executable file not found in $PATH'* ]]
		grep -q ' stdout F from a$' "$work/logs/one-$handler/a.log"
		grep -q ' stderr F oops$' "$work/logs/one-$handler/a.log"

		jq -n --arg id "$a" '{container_id: $id}' | cri ContainerStats >"$work/stats"
		jq -e '.stats | (.cpu.usageCoreNanoSeconds.value | tonumber) > 0 and (.memory.workingSetBytes.value | tonumber) > 0' "$work/stats"

		stop "$a" 10
		[[ $(about "$a" '"\(.exitCode) \(.reason)"') == "5 Error" ]]
		jq -n --arg id "$b" '{container_id: $id}' | cri RemoveContainer >/dev/null
		[[ $(echo '{}' | cri ListContainers '.containers[].id') == "$a" ]]
		rmp "$sandbox"
		wait_until nothing_is_left
	done
}

@test "a handler that is not configured, and a program that is not there" {
	local config sandbox
	config=$(pod one)
	run ! runp nosuchhandler "$config"
	[[ $output == *'no runtime for "nosuchhandler" is configured'* ]]
	for handler in $(handlers); do
		sandbox=$(runp "$handler" "$config")
		run ! start "$sandbox" "$config" "$(container a -- nosuchprogram)"
		[[ $output == *'nosuchprogram'*'executable file not found in $PATH'* ]]
		rmp "$sandbox"
	done
}

@test "limits of a pod's containers: memory with OOMKilled as its reason, CPU, a limit changed live" {
	local handler config sandbox a b used
	for handler in $(handlers); do
		config=$(pod "one-$handler")
		sandbox=$(runp "$handler" "$config")
		a=$(start "$sandbox" "$config" "$(container a '.linux.resources = {memory_limit_in_bytes: "16777216"}' -- busybox tail /dev/zero)")
		wait_until has_exited "$a"
		is_oom() { [[ $(about "$a" '"\(.exitCode) \(.reason)"') == "137 OOMKilled" ]]; }
		wait_until is_oom

		b=$(start "$sandbox" "$config" "$(container b '.linux.resources = {cpu_period: "100000", cpu_quota: "20000", memory_limit_in_bytes: "33554432"}' \
			-- sh -c 'while :; do :; done')")
		used() { jq -n --arg id "$b" '{container_id: $id}' | cri ContainerStats '.stats.cpu | "\(.usageCoreNanoSeconds.value) \(.timestamp)"'; }
		local first=() last=()
		read -ra first < <(used)
		sleep 2
		read -ra last < <(used)
		used=$(((last[0] - first[0]) * 100 / (last[1] - first[1])))
		echo "$handler: $used % of a CPU, of 20"
		((used <= 30))

		jq -n --arg id "$b" '{container_id: $id, linux: {memory_limit_in_bytes: "67108864"}}' | cri UpdateContainerResources >/dev/null
		exec_in "$b" sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true' | grep -x 67108864
		rmp "$sandbox"
	done
}

# received POD-ADDRESS PID IPERF3-FLAGS…: bits a second between the host and a pod.
received() {
	local address=$1 pid=$2 i
	shift 2
	nsenter -t "$pid" -n iperf3 -s -1 -p 5201 >/dev/null 3>&- &
	for ((i = 0; i < 100; i++)); do
		[[ -z $(nsenter -t "$pid" -n ss -Hnlt sport = 5201) ]] || break
		sleep 0.05
	done
	on_host timeout 60 iperf3 -J -c "$address" -p 5201 -t 2 "$@" | jq '.end.sum_received.bits_per_second | floor'
}

@test "a pod's bandwidth by its annotations, once for all its containers" {
	not_runc "shaping by annotation is ours"
	local handler config sandbox address pid got
	for handler in $(handlers); do
		config=$(pod "one-$handler" '.annotations = {"kubernetes.io/ingress-bandwidth": "16M", "kubernetes.io/egress-bandwidth": "8M"}')
		sandbox=$(runp "$handler" "$config")
		start "$sandbox" "$config" "$(container a -- sleep 1000)"
		start "$sandbox" "$config" "$(container b -- sleep 1000)"
		[[ $(on_host tc qdisc | grep -c tbf) == 2 ]]
		[[ $(on_host ip -br link show type ifb | grep -c bhi) == 1 ]]
		address=$(jq -n --arg id "$sandbox" '{pod_sandbox_id: $id}' | cri PodSandboxStatus .status.network.ip)
		pid=$(sandbox_pid "$sandbox")
		got=$(received "$address" "$pid")
		echo "$handler: received $got bits a second of 16 M"
		((got > 4000000 && got < 20000000))
		got=$(received "$address" "$pid" -R)
		echo "$handler: sent $got bits a second of 8 M"
		((got > 2000000 && got < 10000000))
		on_host "$BLACKHOLE" --root "$(root_of "$handler")" update --ingress-rate 4mbit "$sandbox"
		on_host tc qdisc | grep -q 'rate 4182Kbit'
		rmp "$sandbox"
		wait_until nothing_is_left

		# Of Kubernetes' own keys containerd itself refuses what is no quantity.
		config=$(pod "two-$handler" '.annotations = {"kubernetes.io/ingress-bandwidth": "4k"}')
		run ! runp "$handler" "$config"
		[[ $output == *'cannot read annotation kubernetes.io/ingress-bandwidth="4k": less than 8k'* ]]
		config=$(pod "three-$handler" '.annotations = {"io.blackhole.network.egress-rate": "10X"}')
		run ! runp "$handler" "$config"
		[[ $output == *'cannot read annotation io.blackhole.network.egress-rate="10X": not a number of bytes'* ]]
		wait_until nothing_is_left
	done
}
