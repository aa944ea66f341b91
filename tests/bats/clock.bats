#!/usr/bin/env bats
# The host's clock is set, hours or years ahead and back, while everything runs. It is
# the clock of all that runs on a host, so this is for the guest alone.
# shellcheck disable=SC2016,SC2034,SC2154

load helpers
load supervisor

setup() {
	not_runc "the promises are blackhole's"
	in_guest || skip "sets the clock of the whole host; runs in the guest (make test-guest)"
	oci_setup
	config=$work/blackhole.yaml pre=t$$x$BATS_TEST_NUMBER logdir=$root/@supervisor/log # as up_setup has it
	began=$(date +%s) began_up=$(uptime_s)
}

teardown() {
	[[ -v began ]] || return 0
	date -s "@$((began + $(uptime_s) - began_up))" >/dev/null
	local failed=0
	bhs down >/dev/null || failed=1
	rm -rf "$root/@supervisor"
	oci_teardown || failed=1
	return $failed
}

uptime_s() { cut -d. -f1 /proc/uptime; }

# jump SECONDS: sets the clock so far ahead, or back.
jump() {
	date -s "@$(($(date +%s) + $1))" >/dev/null
	echo "now it is $(date)"
}

# ages: how long ago status says that each service became what it is, in seconds.
ages() { bhs status --format json | jq -r '.services[] | [.since, .started // .since] | .[] | sub("\\.[0-9]+"; "") | if test("Z$") then . else .[:19] + "Z" end | fromdateiso8601 | now - . | floor'; }

sane_ages() {
	local age
	for age in $(ages); do
		# A second, for what is cut off; and no more than the test has taken.
		((age >= -1 && age <= $(uptime_s) - began_up + 2)) || {
			echo "an age of $age s after $(($(uptime_s) - began_up)) s: $(bhs status --format json | jq -c '.services[] | {name, since, started}')"
			return 1
		}
	done
}

# a_life: a container's whole life, from commands.
a_life() {
	bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	bh start "$id"
	bh exec "$id" true
	bh pause "$id"
	bh resume "$id"
	[[ $(timeout 60 "$BLACKHOLE" --root "$root" events --stats "$id" | jq -r .type) == stats ]]
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	bh delete "$id"
}

restarts() { service loop .restarts; }
grown() { (($(restarts) > $1)); }

@test "the clock jumps, a day to ten years, ahead and back: nothing hangs, restarts, alerts or tells of an age that cannot be" {
	write_config <<-'Y'
		resource_isolation:
		  monitor: {interval: 200ms}
		  defaults: {network: {mode: none}}
		services:
		  @steady:
		    executable: /bin/sh
		    args: [-c, 'trap "" TERM; n=0; while :; do echo line $((n = n + 1)); sleep 0.5; done']
		    health_check: {exec: ["true"], interval: 500ms, timeout: 60s} # a busy guest is slow
		    stop: {timeout: 1s}
		  @net: {executable: /bin/sleep, args: ["1000"], network: {mode: isolated}}
		  @loop: {executable: /bin/false, restart: {policy: always, max_retries: 0, backoff: 300ms, max_backoff: 300ms}}
	Y
	up || true # loop is not up
	local step pid net had now
	pid=$(service steady .pid) net=$(service net .pid)
	for step in 315360000 -320000000 ${LONG:+86400 -259200 -7200}; do
		jump "$step"
		sane_ages
		had=$(restarts)
		wait_for 20 grown "$had"
		now=$(service steady '.state + (.pid | tostring)')
		echo "steady: $now"
		[[ $now == "running$pid" ]]
		a_life
		bhs gc >"$work/gc"
		[[ $(service net .pid) == "$net" ]]
		sane_ages
		# Lines of before are told too after a step back; those of after always.
		sleep 1
		bhs logs --since 1m "${pre}steady" >"$work/since"
		[[ $(tail -n 1 "$work/since") == "$(bhs logs "${pre}steady" | tail -n 1)" || $(wc -l <"$work/since") -gt 1 ]]
		run -0 bhs top --batch --iterations 1
		[[ $output != *" -"[1-9]* ]]
		run bhs doctor
		((status <= 3))
		[[ ! $output =~ 'the last -' ]]
	done
	# All lines, none twice.
	bhs logs "${pre}steady" | awk '$2 != NR {print "line", NR, "is", $0; exit 1}'
	[[ $(jq -s '[.[] | select(.type == "alert")] | length' "$logdir/events.jsonl") == 0 ]]
	# Who ends is given its time by another clock.
	jump -5000000
	bhs restart "${pre}steady"
	is_state steady running
	[[ $(service steady .pid) != "$pid" ]]
}

@test "a supervisor that takes over after the clock was set back knows how long services run, and which of them does not get well" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
		  @sick: {executable: /bin/sleep, args: ["1000"], health_check: {exec: ["false"], interval: 4s, retries: 3}, stop: {timeout: 0s}}
	Y
	"$BLACKHOLE" --root "$root" up -c "$config" >"$work/out" 2>&1 3>&- &
	wait_for 30 is_state a running
	wait_for 30 is_state sick starting
	local pid
	pid=$(service a .pid)
	kill -KILL "$(supervisor_pid)"
	wait_for 10 ended "$!"
	jump -864000
	"$BLACKHOLE" --root "$root" up -c "$config" >"$work/out" 2>&1 3>&- &
	wait_for 30 is_state a running
	[[ $(service a .pid) == "$pid" ]]
	sane_ages
	seen_sick() { alert sick unhealthy firing; }
	wait_for 40 seen_sick
	jump 864000
	sane_ages
}
