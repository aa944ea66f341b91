#!/usr/bin/env bats
# When there is no more of something: space, descriptors, processes; and much at
# once, or for long. Short here: `make stress` runs the same with STARTS=5000
# CONTAINERS=500 ROUNDS=10, see docs/stress.md.

load helpers
load supervisor
load pressure

setup() {
	not_runc "the promises are blackhole's"
	oci_setup
	configure 'del(.process.rlimits)' # a limit of the caller's own would be in the way
}

teardown() {
	local failed=0
	[[ ! -v limited ]] || drop_limited || failed=1
	! mountpoint -q "$work/small" || umount -l "$work/small"
	oci_teardown || failed=1
	return $failed
}

# small SIZE: a file system of that size at $work/small, in a mount namespace
# that ends with the test.
small() {
	mkdir -p "$work/small"
	mount -t tmpfs -o "size=$1,mode=755" tmpfs "$work/small"
}

# leave PAGES: so much room on it.
leave() {
	rm -f "$work/small/fill"
	dd if=/dev/zero of="$work/small/fill" bs=4k status=none 2>/dev/null || true
	truncate -s "-$(($1 * 4096))" "$work/small/fill"
}

# neighbour: a container that nothing may happen to.
neighbour() {
	bh run -d -b "$bundle" "$id-n" </dev/null >/dev/null 2>&1
	neighbour_pid=$(bh state "$id-n" | jq .pid)
}

untouched() { [[ $(bh state "$id-n" | jq -r '.status + (.pid | tostring)') == "running$neighbour_pid" ]]; }

@test "a full disk under the state, at every level of it: a line, nothing left, and what there is can be used and deleted" {
	small 512k
	root=$work/small/state
	neighbour
	local pages made=0 refused=0
	for ((pages = 0; pages < 10; pages++)); do
		leave "$pages"
		if bh create -b "$bundle" "$id" </dev/null >/dev/null 2>"$work/err"; then
			made=$((made + 1))
			bh start "$id"
			if ! bh update --pids-limit 50 "$id" 2>"$work/err"; then
				one_line "*no space left on device; the former limits are in force"
			fi
			leave 0
			fails "*no space left on device; the former limits are in force" bh update --pids-limit 60 "$id"
			[[ $(bh state "$id" | jq .stats.pids.limit) != 60 ]]
			bh exec "$id" true
			bh pause "$id"
			bh resume "$id"
			bh kill "$id" KILL
			wait_until is_status "$id" stopped
			bh delete "$id"
		else
			refused=$((refused + 1))
			one_line "cannot create container \"$id\": *no space left on device"
		fi
		rm "$work/small/fill"
		nothing_left_here "$id"
		untouched
	done
	echo "$made made, $refused refused"
	((made > 0 && refused > 0))
	bh delete --force "$id-n"
}

@test "a container is deleted on a full disk, however long its record is" {
	small 512k
	root=$work/small/state
	bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	local size pad
	size=$(stat -c %s "$root/@$id.json")
	bh delete "$id"
	for pad in 0 1 5 11 12 13 24 30; do # bytes from a page's end
		configure '.annotations = {a: ("x" * $n)}' --argjson n $((8192 - size - 27 - pad))
		bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
		leave 0
		bh delete "$id"
		rm "$work/small/fill"
		nothing_left_here "$id"
	done
}

@test "a full disk under the log: the command works, one that fails tells why, and the log is a line more" {
	small 64k
	touch "$work/small/log"
	leave 0
	bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	bh --log "$work/small/log" start "$id" 2>"$work/err"
	[[ ! -s $work/err ]] # it had nothing to log
	run -1 --separate-stderr bh --log "$work/small/log" --log-format json start "$id"
	[[ ${#stderr_lines[@]} == 2 && ${stderr_lines[0]} == "cannot log: write "* ]]
	[[ ${stderr_lines[1]} == "cannot start container \"$id\": container is already running" ]]
	bh delete --force "$id"
}

@test "a full disk under the book of networks: no network, a line, nothing left; and who has one can be deleted" {
	BLACKHOLE=$BLACKHOLE unshare -n -m --propagation private bash "$repo/tests/stress/full-book" "$work"
}

# with_descriptors N ARGS…: the shell itself needs some of them.
with_descriptors() {
	(exec </dev/null >/dev/null 2>"$work/err" 3>&- && ulimit -n "$1" && exec "$BLACKHOLE" --root "$root" "${@:2}")
}

@test "descriptors run out, at every number: a line, nothing left" {
	neighbour
	local n made=0
	for ((n = 4; n < 38; n++)); do
		if with_descriptors "$n" create -b "$bundle" "$id"; then
			made=$((made + 1))
			bh delete "$id"
		else
			one_line "cannot *too many open files*"
		fi
		nothing_left_here "$id"
	done
	((made > 2 && made < 20))
	for command in "state $id-n" "exec $id-n true" "ps $id-n" "update --pids-limit 77 $id-n" "kill $id-n WINCH" list gc; do
		for ((n = 4; n < 28; n += ${STEP:-3})); do
			# shellcheck disable=SC2086 # words
			with_descriptors "$n" $command || one_line "cannot *too many open files*"
		done
	done
	untouched
	bh delete --force "$id-n"
}

@test "processes run out, at every number: a line, nothing left" {
	neighbour
	make_limited
	local n made=0
	for ((n = 1; n < 24; n++)); do
		echo "$n" >"$limited/pids.max"
		if in_limited create -b "$bundle" "$id" </dev/null >/dev/null 2>"$work/err"; then
			made=$((made + 1))
			echo max >"$limited/pids.max"
			bh delete "$id"
		else
			one_line "*esource temporarily unavailable*"
		fi
		nothing_left_here "$id"
	done
	((made > 2 && made < 20))
	for command in "state $id-n" "exec $id-n true" "run -b $bundle $id" "update --pids-limit 77 $id-n" "kill $id-n WINCH" gc; do
		[[ $command != run* ]] || program true
		for ((n = 1; n < 22; n += ${STEP:-4})); do
			echo "$n" >"$limited/pids.max"
			# shellcheck disable=SC2086 # words
			in_limited $command </dev/null >/dev/null 2>"$work/err" || one_line "*esource temporarily unavailable*"
			echo max >"$limited/pids.max"
			nothing_left_here "$id"
		done
	done
	untouched
	bh delete --force "$id-n"
}

@test "many containers at once" {
	BLACKHOLE=$BLACKHOLE "$repo/tests/stress/many" "$work" "${CONTAINERS:-20}"
}

@test "starts in a row, by commands: nothing grows" {
	BLACKHOLE=$BLACKHOLE "$repo/tests/stress/starts" "$work" "${STARTS:-20}"
}

@test "starts in a row, by a supervisor: nothing grows, nor does the supervisor" {
	BLACKHOLE=$BLACKHOLE "$repo/tests/stress/restarts" "$work" "${STARTS:-20}"
}

@test "two commands at once on one container" {
	local which=(-only delete) # in ROUNDS rounds all of them
	[[ ! -v ROUNDS ]] || which=(-rounds "$ROUNDS")
	run -0 "$(tool pairs)" "${which[@]}" "${RACE:-$BLACKHOLE}" "$bundle" "$root" "$id"
	echo "$output"
}
