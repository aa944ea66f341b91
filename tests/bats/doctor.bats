#!/usr/bin/env bats
# bats file_tags=beside
# doctor: each trouble is provoked, and told with its figures and the line to
# change; what runs well is not told of.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load helpers
load supervisor
load doctor

setup() {
	not_runc "has no doctor"
	up_setup
}

teardown() { doctor_teardown; }

@test "each trouble of a service is told, with its figures and the line to change" {
	data_disk
	printf '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["acct"], "action": "SCMP_ACT_KILL_PROCESS"}]}' >"$work/profile.json"
	write_config <<-Y
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s, memory_critical: 1}
		services:
		  @oom:
		    executable: /usr/bin/perl
		    args: [-e, "\$x = 'x' x 400000000; sleep 1000"]
		    resources: {memory: {limit: 50M, swap: 0}}
		    restart: {policy: "no"}
		  @busy:
		    executable: /bin/sh
		    args: [-c, "while :; do :; done"]
		    resources: {cpu: {quota: 0.03, shares: 10240}}
		    stop: {timeout: 0s}
		  @disk:
		    executable: /bin/sh
		    args: [-c, "while :; do dd if=$work/data/file of=/dev/null bs=64k iflag=direct; done"]
		    filesystem: {read_only: [$work/data]}
		    resources: {io: {device: $work/data, read_bps: 1M}}
		    stop: {timeout: 0s}
		  @files:
		    executable: /usr/bin/perl
		    args: [-e, "for (1..95) { open(\$f[\$_], '<', '/dev/null') } sleep 1000"]
		    resources: {fds: {soft: 100, hard: 111}}
		    stop: {timeout: 0s}
		  @forks:
		    executable: /usr/bin/perl
		    args: [-e, "for (1..12) { defined(\$p = fork) or next; \$p or sleep 1000, exit } sleep 1000"]
		    resources: {pids: {limit: 9}}
		    stop: {timeout: 0s}
		  @sys:
		    executable: /usr/bin/perl
		    args: [-e, "syscall(163, 0)"] # acct(2)
		    security: {seccomp_profile: $work/profile.json}
		    restart: {policy: "no"}
		  @loop:
		    executable: /bin/sh # loop
		    args: [-c, "echo cannot find my data; exit 3"]
		    restart: {max_retries: 3, backoff: 100ms}
		  @sick:
		    executable: /bin/sleep
		    args: ["1000"]
		    health_check: {exec: [/bin/false], interval: 1s, retries: 1}
		    stop: {timeout: 0s}
		  @calm: {executable: /bin/sleep, args: ["999"], stop: {timeout: 0s}}
	Y
	cat >"$work/wanted" <<-'W'
		oom|out_of_memory|killed it or a process of it at least once for want of memory.*limit 50M|memory: {limit: 50M
		busy|cpu_throttled|held it back in [0-9]* of [0-9]* periods.* of its 0.03 cores|quota: 0.03
		disk|io_limited|reads .* of 1M a second at disk|read_bps: 1M
		files|fds_used_up|has 9[0-9] of 100 descriptors open|soft: 100
		forks|pids_used_up|has 9 of 9 processes and threads; the limit refused a new one 4 times|limit: 9
		sys|seccomp_denied|killed by SIGSYS (exit code 159)|seccomp_profile:
		loop|crash_loop|ended 4 times in ten minutes.*exit code 3.*its last line: cannot find my data|executable: /bin/sh # loop
		sick|unhealthy|its health check fails: |health_check:
	W
	run up
	tells
	((status == 1))
	grep -qx "${pre}calm: running, no trouble found" "$work/doctor"
	if dmesg 2>/dev/null | grep -q "type=1326 .* syscall=163 "; then # not every kernel logs them
		says sys seccomp_denied 'refuses: acct (once)' seccomp_profile:
	fi

	doctor "${pre}calm"
	((status == 0))
	[[ $(cat "$work/doctor") == "${pre}calm: running, no trouble found" ]]

	bhs doctor -c "$config" --format json "${pre}files" >"$work/json" || (($? == 1))
	[[ $(jq -r '.trouble, .services[0].state, .services[0].troubles[0].kind, .services[0].troubles[0].figures.limit, .host' "$work/json" | xargs) == "true running fds_used_up 100 null" ]]
}

@test "bandwidth that is used up is told" {
	local net=10.$((200 + RANDOM % 50)).$((RANDOM % 250)) # nobody else's
	write_config <<-Y
		resource_isolation:
		  network: {bridge: bhdoc$((BASHPID % 100000)), subnet: $net.0/24}
		services:
		  @sends:
		    executable: /usr/bin/perl
		    args: [-MSocket, -e, "socket(S, PF_INET, SOCK_DGRAM, 17); for (;;) { send(S, 'x' x 1000, 0, sockaddr_in(9, inet_aton('$net.1'))) or select undef, undef, undef, 0.01 }"]
		    resources: {network: {bandwidth: {egress_rate: 800kbit}}, cpu: {quota: 0.5}}
		    stop: {timeout: 0s}
	Y
	echo "sends|network_limited|bandwidth of 100KB a second is used up: it tries to send .*, and [1-9][0-9]* packets were dropped|egress_rate" >"$work/wanted"
	up
	tells
}

throttled_here() {
	run bhs doctor --sample 2s "${pre}busy"
	[[ $status == 1 && $output == *cpu_throttled* ]]
}

@test "without a supervisor: what the container's own counters tell" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @busy:
		    executable: /bin/sh
		    args: [-c, "while :; do :; done"]
		    resources: {cpu: {quota: 0.03, shares: 10240}}
		  @kills:
		    executable: /bin/sh
		    args: [-c, "perl -e '$x = q(x) x 400000000'; sleep 1000"]
		    resources: {memory: {limit: 50M, swap: 0}}
		  @not: {executable: /bin/true}
	Y
	local one
	for one in busy kills; do
		"$BLACKHOLE" bundle -c "$config" "$pre$one" "$work/$one"
		bhs run --detach --bundle "$work/$one" "$pre$one" </dev/null >/dev/null 2>&1
	done
	echo "busy|cpu_throttled|of its 0.03 cores|quota: 0.03" >"$work/wanted"
	echo "kills|out_of_memory|once for want of memory; limit 50M|limit: 50M" >>"$work/wanted"
	tells
	grep -qx "${pre}not: not running, no trouble found" "$work/doctor"

	# Without a configuration too, then without a line to change.
	mkdir "$work/empty"
	cd "$work/empty"
	wait_for 30 throttled_here
	[[ $output == "${pre}busy: running, in trouble"*"cpu_throttled: "*"└ resources.cpu.quota: "* ]]
	run bhs doctor # all containers there are
	[[ $output == *"${pre}busy: running"*"${pre}kills: running"* ]]
	for one in busy kills; do bhs delete --force "$pre$one"; done
	fails 'cannot find service "'"$pre"'busy": neither a configuration nor a supervisor has it, and there is no container of that name' bhs doctor "${pre}busy"
}

@test "the host: what it has, and what it lacks" {
	cd "$work"
	run bhs doctor --format json
	local checks
	checks=$(jq -r '.host[].check' <<<"$output" | paste -sd " ")
	[[ $checks == "kernel privileges CAP_SYS_RESOURCE cgroup controllers other managers seccomp pressure swap disk weights network bandwidth network frames pidfd forwarding state folder logs host's descriptors host's processes memory host's load" ]] || {
		echo "$output"
		return 1
	}
	[[ $(jq '[.host[] | select(.status == "fault")] | length > 0' <<<"$output") == "$(jq .trouble <<<"$output")" ]]
	[[ $status == "$(jq 'if .trouble then 1 else 0 end' <<<"$output")" ]]
	# One that lost a privilege.
	run -1 setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$BLACKHOLE" --root "$root" doctor
	[[ $output == *"fault"*"privileges"*"this process lacks CAP_SYS_ADMIN"*"└ run it as root"* ]]
	# A container that this state folder does not know.
	write_config <<-'Y'
		services: {@strange: {executable: /bin/sleep, args: ["1000"], network: {mode: none}}}
	Y
	"$BLACKHOLE" bundle -c "$config" "${pre}strange" "$work/strange"
	bhs run --detach --bundle "$work/strange" "${pre}strange" </dev/null >/dev/null 2>&1
	run "$BLACKHOLE" --root "$work/other" doctor --format json
	[[ $(jq -r '.host[] | select(.check == "other managers").found' <<<"$output") == *"does not know: "* ]]
	bhs delete --force "${pre}strange"
	# A state that cannot be read is not taken for none.
	mkdir -p "$work/broken/${pre}strange"
	echo '{' >"$work/broken/${pre}strange/state.json"
	fails "cannot show container \"${pre}strange\": *" "$BLACKHOLE" --root "$work/broken" doctor -c "$config" "${pre}strange"
	fails "cannot use --sample 1h0m0s: it is from 100ms to 1m" bhs doctor --sample 1h
	fails "*none.yaml: cannot read the configuration: no such file or directory" bhs doctor -c "$work/none.yaml"
}
