# bats file_tags=beside
# up, down, restart, status, logs: the life of services under the supervisor.
# shellcheck shell=bash disable=SC2154,SC2016

load helpers
load supervisor

setup() {
	not_runc "has no supervisor"
	up_setup
}

teardown() { up_teardown; }

@test "up starts in the order of dependencies, down stops in reverse" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @c: {executable: /bin/sleep, args: ["1000"], depends_on: [@b], stop: {timeout: 1s}}
		  @b: {executable: /bin/sleep, args: ["1000"], depends_on: [@a], stop: {timeout: 1s}}
		  @a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 1s}}
		  @alone: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 1s}}
	Y
	up
	[[ $(bhs status --format json | jq -r '[.services[].state] | unique | join(",")') == running ]]
	running=$(jq -r 'select(.state == "running") | .service' "$logdir/events.jsonl" | grep -v alone | tr '\n' ' ')
	[[ $running == "${pre}a ${pre}b ${pre}c " ]]
	bhs down
	stopped=$(jq -r 'select(.state == "stopped") | .service' "$logdir/events.jsonl" | grep -v alone | tr '\n' ' ')
	[[ $stopped == "${pre}c ${pre}b ${pre}a " ]]
	run -3 bhs status
}

@test "up SERVICE takes what it depends on along, and no more" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @b: {executable: /bin/sleep, args: ["1000"], depends_on: [@a], stop: {timeout: 0s}}
		  @a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
		  @c: {executable: /bin/sleep, args: ["1000"]}
	Y
	up "${pre}b"
	[[ $(bhs status --format json | jq -r '[.services[].name] | join(",")') == "${pre}a,${pre}b" ]]
	# One alone: what it depends on stays.
	bhs down "${pre}b"
	is_state b stopped
	is_state a running
	bhs restart "${pre}b"
	is_state b running
	fails "cannot find service *nope*" bhs restart nope
}

@test "a second up is refused with the pid of the first" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services: {@a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}}
	Y
	up
	fails "cannot supervise: a supervisor runs already, as pid $(supervisor_pid)*" bhs up -c "$config"
	fails "cannot supervise: a supervisor runs already, as pid $(supervisor_pid)*" bhs up -d -c "$config"
	is_state a running
}

@test "a supervisor that is killed is taken over: same pids, nothing lost, exits noticed" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sh, args: [-c, "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.01; done"], stop: {timeout: 0s}, logs: {max_size: 1K, max_files: 1000}}
		  @b: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
		  @d: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	up
	bhs down "${pre}d"
	a=$(service a .pid) b=$(service b .pid)
	kill -9 "$(supervisor_pid)"
	wait_until ended "$(supervisor_pid)"
	run -3 bhs status # d is stopped
	[[ $output == *"no supervisor runs"* && $output == *"$a"* ]]
	kill -9 "$b"
	wait_until ended "$b"
	run up # 1: d stays as the operator left it
	[[ $(service a .pid) == "$a" ]]
	[[ $(service a .restarts) == 0 ]]
	wait_for 10 is_state b running
	[[ $(service b .pid) != "$b" ]]
	[[ $(service b .restarts) == 1 ]]
	is_state d stopped
	sleep 1.5
	bhs down "${pre}a"
	bhs logs "${pre}a" >"$work/lines"
	[[ $(wc -l <"$work/lines") -gt 100 ]]
	awk '$0 != "line " NR - 1 { print "at " NR ": " $0; exit 1 }' "$work/lines"
	[[ -e $logdir/${pre}a.log.1 ]]
}

@test "SIGQUIT ends the supervisor alone; down without one stops the rest" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
		  @b: {executable: /bin/sleep, args: ["1000"], depends_on: [@a], stop: {timeout: 0s}}
	Y
	up
	a=$(service a .pid)
	kill -QUIT "$(supervisor_pid)"
	wait_until test ! -S "$root/@supervisor/control.sock"
	[[ -d /proc/$a && $(service a .pid) == "$a" ]]
	fails "cannot reach a supervisor: no supervisor runs*" bhs restart
	bhs down
	ended "$a"
}

@test "one that fails is restarted, given up and told with its last output; others are left alone" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @bad: {executable: /bin/sh, args: [-c, "echo starting; echo no such table >&2; exit 3"], restart: {max_retries: 2, backoff: 50ms}}
		  @needs: {executable: /bin/sleep, args: ["1000"], depends_on: [@bad]}
		  @missing: {executable: /bin/sh, args: [-c, "exec /nonexistent"], restart: {policy: "no"}}
		  @ends: {executable: /bin/true}
		  @good: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	run up # which fails, unless the host is so slow that bad counts as up before it has ended
	[[ $status == 0 || $output == *"cannot bring all services up: "*"${pre}bad is "* ]]
	wait_for 30 is_state bad failed
	run -3 bhs status
	[[ $output == *"no such table"* ]]
	[[ $(service bad .reason) == "gave up after 2 restarts: exit code 3" ]]
	[[ $(service bad .restarts) == 2 ]]
	[[ $(service bad '.output[-1]') == "no such table" ]]
	[[ $(service needs .reason) == "for ${pre}bad, which is failed" || $(service needs .state) == running ]]
	[[ $(service missing .reason) == "exit code 127" ]]
	[[ $(service ends .state) == stopped && $(service ends .reason) == finished ]]
	is_state good running
	alert bad failed firing
	[[ $(alerts_of bad failed) == 1 ]]
	run -1 bhs restart "${pre}bad"
	[[ $(alerts_of bad failed) == 2 ]]
	run -0 bhs alerts "${pre}bad"
	[[ ${#lines[@]} == 3 && ${lines[0]} == *firing*"gave up"* && ${lines[1]} == *resolved* ]]
}

@test "one that ignores SIGTERM is killed after its timeout, and told so" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sh, args: [-c, "trap '' TERM; while :; do sleep 0.1; done"], stop: {timeout: 1s}}
		  @b: {executable: /bin/sh, args: [-c, "trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done"]}
	Y
	up
	bhs down "${pre}a" "${pre}b"
	[[ $(service a .reason) == "killed: it did not end within 1s" ]]
	[[ $(service b .reason) == "exit code 0" ]]
	[[ $(bhs logs "${pre}b") == bye ]]
}

@test "health by tcp, http and exec: up when it answers, unhealthy when it stops to, dead when it dies" {
	mkdir "$work/www"
	echo ok >"$work/www/index.html"
	write_config <<-Y
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @tcp:
		    executable: /bin/busybox
		    args: [sh, -c, "sleep 1; exec busybox nc -ll -p 7000 -e /bin/true"]
		    health_check: {tcp: 7000, interval: 500ms, timeout: 20s, retries: 2}
		    stop: {timeout: 0s}
		  @http:
		    executable: /bin/busybox
		    args: [httpd, -f, -p, "127.0.0.1:8000", -h, $work/www]
		    filesystem: {read_only: [$work/www]}
		    health_check: {http: "http://localhost:8000/index.html", interval: 500ms, timeout: 20s, retries: 2}
		    stop: {timeout: 0s}
		  @exec:
		    executable: /bin/sleep
		    args: ["1000"]
		    health_check: {exec: [/bin/sh, -c, "test -e /tmp/ok || touch /tmp/ok"], interval: 500ms, timeout: 20s, retries: 2}
		    stop: {timeout: 0s}
		  @never:
		    executable: /bin/sleep
		    args: ["1000"]
		    health_check: {exec: [/bin/sleep, "30"], interval: 200ms, timeout: 200ms, retries: 2}
		    stop: {timeout: 0s}
		  @dies:
		    executable: /bin/sleep
		    args: ["0.5"]
		    restart: {policy: "no"}
		    health_check: {exec: [/bin/sleep, "30"], interval: 100ms, timeout: 20s}
		  @after: {executable: /bin/sleep, args: ["1000"], depends_on: [@tcp], stop: {timeout: 0s}}
	Y
	run -1 up
	is_state tcp running
	is_state http running
	is_state exec running
	is_state after running
	is_state never unhealthy
	[[ $(service never .health) == unhealthy && $(service never .health_error) == "no answer within 200ms" ]]
	[[ $(service dies .reason) == finished ]]
	alert never unhealthy firing
	rm "$work/www/index.html"
	wait_for 10 is_state http unhealthy
	[[ $(service http .reason) == *"status 404" ]]
	echo ok >"$work/www/index.html"
	wait_for 10 is_state http running
	alert http unhealthy resolved
	# No process of a check that was cut off is left.
	wait_for 20 eval '[[ $(service never .stats.pids.current) -le 3 ]]' # another may be under way
}

@test "one that ends while its health check is being started ends, and starts again" {
	{
		echo 'resource_isolation: {defaults: {network: {mode: none}}}'
		echo 'services:'
		for i in {1..8}; do
			echo "  @$i: {executable: /bin/sleep, args: ['0.2$i'], health_check: {exec: [/bin/true], interval: 10ms}, stop: {timeout: 0s},"
			echo "    restart: {policy: always, max_retries: 0, backoff: 1ms, max_backoff: 1ms}}"
		done
	} | write_config
	run up # they end before all of them are up
	restarts() { bhs status --format json | jq -c '[.services[].restarts]' || true; } # 3: one is not up now
	# What was started to join a container that was ending, and is not reaped, keeps it
	# in its end: then some stand still, and some seconds brought that about.
	sleep 8
	before=$(restarts)
	all_go_on() { jq -en --argjson a "$before" --argjson b "$(restarts)" '[range($a | length) | $b[.] > $a[.]] | all' >/dev/null; }
	wait_for 20 all_go_on
	bhs down
}

@test "logs: lines of all, of one, the last, since a time, followed" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sh, args: [-c, "echo one; sleep 3; echo two; echo three >&2; sleep 1000"], stop: {timeout: 0s}}
		  @b: {executable: /bin/sh, args: [-c, "printf '\\033[31mred'; sleep 1000"], stop: {timeout: 0s}}
	Y
	up
	timeout 20 "$BLACKHOLE" --root "$root" logs -f "${pre}a" >"$work/followed" 3>&- &
	wait_for 10 grep -q three "$logdir/${pre}a.log"
	wait_for 10 grep -q three "$work/followed"
	kill %1
	[[ $(cat "$work/followed") == $'one\ntwo\nthree' ]]
	[[ $(bhs logs -n 1 "${pre}a") == three ]]
	run -0 bhs logs
	[[ ${lines[0]} == "${pre}a | one" && ${lines[3]} == "${pre}b | "*red ]]
	sleep 1.2
	[[ $(bhs logs --since 1h "${pre}a" | wc -l) == 3 ]]
	[[ -z $(bhs logs --since 0s "${pre}a") ]]
	fails 'cannot use --since "yesterday"*' bhs logs --since yesterday
	fails 'cannot show the log of "nope"*' bhs logs nope
}

@test "one that floods its log keeps to its size" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}, cpu: {quota: 0.3}}}
		services: {@a: {executable: /usr/bin/yes, stop: {timeout: 0s}, logs: {max_size: 1M, max_files: 2}}}
	Y
	up
	sleep 3
	bhs down "${pre}a"
	used=$(du -k "$logdir/${pre}a.log" "$logdir/${pre}a.log.1" | awk '{ n += $1 } END { print n }')
	echo "used: $used KiB"
	((used < 2 * 1024 + 200))
	[[ $(bhs logs -n 1 "${pre}a") == y ]]
}

@test "bad clients of the control socket hurt nothing" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services: {@a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}}
	Y
	up
	socket=$root/@supervisor/control.sock
	[[ $(stat -c %a "$socket") == 600 ]]
	ask() { perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die; print $s $ARGV[1]; $s->flush; print scalar <$s>' "$socket" "$1"; }
	[[ $(ask '{"version":1,"method":"status"}'$'\n' | jq -r '.services[0].state') == running ]]
	[[ $(ask '{"version":1,"method":"status","brief":true}'$'\n' | jq -c '.services[0] | [.state, has("stats")]') == '["running",false]' ]]
	[[ $(ask '{"version":1,"method":"status"}'$'\n' | jq -c '.services[0] | has("stats")') == true ]]
	[[ $(ask 'nonsense'$'\n' | jq -r .error) == "cannot read the request"* ]]
	[[ $(ask '{"version":99,"method":"status"}'$'\n' | jq -r .error) == "cannot speak protocol version 99"* ]]
	[[ $(ask '{"version":1,"method":"explode"}'$'\n' | jq -r .error) == 'cannot do "explode"'* ]]
	# Many that say nothing, and one that says too much, beside one that asks properly.
	perl -MIO::Socket::UNIX -e '@s = map { IO::Socket::UNIX->new(Peer => $ARGV[0]) } 1..28; sleep 20' "$socket" 3>&- &
	head -c 1000000 /dev/zero | timeout 10 perl -MIO::Socket::UNIX -e '$SIG{PIPE} = "IGNORE"; $s = IO::Socket::UNIX->new(Peer => $ARGV[0]); print $s <STDIN>; ' "$socket" || true
	time is_state a running
	kill %1
}

@test "faults of the file, or a service without a program, start nothing" {
	write_config <<-'Y'
		services: {@a: {executable: /bin/sleep, args: ["1000"], depends_on: [@b]}}
	Y
	run -1 --separate-stderr bhs up -c "$config"
	[[ $stderr == "$config:"*"${pre}b"* ]]
	run -1 --separate-stderr bhs up -d -c "$config"
	write_config <<-'Y'
		services: {@a: {}, @b: {executable: /bin/sleep}}
	Y
	fails "cannot start service \"${pre}a\": it has no executable*" bhs up -c "$config"
	fails "cannot find service *" bhs up -c "$config" nope
	fails 'cannot use --group "nosuchgroup"*' bhs up -c "$config" --group nosuchgroup "${pre}b"
	[[ ! -e $root/@supervisor/state.json ]]
}

@test "a container of somebody else's with a service's name is left alone" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services: {@a: {executable: /bin/sleep, args: ["1000"]}}
	Y
	bundle=$work/bundle
	make_bundle "$bundle" sleep 1000
	bh run -d --bundle "$bundle" "${pre}a" </dev/null >/dev/null 2>&1
	run -1 up
	[[ $(service a .reason) == *"exists already and is not the supervisor's"* ]]
	is_status "${pre}a" running
	bhs down
	is_status "${pre}a" running
	bh delete --force "${pre}a"
}
