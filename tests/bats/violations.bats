# Violations under the supervisor, each provoked for real.
# shellcheck shell=bash disable=SC2154,SC2016

load helpers
load supervisor

setup() {
	not_runc "has no supervisor"
	up_setup
}

teardown() { up_teardown; }

# eats MIB: a perl that touches so much memory, a little at a time, and keeps it.
eats() { echo "\$x = ''; for (1..$1) { \$x .= 'x' x 1048576; select undef, undef, undef, 0.02 } sleep 1000"; }

# no_alert SERVICE KIND: none is on.
no_alert() { [[ $(service "$1" "[.alerts[]?.kind] | index(\"$2\")") == null ]]; }

@test "memory critical: an alert, and a restart in good order before the kernel kills" {
	write_config <<-Y
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s}
		services:
		  @a:
		    executable: /usr/bin/perl
		    args: [-e, "\$SIG{TERM} = sub { print qq(leaving\\\\n); exit 0 }; $(eats 94)"]
		    resources: {memory: {limit: 100M, swap: 0}}
		    restart: {max_retries: 1, backoff: 100ms}
	Y
	up
	wait_for 30 alert a memory_critical firing
	wait_for 20 alert a memory_critical resolved
	wait_for 30 is_state a failed # it never fits: given up, not restarted for ever
	[[ $(service a .reason) == "gave up after 1 restarts: memory critical: "* ]]
	[[ $(bhs logs "${pre}a") == *leaving* ]] # it was asked, not killed
	[[ $(alerts_of a oom_kill) == 0 ]]
	[[ $(alerts_of a memory_near_limit) -ge 1 ]]
	alert a memory_near_limit resolved
}

@test "an out-of-memory kill: an alert that names the cgroup whose limit was hit" {
	write_config <<-'Y'
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s, memory_critical: 1}
		services:
		  @main:
		    executable: /usr/bin/perl
		    args: [-e, "$x = 'x' x 400000000; sleep 1000"]
		    resources: {memory: {limit: 50M, swap: 0}}
		    restart: {policy: "no"}
		  @child:
		    executable: /bin/sh
		    args: [-c, "sleep 1; perl -e '$x = q(x) x 400000000'; echo survived; sleep 1000"]
		    resources: {memory: {limit: 50M, swap: 0}}
		    stop: {timeout: 0s}
	Y
	run up
	wait_for 20 alert main oom_kill firing
	wait_for 20 is_state main failed
	[[ $(service main .reason) == "out of memory, killed by the kernel" ]]
	[[ $(service main .last_exit.oom) == true ]]
	wait_for 20 alert child oom_kill firing # its main program goes on: told by the kernel, not by its end
	is_state child running
	wait_for 10 grep -q survived "$logdir/${pre}child.log"
	cgroup=$(jq -r --arg s "${pre}child" 'select(.service == $s and .kind == "oom_kill") | .cgroup' "$logdir/events.jsonl")
	[[ $cgroup == /sys/fs/cgroup*"/blackhole/${pre}child" ]]
	[[ $(alerts_of child oom_kill) == 1 ]]
}

@test "throttled for long on end: an alert, once, and its end" {
	mkdir "$work/calm"
	# The quota is less than what a busy host leaves it.
	write_config <<-Y
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s, throttled_for: 3s}
		services:
		  @busy:
		    executable: /bin/sh
		    args: [-c, "until [ -e $work/calm/now ]; do :; done; sleep 1000"]
		    filesystem: {read_only: [$work/calm]}
		    resources: {cpu: {quota: 0.04}}
		    stop: {timeout: 0s}
		  @calm:
		    executable: /bin/sleep
		    args: ["1000"]
		    resources: {cpu: {quota: 1}}
		    stop: {timeout: 0s}
	Y
	up
	wait_for 60 alert busy cpu_throttled firing
	alert busy cpu_near_limit firing
	sleep 3 # it is not repeated while it lasts
	fired=$(alerts_of busy cpu_throttled)
	ended=$(jq -s --arg s "${pre}busy" '[.[] | select(.service == $s and .kind == "cpu_throttled" and .status == "resolved")] | length' "$logdir/events.jsonl")
	touch "$work/calm/now"
	wait_for 30 alert busy cpu_throttled resolved
	wait_for 30 no_alert busy cpu_throttled
	((fired - ended <= 1)) # it may have ended for a moment, on a busy host
	[[ $(alerts_of calm cpu_throttled) == 0 ]]
}

@test "descriptors and processes near their limits: warning, alert, end" {
	write_config <<-'Y'
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s}
		services:
		  @fds:
		    executable: /usr/bin/perl
		    args: [-e, "for (1..95) { open($f[$_], '<', '/dev/null') } $SIG{USR1} = sub { $#f = -1 }; sleep 1000 while 1"]
		    resources: {fds: {soft: 100, hard: 100}}
		    stop: {timeout: 0s}
		  @pids:
		    executable: /bin/sh
		    args: [-c, "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; wait; sleep 1000"]
		    resources: {pids: {limit: 11}}
		    stop: {timeout: 0s}
	Y
	up
	wait_for 15 alert fds fds_exhaustion firing
	wait_for 15 alert fds fds_near_limit firing
	wait_for 15 alert pids pids_near_limit firing
	[[ $(bhs status) == *"${pre}fds: alert: fds_exhaustion since"* ]]
	bhs kill "${pre}fds" USR1
	wait_for 15 alert fds fds_exhaustion resolved
	wait_for 15 alert pids pids_near_limit resolved
	[[ $(alerts_of fds fds_exhaustion) == 1 ]]
}

@test "a limit changed by update is compared at once, though the next sample is far" {
	write_config <<-'Y'
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 10m}
		services:
		  @a:
		    executable: /bin/sh
		    args: [-c, "sleep 1000 & sleep 1000"]
		    resources: {pids: {limit: 100}}
		    stop: {timeout: 0s}
	Y
	up
	bhs update --pids-limit 3 "${pre}a"
	wait_for 30 alert a pids_near_limit firing
	bhs update --pids-limit 100 "${pre}a"
	wait_for 30 alert a pids_near_limit resolved
}

@test "one that forks until pids.max leaves the others alone" {
	write_config <<-'Y'
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s}
		services:
		  @bomb:
		    executable: /usr/bin/perl
		    args: [-e, "while (1) { fork or select undef, undef, undef, 0.01 }"]
		    resources: {pids: {limit: 30}, cpu: {quota: 0.2}}
		    stop: {timeout: 1s}
		  @good: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	up
	wait_for 15 alert bomb pids_near_limit firing
	is_state good running
	bhs down "${pre}bomb"
	is_state bomb stopped
}

@test "on_alert is run with the event; one that fails or hangs hurts nothing" {
	cat >"$work/tell" <<-'S'
		#!/bin/sh
		cat >>"$0.out"
		case $(wc -l <"$0.out") in 1) echo cannot reach the pager >&2; exit 1 ;; 2) sleep 1000 ;; esac
	S
	chmod +x "$work/tell"
	write_config <<-Y
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s, on_alert: [$work/tell]}
		services:
		  @a: {executable: /bin/false, restart: {policy: "no"}}
		  @b: {executable: /bin/false, restart: {policy: "no"}}
		  @good: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	run -1 up
	wait_for 10 grep -q "cannot reach the pager" "$logdir/events.jsonl"
	[[ $(head -n 1 "$work/tell.out" | jq -r '.kind + .status') == failedfiring ]]
	is_state good running
}

@test "a disk's limits near: a warning that names the disk, and its end" {
	local folder=$work/data
	# On the guest's root there is no disk behind a file.
	if [[ -b /dev/guest/plain ]]; then
		mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0 /dev/guest/plain
		mkdir "$folder"
		mount /dev/guest/plain "$folder"
	fi
	printf '#!/bin/sh\ncat >>"$0.out"\n' >"$work/tell"
	chmod +x "$work/tell"
	write_config <<-Y
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s, on_alert: [$work/tell]}
		services:
		  @disk:
		    executable: /bin/sh
		    args:
		      - -c
		      - until [ -e $folder/calm ]; do dd if=/dev/zero of=$folder/file bs=64k count=16 oflag=direct 2>&1; done; sleep 1000
		    filesystem: {writable: [$folder]}
		    resources: {io: {device: $folder, write_bps: 1M}}
		    stop: {timeout: 0s}
		  @calm:
		    executable: /bin/sleep
		    args: ["1000"]
		    filesystem: {writable: [$folder]}
		    resources: {io: {device: $folder, write_bps: 1M}}
		    stop: {timeout: 0s}
	Y
	up
	wait_for 60 alert disk io_near_limit firing # on a busy machine it does not come near its limit in every sample
	event=$(jq -c --arg s "${pre}disk" 'select(.service == $s and .kind == "io_near_limit" and .status == "firing")' "$logdir/events.jsonl" | head -n 1)
	[[ $event == *'"unit":"bytes/s"'* && $event == *'"limit":1048576,'* && $event == *"writing to "* ]]
	jq -e '.value > 838860 and .value < 3000000' <<<"$event"
	# Waiting for disks is recorded, where the kernel tells, and no command is run for it.
	pressure=$(find /sys/fs/cgroup -path "*/blackhole/${pre}disk/io.pressure" 2>/dev/null)
	[[ -z $pressure ]] || wait_for 60 alert disk io_pressure firing
	touch "$folder/calm"
	wait_for 30 no_alert disk io_near_limit
	alert disk io_near_limit resolved
	[[ $(alerts_of calm io_near_limit) == 0 ]]
	if [[ -n $pressure ]]; then
		wait_for 60 alert disk io_pressure resolved
		grep -q io_near_limit "$work/tell.out"
		run ! grep io_pressure "$work/tell.out"
	fi
	bhs down
	! mountpoint -q "$folder" || umount "$folder"
}

@test "the bandwidth near: a warning for each direction, and its end" {
	write_config <<-'Y'
		resource_isolation:
		  network: {bridge: bhm0, subnet: 10.213.0.0/24}
		  monitor: {interval: 1s}
		services:
		  @net:
		    executable: /usr/bin/perl
		    args:
		      - -e
		      - use Socket; socket S, PF_INET, SOCK_DGRAM, 17; bind S, sockaddr_in(9999, INADDR_ANY); $to = sockaddr_in(9, inet_aton('10.213.0.1'));
		        $SIG{USR1} = sub { $calm = 1 }; until ($calm) { send S, 'x' x 1400, 0, $to for 1..3; select undef, undef, undef, 0.01 } sleep while 1
		    resources: {network: {bandwidth: {ingress_rate: 100K, egress_rate: 100K}}}
		    stop: {timeout: 0s}
		  @calm:
		    executable: /bin/sleep
		    args: ["1000"]
		    resources: {network: {bandwidth: {ingress_rate: 100K}}}
		    stop: {timeout: 0s}
	Y
	up
	wait_for 60 alert net network_near_limit firing
	of() { jq -c --arg s "${pre}net" --arg k "$1" 'select(.service == $s and .kind == "network_near_limit" and .status == "firing" and (.message | contains($k)))' "$logdir/events.jsonl" | head -n 1; }
	[[ $(of sending) == *'"limit":102400,"unit":"bytes/s"'* ]]
	jq -e '.value > 81920 and .value < 125000' <<<"$(of sending)" # never above what passes: the rest is dropped, not sent
	kill -USR1 "$(service net .pid)"
	wait_for 30 no_alert net network_near_limit
	alert net network_near_limit resolved
	address=$(nsenter -t "$(service net .pid)" -n ip -j -4 addr show eth0 | jq -r '.[0].addr_info[0].local')
	timeout 60 dd if=/dev/zero bs=1400 2>/dev/null >"/dev/udp/$address/9999" 3>&- &
	flood=$!
	received() { [[ -n $(of receiving) ]]; }
	wait_for 60 received
	kill "$flood"
	wait_for 30 no_alert net network_near_limit
	[[ $(alerts_of calm network_near_limit) == 0 ]]
	bhs down
	[[ ! -e /sys/class/net/bhm0 ]]
}
