#!/usr/bin/env bats
# update and the statistics of state: what changes is felt by the program, and
# what state tells is checked against another reading or a load of known size.
# Runs on cgroup v1 and v2.

load helpers

setup() { oci_setup; }
teardown() { oci_teardown; }

# stat_of FILTER: a figure of state's statistics.
stat_of() { bh state "$id" | jq -r ".stats$1"; }

# burn SECONDS: processor time that the container takes while it tries for so
# long, in thousandths of one CPU.
burn() {
	local before after began
	before=$(stat_of .cpu.usage_ns)
	began=$(date +%s%N)
	sleep "$1"
	after=$(stat_of .cpu.usage_ns)
	echo $((1000 * (after - before) / ($(date +%s%N) - began)))
}

start() {
	bh run -d --bundle "$bundle" "$id" </dev/null >"$work/out" 2>&1
}

# hold_20mb: the program holds so much memory in a variable, and says "full".
hold_20mb() {
	ln -sf busybox "$bundle/rootfs/bin/head"
	ln -sf busybox "$bundle/rootfs/bin/tr"
	in_sh 'x=$(head -c 20000000 /dev/zero | tr "\0" a); echo full; sleep 1000; :' # not the last command, which would take the shell's place
}

# within FIGURE WANT PERCENT
within() {
	((100 * $1 >= (100 - $3) * $2 && 100 * $1 <= (100 + $3) * $2)) || {
		echo "$1 is not within $3 % of $2"
		return 1
	}
}

# gets FIGURE QUOTA: within 10 % in the guest, which counts its own time. A host that
# others use may give less, never more.
gets() {
	if in_guest; then
		within "$1" "$2" 10
	elif ((10 * $1 < $2 || 100 * $1 > 110 * $2)); then
		echo "$1 is not between a tenth of $2 and 10 % over it"
		return 1
	fi
}

@test "update: a quota slows a busy loop, a greater one lets it go, and state counts both" {
	in_sh 'while :; do :; done'
	start
	bh update "$id" --cpu-period 50000 --cpu-quota 10000
	sleep 0.3
	gets "$(burn 3)" 200
	(($(stat_of .cpu.throttled_count) > 20))
	(($(stat_of .cpu.throttled_ns) > 500000000))
	bh update "$id" --cpu-quota 25000 # the period stays
	sleep 0.3
	gets "$(burn 3)" 500
}

@test "update: a process over the new pids limit is refused, and -1 lifts it" {
	# The inner shell gives up at the first fork that fails.
	in_sh 'while read -r n; do sh -c "i=0; while [ \$i -lt $n ]; do sleep 100 & i=\$((i+1)); done; echo forked $n" 2>&1; done'
	mkfifo "$work/in"
	exec {in}<>"$work/in"
	bh run -d --bundle "$bundle" "$id" <"$work/in" >"$work/out" 2>&1 {in}>&-
	bh update "$id" --pids-limit 5
	echo 10 >&"$in"
	wait_until grep -q "can't fork\|Resource temporarily\|Try again" "$work/out"
	(($(stat_of .pids.current) <= 5))
	[[ $(stat_of .pids.limit) == 5 ]]
	grep -q forked "$work/out" && return 1
	bh update "$id" --pids-limit -1
	[[ $(stat_of .pids.limit) == null ]]
	echo 10 >&"$in"
	wait_until grep -q "forked 10" "$work/out"
	(($(stat_of .pids.current) > 10))
	exec {in}>&-
}

@test "update: a memory limit below usage is refused and the former stays" {
	hold_20mb
	start
	wait_until grep -q full "$work/out"
	local used
	used=$(stat_of .memory.rss)
	((used > 20000000))
	bh update "$id" --memory 200M --memory-swap 200M
	[[ $(stat_of .memory.limit) == 209715200 ]]
	fails "*former limits are in force*" bh update "$id" --memory 4M --memory-swap 4M
	[[ $(stat_of .memory.limit) == 209715200 ]]
	[[ $(status "$id") == running ]]
	[[ $(stat_of .memory.events.oom_kill) == 0 ]]
}

@test "update: one refused limit leaves all the others as they were, set before or not" {
	start
	bh update "$id" --pids-limit 33
	# Memory is written before the quota, which the kernel refuses below 1 ms.
	fails "*former limits are in force*" bh update "$id" --pids-limit 7 --memory 50M --cpu-quota 10
	[[ $(stat_of .pids.limit) == 33 ]]
	[[ $(stat_of .memory.limit) == null ]]
	bh update "$id" --cpu-share 512 # and the refused ones do not come back with the next
	[[ $(stat_of .pids.limit) == 33 ]]
	[[ $(stat_of .memory.limit) == null ]]
}

@test "update: shares of 3 to 1 give 3 to 1 of one CPU, and change sides" {
	in_sh 'while :; do :; done'
	configure '.linux.resources.cpu.cpus = "0"'
	local a b
	# ratio X Y: how much more than Y, in percent, X gets of the CPU in 3 s.
	ratio() {
		a=$(bh state "$1" | jq .stats.cpu.usage_ns) b=$(bh state "$2" | jq .stats.cpu.usage_ns)
		sleep 3
		echo $((100 * ($(bh state "$1" | jq .stats.cpu.usage_ns) - a) / ($(bh state "$2" | jq .stats.cpu.usage_ns) - b)))
	}
	bh run -d --bundle "$bundle" "$id-a" </dev/null >/dev/null 2>&1
	bh run -d --bundle "$bundle" "$id-b" </dev/null >/dev/null 2>&1
	local more=3072 less=1024
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		# The runtimes' way from shares to cpu.weight is a curve; the weights
		# themselves are in proportion.
		bh update -r - "$id-a" <<<'{"unified": {"cpu.weight": "300"}}'
		bh update -r - "$id-b" <<<'{"unified": {"cpu.weight": "100"}}'
	else
		bh update --cpu-share $more "$id-a"
		bh update --cpu-share $less "$id-b"
	fi
	within "$(ratio "$id-a" "$id-b")" 300 20
	bh update --cpu-share 1024 "$id-a"
	bh update --cpu-share 1024 "$id-b"
	within "$(ratio "$id-a" "$id-b")" 100 20
	bh delete --force "$id-a"
	bh delete --force "$id-b"
}

@test "update: a program killed over its memory limit lives under a greater one" {
	configure '.linux.resources.memory = {limit: 41943040, swap: 41943040}'
	ln -sf busybox "$bundle/rootfs/bin/head"
	ln -sf busybox "$bundle/rootfs/bin/tr"
	# The shell inside is killed, the one outside says so and goes on.
	in_sh 'while read -r n; do sh -c "x=\$(head -c 30000000 /dev/zero | tr \"\\0\" a); y=\$x; z=\$x; echo held $n; :" || echo killed $n; done'
	mkfifo "$work/in"
	exec {in}<>"$work/in"
	bh run -d --bundle "$bundle" "$id" <"$work/in" >"$work/out" 2>&1 {in}>&-
	echo first >&"$in"
	wait_until grep -q "killed first" "$work/out"
	(($(stat_of .memory.events.oom_kill) >= 1))
	bh update "$id" --memory 500M --memory-swap 500M
	echo second >&"$in"
	wait_until grep -q "held second" "$work/out"
	exec {in}>&-
}

@test "update: the cpuset moves the program" {
	[[ $(nproc) -gt 1 ]] || skip "one CPU: nowhere to move to"
	in_sh 'while :; do grep Cpus_allowed_list /proc/self/status; sleep 0.1; done'
	ln -sf busybox "$bundle/rootfs/bin/grep"
	start
	bh update "$id" --cpuset-cpus 1
	wait_until grep -q 'Cpus_allowed_list:[[:space:]]*1$' "$work/out"
}

@test "update: JSON from a file and from stdin; the rest stays; a mistyped key is told" {
	start
	bh update "$id" --pids-limit 40
	echo '{"memory": {"limit": 104857600}, "cpu": {"shares": 512}}' >"$work/change.json"
	bh update --resources "$work/change.json" "$id"
	[[ $(stat_of .memory.limit) == 104857600 ]]
	[[ $(stat_of .pids.limit) == 40 ]]
	bh update -r - "$id" <<<'{"pids": {"limit": 41}}'
	[[ $(stat_of .pids.limit) == 41 ]]
	[[ $(stat_of .memory.limit) == 104857600 ]]
	run bh update -r - "$id" <<<'{"memry": {"limit": 1}}'
	[[ $output == *memry* ]]
	[[ $(stat_of .memory.limit) == 104857600 ]]
}

@test "update: what is wrong in one line" {
	start
	fails '*--memory: "12Q" is not a number*' bh update "$id" --memory 12Q
	fails '*--pids-limit: "many" is not*' bh update "$id" --pids-limit many
	fails '*cannot read standard input*' bh update "$id" -r - <<<'{"memory":'
	fails '*no such file*' bh update "$id" -r "$work/none.json"
	fails '*does not exist*' bh update "$id-none" --memory 10M
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	fails '*container not running*' bh update "$id" --memory 10M
}

@test "state: descriptors, processes and their limits" {
	configure '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 100}]'
	in_sh 'for n in 3 4 5 6 7 8 9; do eval "exec $n</dev/null"; done; sleep 1000 & sleep 1000 & echo ready; wait'
	start
	wait_until grep -q ready "$work/out"
	[[ $(stat_of .fds.limit) == 100 ]]
	local pid open most=0
	while read -r pid; do
		open=$(find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l)
		((open > most)) && most=$open
	done < <(cat /sys/fs/cgroup/{,pids/}"$id"/cgroup.procs 2>/dev/null)
	((most >= 10))
	[[ $(stat_of .fds.open) == "$most" ]]
	[[ $(stat_of .pids.current) == 3 ]]
}

@test "state: memory that is used, and CPU time burnt" {
	hold_20mb
	start
	wait_until grep -q full "$work/out"
	(($(stat_of .memory.rss) > 20000000 && $(stat_of .memory.rss) < 90000000))
	(($(stat_of .memory.current) >= $(stat_of .memory.rss)))
	(($(stat_of '.cpu.user_ns + .stats.cpu.system_ns') > 0))
}

@test "state: bytes written past the page cache are counted for their disk" {
	local disk data=$work/data
	mkdir "$data"
	if in_guest; then # $work is in memory there
		mkfs.ext4 -q -F /dev/guest/plain
		mount /dev/guest/plain "$data"
	fi
	disk=$(findmnt -no MAJ:MIN -T "$data" | tr -d ' ')
	[[ -e /sys/dev/block/$disk ]] || skip "$data is on no disk ($disk)"
	ln -sf busybox "$bundle/rootfs/bin/dd"
	configure '.mounts += [{destination: "/data", type: "bind", source: $data, options: ["bind"]}]' --arg data "$data"
	in_sh 'dd if=/dev/zero of=/data/file bs=1M count=5 oflag=direct 2>/dev/null && echo written; sleep 1000'
	start
	wait_until grep -q written "$work/out"
	local bytes
	bytes=$(stat_of '.io.devices | map(.write_bytes // 0) | add')
	within "$bytes" $((5 << 20)) 10
	(($(stat_of '.io.devices | map(.write_ios // 0) | add') >= 5))
	bh delete --force "$id"
	if mountpoint -q "$data"; then umount "$data"; fi
}

@test "state: without a program that runs there are no statistics" {
	bh create --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	[[ $(stat_of .pids.current) -ge 1 ]]
	bh kill "$id" KILL
	wait_until is_status "$id" stopped
	[[ $(bh state "$id" | jq 'has("stats")') == false ]]
}

# again COMMAND…: it succeeds, on the state as it is or on one of a moment later. The
# kernel takes back a few pages of a container that sleeps, say, between the
# reading of one figure and the other.
again() {
	local said
	for _ in 1 2 3 4 5 6 7 8; do
		said=$("$@") && return
		sleep 0.3
		state=$(bh state "$id")
	done
	echo "$said"
	return 1
}

same() { again same_now "$@"; }
keyed() { again keyed_now "$@"; }
stalled() { again stalled_now "$@"; }

# stalled RESOURCE FILE: the same of the time for which some waited.
stalled_now() { [[ $(jq ".stats.$1.pressure.some.total_ns / 1000" <<<"$state") == "$(sed -n 's/^some.*total=//p' "$2")" ]]; }

# same FILTER FILE: state's figure is the number in the file, and both
# are absent together, as is a limit of "max".
same_now() {
	local want=null got
	[[ -e $2 ]] && want=$(<"$2")
	# No limit: "max", -1, or on v1 the greatest multiple of a page.
	[[ $want != max && $want != -1 && $want != 9223372036854771712 ]] || want=null
	got=$(jq -r ".stats$1" <<<"$state")
	[[ $got == "$want" ]] || {
		echo "$1 is $got, $2 says $want"
		return 1
	}
}

# keyed FILTER FILE KEY [FACTOR]: the same of a line "KEY NUMBER".
keyed_now() {
	local want got
	want=$(awk -v k="$3" -v f="${4:-1}" '$1 == k { printf "%.0f", $2 * f }' "$2") # mawk ends %d at 2^31 - 1
	got=$(jq -r ".stats$1" <<<"$state")
	[[ $got == "${want:-null}" ]] || {
		echo "$1 is $got, $3 in $2 says ${want:-nothing}"
		return 1
	}
}

@test "state: every figure is the kernel's own" {
	configure '.linux.resources += {memory: {limit: 104857600, swap: 157286400}, pids: {limit: 50},
		cpu: {quota: 20000, period: 50000}}'
	in_sh 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; sleep 1000; :'
	start
	wait_until grep -q "done" "$work/out"
	sleep 2.5 # the kernel sums memory.stat up every two seconds
	local pid
	pid=$(bh state "$id" | jq .pid)
	local v2 cpu cpuacct memory pids state
	v2=/sys/fs/cgroup$(awk -F: '$1 == 0 { print $3 }' "/proc/$pid/cgroup")
	state=$(bh state "$id")
	if [[ -e $v2/memory.current ]]; then
		keyed .cpu.usage_ns "$v2/cpu.stat" usage_usec 1000
		keyed .cpu.user_ns "$v2/cpu.stat" user_usec 1000
		keyed .cpu.system_ns "$v2/cpu.stat" system_usec 1000
		keyed .cpu.periods "$v2/cpu.stat" nr_periods
		keyed .cpu.throttled_count "$v2/cpu.stat" nr_throttled
		keyed .cpu.throttled_ns "$v2/cpu.stat" throttled_usec 1000
		same .memory.current "$v2/memory.current"
		same .memory.peak "$v2/memory.peak"
		same .memory.limit "$v2/memory.max"
		same .memory.soft "$v2/memory.high"
		same .memory.swap "$v2/memory.swap.current"
		same .memory.swap_limit "$v2/memory.swap.max"
		keyed .memory.cache "$v2/memory.stat" file
		keyed .memory.rss "$v2/memory.stat" anon
		local event
		for event in low high max oom oom_kill oom_group_kill; do
			keyed ".memory.events.$event" "$v2/memory.events" "$event"
		done
		same .pids.current "$v2/pids.current"
		same .pids.limit "$v2/pids.max"
		local resource
		for resource in cpu memory io; do
			stalled "$resource" "$v2/$resource.pressure"
		done
		return
	fi
	# of CONTROLLER: the container's folder in its hierarchy.
	of() {
		local mount path
		mount=$(awk -v c="$1" '$0 ~ " - cgroup " && ("," $NF ",") ~ ("," c ",") { print $5; exit }' /proc/self/mountinfo)
		path=$(awk -F: -v c="$1" '("," $2 ",") ~ ("," c ",") { print $3 }' "/proc/$pid/cgroup")
		echo "$mount$path"
	}
	cpu=$(of cpu) cpuacct=$(of cpuacct) memory=$(of memory) pids=$(of pids)
	same .cpu.usage_ns "$cpuacct/cpuacct.usage"
	same .cpu.user_ns "$cpuacct/cpuacct.usage_user"
	same .cpu.system_ns "$cpuacct/cpuacct.usage_sys"
	keyed .cpu.periods "$cpu/cpu.stat" nr_periods
	keyed .cpu.throttled_count "$cpu/cpu.stat" nr_throttled
	keyed .cpu.throttled_ns "$cpu/cpu.stat" throttled_time
	same .memory.current "$memory/memory.usage_in_bytes"
	same .memory.peak "$memory/memory.max_usage_in_bytes"
	same .memory.limit "$memory/memory.limit_in_bytes"
	same .memory.soft "$memory/memory.soft_limit_in_bytes"
	[[ $(jq .stats.memory.swap_limit <<<"$state") == $((157286400 - 104857600)) ]]
	keyed .memory.cache "$memory/memory.stat" total_cache
	keyed .memory.rss "$memory/memory.stat" total_rss
	keyed .memory.swap "$memory/memory.stat" total_swap
	same .memory.events.max "$memory/memory.failcnt"
	keyed .memory.events.oom_kill "$memory/memory.oom_control" oom_kill
	same .pids.current "$pids/pids.current"
	same .pids.limit "$pids/pids.max"
}
