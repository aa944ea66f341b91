#!/usr/bin/env bats
# A cgroup that may have no more cgroups below it, or none so deep; and removed
# cgroups that something would hold on to. Cgroup v2 alone knows of both; run in
# the guest.
# shellcheck disable=SC2016,SC2034,SC2154

load helpers
load supervisor
load pressure

setup() {
	not_runc "the promises are blackhole's"
	[[ -e /sys/fs/cgroup/cgroup.controllers ]] || skip "cgroup v2 alone has cgroup.max.descendants, cgroup.max.depth and nr_dying_descendants"
	oci_setup
	config=$work/blackhole.yaml pre=t$$x$BATS_TEST_NUMBER logdir=$root/@supervisor/log # as up_setup has it
	above=/sys/fs/cgroup/$id-above
	mkdir "$above"
	configure '.linux.cgroupsPath = $p' --arg p "/$id-above/$id-n"
	bh run -d -b "$bundle" "$id-n" </dev/null >/dev/null 2>&1
	neighbour_pid=$(bh state "$id-n" | jq .pid)
}

teardown() {
	[[ -v above ]] || return 0
	local failed=0
	echo max >"$above/cgroup.max.descendants"
	echo max >"$above/cgroup.max.depth"
	[[ ! -d $root/@supervisor ]] || bh down || failed=1
	rm -rf "$root/@supervisor"
	oci_teardown || failed=1
	find "$above" -depth -type d -exec rmdir {} + || failed=1
	return $failed
}

# below PATH: where the next container's cgroup is to be.
below() { configure '.linux.cgroupsPath = $p' --arg p "/$id-above/$1"; }

# refused CAUSE: create and run fail for that alone, and nothing changes.
refused() {
	local before command
	before=$(find "$above" -type d)
	for command in create run "run -d"; do
		# shellcheck disable=SC2086 # words
		! bh $command -b "$bundle" "$id" </dev/null >/dev/null 2>"$work/err"
		one_line "cannot *mkdir $above/*: resource temporarily unavailable: $1"
		nothing_left_here "$id"
	done
	[[ $(find "$above" -type d) == "$before" ]]
	unharmed
}

unharmed() {
	[[ $(bh state "$id-n" | jq -r '.status + (.pid | tostring)') == "running$neighbour_pid" ]]
	bh exec "$id-n" true
	bh update --pids-limit 55 "$id-n"
	[[ $(<"$above/$id-n/pids.max") == 55 ]]
	bh update --pids-limit 99 "$id-n"
}

@test "cgroup.max.descendants is reached: a line that says so, nothing left, the others work on; with one more there is room" {
	below "$id"
	echo 1 >"$above/cgroup.max.descendants"
	refused "cgroup.max.descendants of $above is 1"
	echo 2 >"$above/cgroup.max.descendants"
	bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	bh start "$id"
	bh exec "$id" true
	bh delete --force "$id"
	nothing_left_here "$id"
	# What a refusal made on the way goes too.
	below "way/there/$id"
	echo 3 >"$above/cgroup.max.descendants"
	refused "cgroup.max.descendants of $above is 3"
}

@test "cgroup.max.depth is reached: a line that says so, nothing left, the others work on; with one more there is room" {
	below "way/there/$id"
	echo 2 >"$above/cgroup.max.depth"
	refused "cgroup.max.depth of $above is 2"
	echo 3 >"$above/cgroup.max.depth"
	bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	bh delete "$id"
	nothing_left_here "$id"
}

@test "a service that finds no room for its cgroup fails and says so, and the others run; up says what it could not start" {
	write_config <<-Y
		resource_isolation:
		  cgroup: {root_path: $above}
		  defaults: {network: {mode: none}}
		services:
		  @a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
		  @b: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}, depends_on: [@a], restart: {policy: on-failure, max_retries: 1, backoff: 10ms}}
	Y
	echo 3 >"$above/cgroup.max.descendants" # the neighbour, blackhole, a
	run -1 up
	[[ $output == *"cgroup.max.descendants of $above is 3"* ]]
	is_state a running
	is_state b failed
	unharmed
	echo 4 >"$above/cgroup.max.descendants"
	bhs restart "${pre}b"
	wait_for 20 is_state b running
	bhs down
	[[ $(find "$above" -mindepth 1 -type d) == "$above/$id-n" ]]
}

@test "removed cgroups die: neither commands nor a supervisor hold on to them" {
	dying() { awk '/^nr_dying_descendants/ {print $2}' /sys/fs/cgroup/cgroup.stat; }
	# Memory that programs left in caches holds a removed cgroup until it is dropped.
	local rest=3
	at_rest() { # at_rest [MORE]
		sync
		echo 3 >/proc/sys/vm/drop_caches
		(($(dying) <= rest + ${1-0}))
	}
	below "$id"
	# What ran before: a file of another test's that is still there holds a cgroup, too.
	wait_for 30 at_rest || rest=$(dying)
	echo "held by what ran before: $rest at most"
	lives() { # lives N PROGRAM…
		program "${@:2}"
		for _ in $(seq "$1"); do
			bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
			bh start "$id"
			bh exec "$id" true
			bh delete --force "$id"
		done
	}
	# That it can be seen: what a program leaves on a tmpfs holds its cgroup.
	mkdir "$work/shared"
	configure '.mounts += [{destination: "/tmp", type: "bind", source: $s, options: ["rbind"]}]' --arg s "$work/shared"
	lives 5 sh -c 'x=$(id); echo "$x" >"/tmp/$$-$RANDOM"; sleep 1000'
	run -1 wait_for 3 at_rest
	rm -r "$work/shared/"*
	wait_for 20 at_rest
	lives "${STARTS:-8}" sleep 1000
	wait_for 20 at_rest
	write_config <<-Y
		resource_isolation: {monitor: {interval: 100ms}, defaults: {network: {mode: none}}}
		services:
		  @a: {executable: /bin/sleep, args: ["0.2"], restart: {policy: always, max_retries: 0, backoff: 1ms, max_backoff: 1ms}}
		  @steady: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	Y
	up || true # a service that ends at once need not be up
	more() { (($(service a .restarts) >= ${STARTS:-8})); }
	wait_for $((60 + ${STARTS:-8})) more
	wait_for 20 at_rest 1 # one may be ending now
	bhs down
}
