#!/usr/bin/env bats
# The supervisor among services, clients, disks and managers that are no help.
# shellcheck shell=bash disable=SC2154,SC2016

load helpers
load supervisor

setup() {
	not_runc "has no supervisor"
	up_setup
}

teardown() {
	if mountpoint -q "$work/small"; then
		cat "$work/small/state/@supervisor/log/supervisor.out" || true
		rm -f "$work/small/fill" "$work/small/file"
		bhs down || true
		umount -l "$work/small"
	fi
	up_teardown
}

# small SIZE: a file system of that size at $work/small.
small() {
	mkdir "$work/small"
	mount -t tmpfs -o "size=$1,mode=755" tmpfs "$work/small"
}

# fill: leaves no room on it.
fill() { dd if=/dev/zero bs=4k status=none >>"$work/small/fill" || true; }

@test "each that is in trouble says so in status, and its neighbour goes on" {
	small 1M
	printf '#!/nonexistent/interpreter\n' >"$work/script"
	chmod +x "$work/script"
	write_config <<-Y
		resource_isolation:
		  defaults: {network: {mode: none}}
		services:
		  @good:
		    executable: /bin/sh
		    args: [-c, "i=0; while :; do echo \$i; i=\$((i+1)); sleep 0.1; done"]
		    stop: {timeout: 0s}
		  @cannot:
		    executable: $work/script
		    restart: {policy: "no"}
		  @disk:
		    executable: /bin/busybox
		    args: [dd, if=/dev/zero, "of=$work/small/file"]
		    filesystem: {writable: [$work/small]}
		    restart: {max_retries: 1, backoff: 50ms}
		  @checked:
		    executable: /bin/sh
		    args: [-c, "sleep 1; echo gone; exit 7"]
		    restart: {policy: "no"}
		    health_check: {exec: [/bin/sleep, "30"], interval: 100ms, timeout: 25s}
		  @quick:
		    executable: /bin/sh
		    args: [-c, "sleep 1; exit 8"]
		    restart: {policy: "no"}
		    health_check: {exec: [/bin/sleep, "0.3"], interval: 1ms, retries: 1}
		  @flood:
		    executable: /usr/bin/yes
		    resources: {cpu: {quota: 0.2}}
		    logs: {max_size: 1M, max_files: 2}
		    stop: {timeout: 0s}
		  @forks:
		    executable: /bin/sh
		    args: [-c, "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; wait"]
		    resources: {pids: {limit: 5}}
		    restart: {policy: "no"}
		    stop: {timeout: 0s}
	Y
	run -1 up
	good=$(service good .pid)
	wait_for 60 is_state checked failed
	wait_for 60 is_state quick failed
	[[ $(service quick .reason) == "exit code 8" && $(alerts_of quick unhealthy) == 0 ]]
	run -3 bhs status
	echo "$output"
	[[ $(service cannot .state) == failed && $(service cannot '.output | length') -ge 1 ]]
	[[ $(service disk .reason) == "gave up after 1 restarts: exit code 1" ]]
	[[ $(service disk '.output[]') == *"No space left on device"* ]]
	[[ $(service checked .reason) == "exit code 7" && $(service checked '.output[-1]') == gone ]]
	[[ $(service forks '.state + .reason') == "failedexit code"* && $(service forks '.output[-1]') == *fork* ]]
	for name in cannot disk checked forks; do
		[[ -z $(cgroups_of "$pre$name") ]]
		[[ $output == *"${pre}$name: alert: failed since"* && $output == *"${pre}$name: its last output:"* ]]
	done
	before=$(bhs logs "${pre}good" | wc -l)
	is_state flood running
	[[ $(service good '.state + (.pid | tostring) + (.restarts | tostring)') == "running${good}0" ]]
	grows() { (($(bhs logs "${pre}good" | wc -l) > before)); }
	wait_for 40 grows
}

@test "a full disk under the state and the logs is told; nothing falls over, and the state is saved once there is room" {
	small 2M
	root=$work/small/state logdir=$work/small/state/@supervisor/log
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sh, args: [-c, "echo begun; sleep 1000"], stop: {timeout: 0s}}
		  @b: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	up
	a=$(service a .pid) b=$(service b .pid)
	fill
	kill -9 "$b" # what it had on the disk may be enough to start it again
	wait_for 40 eval '[[ $(service b .restarts) -ge 1 ]]'
	wait_for 40 grep -q "cannot save the state: .*no space left on device" "$logdir/supervisor.out"
	[[ $(grep -c "cannot save the state" "$logdir/supervisor.out") == 1 ]]
	bhs down "${pre}b"
	fill
	run -1 bhs restart "${pre}b"
	[[ $(service b .reason) == *"no space left on device"* ]]
	[[ $(service a .pid) == "$a" && $(bhs logs "${pre}a") == begun ]]
	rm "$work/small/fill"
	bhs restart "${pre}b"
	is_state b running
	saved() { jq -r ".services[\"${pre}b\"].state" "$root/@supervisor/state.json"; }
	wait_for 40 eval '[[ $(saved) == running ]]'
	# The same where nothing else happens that would have it saved.
	rm "$root/@supervisor/state.json"
	mkdir "$root/@supervisor/state.json"
	bhs restart "${pre}b"
	rmdir "$root/@supervisor/state.json"
	wait_for 40 eval '[[ $(saved) == running ]]'
	jq -e . "$logdir/events.jsonl" >/dev/null # no line is torn
	[[ $(service a .pid) == "$a" ]]
	bhs down
	root=$work/small/other
	fill
	fails "cannot *no space left on device" bhs up -c "$config"
	[[ ! -e $root/@supervisor/lock ]]
	rm "$work/small/fill"
}

@test "the group of --group may ask and read logs, but not apply; others may do nothing" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services: {@a: {executable: /bin/sh, args: [-c, "echo begun; sleep 1000"], stop: {timeout: 0s}}}
	Y
	chmod 711 "$work"
	cp "$BLACKHOLE" "$BLACKHOLE-services" "$work" # wherever the one under test is
	as() {
		local gid=$1
		shift
		setpriv --reuid 54320 --regid "$gid" --clear-groups timeout 20 "$work/blackhole" --root "$root" "$@" </dev/null 3>&-
	}
	up --group 54321
	[[ $(stat -c %a:%g "$root/@supervisor/control.sock") == 660:54321 ]]
	[[ $(as 54321 status --format json | jq -r '.services[0].state') == running ]]
	[[ $(as 54321 logs "${pre}a") == begun ]]
	fails "cannot apply: only root may*" as 54321 apply
	fails "cannot apply: only root may*" as 54321 apply --dry-run -c "$config"
	fails "cannot reach the supervisor: *permission denied" as 54322 status
	fails "cannot *permission denied" as 54322 logs "${pre}a"
	# One of the group that is slow, and one that hangs up half way, hold nobody up.
	setpriv --reuid 54320 --regid 54321 --clear-groups perl -MIO::Socket::UNIX -e \
		'@s = map { IO::Socket::UNIX->new(Peer => $ARGV[0]) or die } 1..20; $_->syswrite("{\"version\"") for @s; $s[0]->close; sleep 20' \
		"$root/@supervisor/control.sock" 3>&- &
	as 54321 restart "${pre}a"
	is_state a running
	kill %1
}

@test "a service manager is told of readiness, reloading and the end; the unit is valid" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services: {@a: {executable: /bin/sh, args: [-c, "test -z $NOTIFY_SOCKET || exit 9; sleep 1000"], stop: {timeout: 0s}}}
	Y
	"$(tool notify)" -listen "$work/notify" >"$work/told" 3>&- &
	wait_until test -S "$work/notify"
	NOTIFY_SOCKET=$work/notify "$BLACKHOLE" --root "$root" up -c "$config" >"$work/out" 2>&1 3>&- &
	up=$!
	wait_for 60 grep -qx READY=1 "$work/told"
	is_state a running
	cat "$work/told"
	[[ $(cat "$work/told") == $'READY=1\nMAINPID='"$up" && $(supervisor_pid) == "$up" ]]
	sed -i 's/timeout: 0s/timeout: 1s/' "$config"
	kill -HUP $up
	wait_for 40 grep -q '"type":"apply".*stop.timeout' "$logdir/events.jsonl"
	wait_for 40 eval '[[ $(grep -cx READY=1 "$work/told") == 2 ]]'
	[[ $(sed -n '3,5s/[0-9]\{3,\}/N/; 3,5p' "$work/told") == $'RELOADING=1\nMONOTONIC_USEC=N\nREADY=1' ]]
	kill $up
	wait $up
	[[ $(tail -n 1 "$work/told") == STOPPING=1 ]]
	kill %1

	sed "s|@PREFIX@/bin/blackhole|$BLACKHOLE|; s|@PREFIX@|/usr|" "$repo/init/blackhole.service" >"$work/blackhole.service"
	run -0 systemd-analyze verify --man=no "$work/blackhole.service"
	[[ -z $output ]] # it passes over what it does not understand, and says so
}

@test "what cannot be removed: down says so, and the next one goes on where it failed" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: isolated}}}
		services:
		  @a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
		  @b: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	up
	down_while_busy b
	bhs down # and teardown looks for what is left
	[[ $(ip -o link show type veth) != *"$pre"* ]]
}
