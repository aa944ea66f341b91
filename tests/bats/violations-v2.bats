# Violations that only cgroup v2 can hold or tell; run in the guest.
# shellcheck shell=bash disable=SC2154,SC2016

load helpers
load supervisor

setup() {
	not_runc "has no supervisor"
	[[ $(stat -f -c %T /sys/fs/cgroup) == cgroup2fs ]] || skip "this host has no cgroup v2 alone; make test-guest"
	up_setup
}

teardown() { [[ -z ${work-} ]] || up_teardown; }

@test "one that grows as fast as it can is slowed down and restarted before the kernel kills it" {
	write_config <<-'Y'
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 5s}
		services:
		  @a:
		    executable: /usr/bin/perl
		    args: [-e, "$SIG{TERM} = sub { print qq(leaving\\n); exit 0 }; sleep 2; $x[$i++] = 'x' x 1048576 while 1"]
		    resources: {memory: {limit: 100M, swap: 0}}
		    restart: {max_retries: 1, backoff: 100ms}
		    stop: {timeout: 60s}
	Y
	run up
	high=/sys/fs/cgroup/blackhole/${pre}a/memory.high
	[[ ! -e $high || $(<"$high") == $((100 * 1024 * 1024 * 95 / 100)) ]]
	wait_for 200 is_state a failed
	# Two starts. Where the host starves the guest, one of them may be too late.
	[[ $(alerts_of a memory_critical) -ge 1 && $(alerts_of a oom_kill) -le 1 ]]
	[[ $(bhs logs "${pre}a" | grep -c leaving) -ge 1 ]]
}

@test "the guard follows the limit; a soft limit of the operator's stays" {
	write_config <<-'Y'
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s}
		services:
		  @a: {executable: /bin/sleep, args: ["1000"], resources: {memory: {limit: 100M}}, stop: {timeout: 0s}}
		  @soft: {executable: /bin/sleep, args: ["1000"], resources: {memory: {limit: 100M, soft: 50M}}, stop: {timeout: 0s}}
	Y
	up
	high_is() { [[ $(<"/sys/fs/cgroup/blackhole/$pre$1/memory.high") == "$2" ]]; }
	high_is a 99614720
	high_is soft 52428800
	bhs update --memory 200M "${pre}a"
	bhs update --memory 200M "${pre}soft"
	wait_for 20 high_is a 199229440
	high_is soft 52428800
	bhs update --memory 20M "${pre}a"
	wait_for 20 high_is a $((20 * 1024 * 1024 * 95 / 100 / 4096 * 4096))
}

@test "the guard is lifted for a service that does not end, and how it ended is told" {
	write_config <<-'Y'
		resource_isolation:
		  defaults: {network: {mode: none}}
		services:
		  @a:
		    executable: /usr/bin/perl
		    args: [-e, "$SIG{TERM} = q(IGNORE); for (1..1560) { $x[$_] = q(x) x 65536; select undef, undef, undef, 0.02 if $_ > 1400 } sleep 1 while 1"]
		    resources: {memory: {limit: 100M, swap: 0}}
		    restart: {max_retries: 1, backoff: 20s}
		    stop: {timeout: 20s}
	Y
	up
	wait_for 60 is_state a stopping
	high=/sys/fs/cgroup/blackhole/${pre}a/memory.high
	[[ $(<"$high") == 99614720 ]]
	lifted() { [[ $(<"$high") == max ]]; }
	wait_for 14 lifted
	is_state a stopping
	wait_for 30 is_state a backoff
	[[ $(service a .reason) =~ ^memory\ critical:\ .*,\ killed:\ it\ did\ not\ end\ within\ 20s$ ]]
}

@test "an out-of-memory kill by the limit above the services is told as such" {
	write_config <<-'Y'
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s, memory_critical: 1}
		services:
		  @a:
		    executable: /usr/bin/perl
		    args: [-e, "sleep 2; $x = 'x' x 200000000; sleep 1000"]
		    resources: {memory: {limit: 400M, swap: 0}}
		    restart: {policy: "no"}
	Y
	up
	echo 80M >/sys/fs/cgroup/blackhole/memory.max
	wait_for 60 alert a oom_kill firing
	wait_for 30 is_state a failed
	[[ $(jq -r --arg s "${pre}a" 'select(.service == $s and .kind == "oom_kill") | .cgroup' "$logdir/events.jsonl") == /sys/fs/cgroup/blackhole ]]
	[[ $(alerts_of a oom_kill) == 1 ]]
}

@test "swap near its limit: a warning, and its end" {
	write_config <<-'Y'
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s}
		services:
		  @a:
		    executable: /usr/bin/perl
		    args: [-e, "$x .= 'x' x 1000000 for 1..85; $SIG{USR1} = sub { undef $x; }; sleep 1000 while 1"]
		    resources: {memory: {limit: 200M, soft: 32M, swap: 64M}}
		    stop: {timeout: 0s}
	Y
	up
	wait_for 60 alert a swap_near_limit firing
	kill -USR1 "$(service a .pid)"
	wait_for 60 alert a swap_near_limit resolved
	[[ $(alerts_of a swap_near_limit) == 1 ]]
}
