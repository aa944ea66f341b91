#!/usr/bin/env bats
# apply: running services brought to a configuration that has changed.
# shellcheck shell=bash disable=SC2154,SC2016

load helpers
load supervisor

setup() {
	not_runc "has no supervisor"
	up_setup
}

teardown() { up_teardown; }

# edit SED-SCRIPT: changes the configuration file.
edit() { sed -i "s/@/$pre/g; $1" "$config"; }

# inside SERVICE PROGRAM ARGS…
inside() {
	local name=$pre$1
	shift
	bhs exec "$name" "$@" </dev/null
}

# on_a_host: runs a script with set -e in network and mount namespaces of its own.
on_a_host() {
	unshare -n -m --propagation private bash -euo pipefail -c "
		mount -t tmpfs tmpfs /run
		ip link set lo up
		not() { ! \"\$@\"; }
		$(declare -f bhs up service)
		$1" 3>&-
}

@test "limits change in place: same pid, and the new ones are felt" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}, pids: {limit: 10}}, monitor: {memory_critical: 1}}
		services:
		  @a:
		    executable: /bin/sleep
		    args: ["1000"]
		    stop: {timeout: 0s}
		    resources: {memory: {limit: 60M, swap: 0}, cpu: {quota: 0.1}}
		  @other: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	up
	a=$(service a .pid) other=$(service other .pid)
	eat='$x = "x" x (50 << 20); print "fed\n"'
	spawn='for (1..20) { my $p = fork; defined $p or last; $p or do { sleep 1; exit }; $n++ } print "$n\n"; 1 while wait > 0'
	# throttled: whether its quota held back a program that wants a fifth of a second.
	throttled() {
		local before
		before=$(service a .stats.cpu.throttled_count)
		inside a perl -e '1 while (times)[0] < 0.2'
		(($(service a .stats.cpu.throttled_count) > before))
	}
	run inside a perl -e "$eat"
	[[ $output != *fed* ]]
	(($(inside a perl -e "$spawn") < 10))
	throttled
	wait_for 40 eval '[[ $(service a .stats.pids.current) == 1 ]]'

	edit 's/60M, swap: 0/200M, swap: 0/; s/quota: 0.1/quota: unlimited/; s/pids: {limit: 10}/pids: {limit: 40}/'
	run -0 bhs apply --dry-run
	[[ $output == *"${pre}a: change in place"*"resources.memory.limit  60M -> 200M  "*"(in place)"* && $output != *restart* ]]
	[[ $(bhs apply --dry-run --format json | jq -r '.changes[0].keys[0] | .key + .old + .new') == resources.cpu.quota0.1 ]]
	[[ $(service a .stats.memory.limit) == $((60 << 20)) ]] # a dry run changes nothing

	run -0 bhs apply
	[[ $(service a .pid) == "$a" && $(service other .pid) == "$other" ]]
	[[ $(inside a perl -e "$eat") == fed ]]
	[[ $(inside a perl -e "$spawn") == 20 ]]
	run throttled
	((status != 0))
	run -0 bhs apply
	[[ $output == "no changes" ]]

	# The bundle says so too; and back again, through a restart.
	[[ $(jq .linux.resources.memory.limit "$root/@supervisor/bundles/${pre}a/config.json") == $((200 << 20)) ]]
	edit 's/200M/60M/'
	bhs apply
	[[ $(service a .pid) == "$a" ]]
	run inside a perl -e "$eat"
	[[ $output != *fed* ]]
	bhs restart "${pre}a"
	run inside a perl -e "$eat"
	[[ $output != *fed* ]]
}

@test "only what cannot change while it runs is restarted, dependents first; others are added and removed" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sh, args: [-c, "trap 'sleep 0.3; exit' TERM; while :; do sleep 0.1; done"], environment: {V: "1"}}
		  @b: {executable: /bin/sh, args: [-c, "trap 'sleep 0.3; exit' TERM; while :; do sleep 0.1; done"], depends_on: [@a]}
		  @c: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}, depends_on: [@a]}
		  @old: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	up
	a=$(service a .pid) b=$(service b .pid) c=$(service c .pid) old=$(service old .pid)
	[[ -n $(cgroups_of "${pre}old") ]]
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sh, args: [-c, "trap 'sleep 0.3; exit' TERM; while :; do sleep 0.1; done"], environment: {V: "2"}}
		  @b: {executable: /bin/sh, args: [-c, "trap 'sleep 0.3; exit' TERM; while :; do sleep 0.1; done"], depends_on: [@a], working_dir: /tmp}
		  @c: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 3s}, restart: {policy: always}, logs: {max_size: 1M}, depends_on: [@a], health_check: {exec: [/bin/true], timeout: 20s}}
		  @new: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}, depends_on: [@b]}
	Y
	run -0 --separate-stderr bhs apply --format json
	[[ $(jq -r '.changes | map(.service + "=" + .action) | join(" ")' <<<"$output") == "${pre}old=remove ${pre}a=restart ${pre}b=restart ${pre}c=update ${pre}new=add" ]]
	[[ $(service a .pid) != "$a" && $(service b .pid) != "$b" && $(service c .pid) == "$c" ]]
	[[ $(bhs status --format json | jq -r '[.services[] | .name + "=" + .state] | join(" ")') == "${pre}a=running ${pre}b=running ${pre}c=running ${pre}new=running" ]]
	[[ $(service c .health) == healthy ]]
	grep -qz V=2 "/proc/$(service a .pid)/environ"
	ended "$old"
	[[ -z $(cgroups_of "${pre}old") && ! -e $root/@supervisor/bundles/${pre}old ]]
	order=$(jq -r --arg a "${pre}a" --arg b "${pre}b" 'select(.type == "state" and (.service == $a or .service == $b)) | .service[-1:] + .state' "$logdir/events.jsonl" | tail -n 8 | tr '\n' ' ')
	echo "$order"
	[[ $order == "bstopping bwaiting astopping awaiting astarting arunning bstarting brunning " ]]
	fails "cannot find service *" bhs status "${pre}old"
}

@test "a configuration with faults changes nothing, by apply and by SIGHUP, and a new supervisor goes on without it" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
		  @b: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}, depends_on: [@a]}
	Y
	fails "cannot reach a supervisor: no supervisor runs*" bhs apply
	up
	a=$(service a .pid)
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sleep, args: ["1"], resources: {memory: {limit: 12Q}}}
		  @b: {executable: /nonexistent}
	Y
	run -1 --separate-stderr bhs validate -c "$config"
	faults=$stderr
	[[ $faults == *'12Q'* ]]
	run -1 --separate-stderr bhs apply
	[[ $stderr == "$faults" && -z $output ]]
	run -1 --separate-stderr bhs apply -c "$config" --dry-run
	[[ $stderr == "$faults" ]]
	kill -HUP "$(supervisor_pid)"
	wait_for 40 grep -q '"type":"warning".*12Q' "$logdir/events.jsonl"
	[[ $(service a .pid) == "$a" ]]
	kill -9 "$(supervisor_pid)"
	wait_until ended "$(supervisor_pid)"
	up
	[[ $(service a .pid) == "$a" && $(service b .state) == running ]]
	grep -q '"type":"warning".*the file is faulty' "$logdir/events.jsonl"

	# An empty file is no wish to stop everything.
	echo 'services: {}' >"$config"
	fails "cannot start services: the configuration has none" bhs apply
	# Others that are added need a program.
	write_config <<<'services: {@a: {executable: /bin/sleep, args: ["1000"]}, @x: {}}'
	fails "cannot start service \"${pre}x\": it has no executable*" bhs apply
	[[ $(service a .pid) == "$a" ]]
	fails "*nosuch: cannot read the configuration: no such file*" bhs apply -c "$work/nosuch"
}

@test "a supervisor that starts again goes on with what was applied last, and says that the file differs" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}, restart: {backoff: 0s}}
		  @b: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	up
	edit 's/args: \["1000"\], stop: {timeout: 0s}, restart/args: ["2000"], stop: {timeout: 0s}, restart/'
	bhs apply
	a=$(service a .pid) b=$(service b .pid)
	[[ $(tr '\0' ' ' <"/proc/$a/cmdline") == "/bin/sleep 2000 " ]]
	edit 's/2000/3000/; /@b/d'
	sed -i "/${pre}b/d" "$config"
	kill -9 "$(supervisor_pid)"
	wait_until ended "$(supervisor_pid)"
	up
	[[ $(service a .pid) == "$a" && $(service b .pid) == "$b" ]]
	grep -q '"type":"warning".*the file differs' "$logdir/events.jsonl"
	kill -9 "$a" # it comes back as what was applied, not as what the file says
	wait_for 60 eval 'now=$(service a .pid) && [[ $now != null && $now != "$a" ]]'
	[[ $(tr '\0' ' ' <"/proc/$(service a .pid)/cmdline") == "/bin/sleep 2000 " ]]
	run -0 bhs apply
	[[ $output == *"${pre}b: stop and remove"*"${pre}a: restart"* ]]
	[[ $(tr '\0' ' ' <"/proc/$(service a .pid)/cmdline") == "/bin/sleep 3000 " ]]
	[[ $(stat -c %a "$root/@supervisor/applied.yaml") == 600 ]]
	bhs down
	[[ ! -e $root/@supervisor/applied.yaml ]]
}

@test "apply meets services that fail, wait, start, stop, or are stopped" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @backoff: {executable: /bin/sh, args: [-c, "exit 3"], restart: {max_retries: 0, backoff: 60s, max_backoff: 60s}}
		  @failed: {executable: /bin/sh, args: [-c, "exit 4"], restart: {policy: "no"}}
		  @waits: {executable: /bin/sleep, args: ["1000"], depends_on: [@failed], stop: {timeout: 0s}}
		  @stopped: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
		  @stopping: {executable: /bin/sh, args: [-c, "trap '' TERM; while :; do sleep 0.1; done"], stop: {timeout: 3s}}
		  @slow: {executable: /bin/sleep, args: ["1000"], health_check: {exec: [/bin/false], interval: 30s, timeout: 20s}, stop: {timeout: 0s}}
		  @good: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	timeout 60 "$BLACKHOLE" --root "$root" up -c "$config" >"$work/out" 2>&1 3>&- &
	wait_for 60 is_state backoff backoff
	wait_for 60 is_state failed failed
	wait_for 60 is_state good running
	bhs down "${pre}stopped"
	bhs down "${pre}stopping" &
	down=$!
	wait_for 40 is_state stopping stopping
	is_state slow starting
	good=$(service good .pid) slow=$(service slow .pid)
	sed -i 's/exit 3/sleep 1000/; s/exit 4/sleep 1000/; s/"1000"\], depends_on/"2000"], depends_on/; s/sleep 0.1/sleep 0.2/; s,/bin/false,/bin/true,' "$config"
	sed -i "/${pre}stopped:/s/1000/2000/" "$config"
	run -0 --separate-stderr bhs apply
	echo "$output $stderr"
	[[ $output == *"${pre}backoff: start anew"* && $output == *"${pre}failed: start anew"* && $output == *"${pre}slow: change in place"* ]]
	for name in backoff failed waits slow good; do is_state $name running; done
	[[ $(service good .pid) == "$good" && $(service slow .pid) == "$slow" ]]
	is_state stopped stopped # as the operator left it
	wait $down
	is_state stopping stopped
	bhs restart "${pre}stopped"
	[[ $(tr '\0' ' ' <"/proc/$(service stopped .pid)/cmdline") == "/bin/sleep 2000 " ]]
} 3>&-

@test "a limit that cannot be lowered is said, the rest is done, and applying again converges" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @full:
		    executable: /usr/bin/perl
		    args: [-e, '$| = 1; $x = "x" x (60 << 20); print "full\n"; sleep 1000']
		    resources: {memory: {limit: 200M, swap: 0}}
		    stop: {timeout: 0s}
		  @b: {executable: /bin/sleep, args: ["1000"], resources: {pids: {limit: 10}}, stop: {timeout: 0s}}
	Y
	up
	wait_for 60 grep -q full "$logdir/${pre}full.log"
	full=$(service full .pid)
	edit 's/200M/20M/; s/limit: 10/limit: 20/'
	run -1 --separate-stderr bhs apply
	[[ $stderr == *"cannot apply all: ${pre}full is as it was: cannot update container"* ]]
	[[ $(service full .pid) == "$full" && $(service full .stats.memory.limit) == $((200 << 20)) ]]
	[[ $(service b .stats.pids.limit) == 20 ]]
	# Still to do, alone; and then not.
	[[ $(bhs apply --dry-run --format json | jq -r '[.changes[].service] | join(" ")') == "${pre}full" ]]
	edit 's/20M/150M/'
	bhs apply
	[[ $(service full .pid) == "$full" && $(service full .stats.memory.limit) == $((150 << 20)) ]]
	[[ $(bhs apply) == "no changes" ]]
}

@test "two at a time: each is done whole or refused" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services: {@a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}}
	Y
	up
	for n in 1 2 3 4; do
		sed "s/1000/100$n/" "$config" >"$work/$n.yaml"
		bhs apply -c "$work/$n.yaml" >"$work/$n.out" 2>&1 &
	done
	done=0
	for n in 1 2 3 4; do
		if wait %$((n)); then
			done=$((done + 1))
		else
			grep -Eq 'another apply is under way|changed since the plan was made' "$work/$n.out"
		fi
	done
	((done >= 1))
	is_state a running
	n=$(tr '\0' '\n' <"/proc/$(service a .pid)/cmdline" | sed -n 's/^100//p')
	bhs apply -c "$work/$n.yaml" | grep -qx "no changes"
	[[ $(pgrep -fc "sleep 100[1-4]\$") == 1 ]]
	# What was shown is what is done, or nothing is.
	ask() { perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die; print $s "$ARGV[1]\n"; $s->flush; print scalar <$s>' "$root/@supervisor/control.sock" "$1"; }
	plan=$(ask '{"version":1,"method":"apply","dry_run":true}' | jq -r .plan)
	a=$(service a .pid)
	sed -i 's/1000/3000/' "$config"
	[[ $(ask '{"version":1,"method":"apply","plan":"'"$plan"'"}' | jq -r .error) == "cannot apply: the configuration or the services have changed since the plan was made"* ]]
	[[ $(service a .pid) == "$a" ]]
} 3>&-

@test "bandwidth, ports and the bridge's subnet of services with networks of their own" {
	mkdir "$work/www"
	head -c 1000000 /dev/zero >"$work/www/file"
	write_config <<-Y
		resource_isolation: {network: {subnet: 10.99.0.0/24}}
		services:
		  @web:
		    executable: /bin/busybox
		    args: [httpd, -f, -p, "80", -h, $work/www]
		    filesystem: {read_only: [$work/www]}
		    resources: {network: {bandwidth: {egress_rate: 500K}}}
		    network: {ports: ["8080:80"]}
		    stop: {timeout: 0s}
		  @slow:
		    executable: /bin/sh
		    args: [-c, "trap 'sleep 1; exit' TERM; while :; do sleep 0.1; done"]
		    network: {ports: ["9090:80"]}
	Y
	export BLACKHOLE work root config logdir pre
	on_a_host '
		up
		web=$(service web .pid)
		took() { local t=$EPOCHREALTIME; curl -sSf -m 20 -o /dev/null "http://127.0.0.1:$1/file"; echo $(((${EPOCHREALTIME/./} - ${t/./}) / 1000)); }
		shaped=$(took 8080)
		sed -i "s/500K/500M/" "$config"
		bhs apply
		[[ $(service web .pid) == "$web" ]]
		free=$(took 8080)
		echo "1 MB took $shaped ms, then $free ms"
		((shaped > 1000 && free < shaped / 2))
		# A port from one to another: free before it is taken.
		sed -i "s/9090:80/9191:80/; s/8080:80/9090:80/" "$config"
		bhs apply
		took 9090
		not curl -s -m 2 -o /dev/null "http://127.0.0.1:8080/file"
		[[ $(service web .restarts) == 1 && $(service slow .restarts) == 1 ]]
		[[ $(jq -r "select(.type == \"warning\") | .message" "$logdir/events.jsonl" | wc -l) == 0 ]]
		# The subnet: each service with an address in it leaves the bridge before the first comes back.
		sed -i "s/10.99.0.0/10.98.0.0/" "$config"
		bhs apply
		ip -4 addr show blackhole0 | grep -q "inet 10.98.0.1/24"
		[[ $(ip -4 addr show blackhole0) != *10.99.* ]]
		took 9090
		[[ $(service web .restarts) == 2 && $(service slow .restarts) == 2 ]]
		# One that is removed leaves no link.
		links=$(ip -o link | grep -c bhv)
		sed -i "/${pre}slow:/,\$d" "$config"
		bhs apply
		((links == 2 && $(ip -o link | grep -c bhv) == 1))
		bhs down
		[[ $(ip -o link) != *bhv* ]]'
}

@test "what a supervisor was killed over is finished by the next" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}, resources: {memory: {limit: 50M}}}
		  @b: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}, environment: {V: "1"}}
		  @c: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}, environment: {V: "1"}}
	Y
	up
	a=$(service a .pid) b=$(service b .pid) c=$(service c .pid)
	kill -9 "$(supervisor_pid)"
	wait_until ended "$(supervisor_pid)"
	# As it is on disk between the decision and the deed.
	sed -i 's/50M/70M/' "$root/@supervisor/applied.yaml"
	sed -i "/^ *${pre}b:/,/V:/s/V: .*/V: '2'/" "$root/@supervisor/applied.yaml"
	state=$root/@supervisor/state.json
	jq --arg p "$pre" '.services[$p + "a"].pending = true | .services[$p + "b"].pending = true | .services[$p + "c"].pending = true' "$state" >"$work/changed.json" && cp "$work/changed.json" "$state"
	up
	wait_for 40 eval '[[ $(service a .stats.memory.limit) == $((70 << 20)) ]]'
	wait_for 40 eval 'grep -qsz V=2 "/proc/$(service b .pid)/environ"'
	[[ $(service a .pid) == "$a" && $(service c .pid) == "$c" && $(service b .pid) != "$b" ]]
	wait_for 40 eval '[[ $(jq "[.services[].pending] | any" "$state") == false ]]'
}
