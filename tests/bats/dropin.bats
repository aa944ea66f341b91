#!/usr/bin/env bats
# bats file_tags=beside
# What drives runc must not notice the change: both are asked the same, of
# containers in the same state, and must fail alike.

load helpers

setup() {
	oci_setup
	not_runc "it would be compared with itself"
}
teardown() {
	if [[ -d $work/theirs ]]; then
		for name in $(theirs list -q); do theirs delete --force "$name"; done
		rm -rf "$work/theirs"
	fi
	oci_teardown
}

theirs() { runc --root "$work/theirs" "$@" 3>&-; }

# alike ARGS…: both end with the same exit code, and say the same of what engines
# look for in a message (containerd: pkg/process/utils.go).
alike() {
	local mine=0 their=0 phrase
	bh "$@" </dev/null >/dev/null 2>"$work/mine" || mine=$?
	theirs "$@" </dev/null >/dev/null 2>"$work/runc" || their=$?
	((mine == their)) || {
		echo "$*: exit code $mine ($(<"$work/mine")), runc's $their ($(<"$work/runc"))"
		return 1
	}
	for phrase in "does not exist" "container not running" "no such process" "os: process already finished"; do
		! grep -q "$phrase" "$work/runc" || grep -q "$phrase" "$work/mine" || {
			echo "$*: $(<"$work/mine"), runc says: $(<"$work/runc")"
			return 1
		}
	done
}

# both ARGS…: both do it.
both() {
	bh "$@" </dev/null >/dev/null 2>&1
	theirs "$@" </dev/null >/dev/null 2>&1
}

# both_made: a container in each state folder, in cgroups of their own.
both_made() {
	configure '.linux.cgroupsPath = $path' --arg path "/bats-mine-$id"
	bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	configure '.linux.cgroupsPath = $path' --arg path "/bats-theirs-$id"
	theirs create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
}

@test "of a container that is not there" {
	local args
	while read -r -a args; do
		alike "${args[@]}"
	done <<-END
		state $id
		start $id
		delete $id
		delete --force $id
		kill $id
		kill --all $id KILL
		pause $id
		resume $id
		ps $id
		exec $id true
		exec -d $id true
		update --pids-limit 5 $id
		events --stats $id
		checkpoint $id
		run --bundle $work/none $id
		create --bundle $work/none $id
	END
}

@test "of a container that is created, runs, is paused, has stopped" {
	both_made
	local args
	while read -r -a args; do
		alike "${args[@]}"
	done <<-END
		create --bundle $bundle $id
		run --bundle $bundle $id
		resume $id
		state $id
		exec $id true
		kill $id NOPE
		start $id
		start $id
		delete $id
		resume $id
		exec $id false
		exec $id nosuchprogram
		exec --cwd relative $id true
		update --memory 12Q $id
		ps --format xml $id
		pause $id
		pause $id
		exec $id true
		start $id
		delete $id
		resume $id
		kill $id KILL
	END
	wait_until is_status "$id" stopped
	their_stopped() { [[ $(theirs state "$id" | jq -r .status) == stopped ]]; }
	wait_until their_stopped
	while read -r -a args; do
		alike "${args[@]}"
	done <<-END
		state $id
		start $id
		kill $id KILL
		kill --all $id KILL
		kill $id 0
		resume $id
		ps $id
		exec $id true
		events --stats $id
		delete $id
		delete $id
	END
}

@test "ids are refused alike" {
	local name mine their
	configure '.process.args = ["true"]'
	for name in a A9 _ + . .. a.b a+b a_b-c -- "" " " "a b" a/b ../a a:b a@b a=b a~ 'a%' 'a$' ä $'a\n' "a'b"; do
		mine=0 their=0
		bh run -b "$bundle" "$name" </dev/null >/dev/null 2>&1 || mine=$?
		theirs run -b "$bundle" "$name" </dev/null >/dev/null 2>&1 || their=$?
		((mine == their)) || {
			echo "id '$name': exit code $mine, runc's $their"
			return 1
		}
	done
}

@test "a wrong command line" {
	local args
	while read -r -a args; do
		alike "${args[@]}"
	done <<-END
		state
		state a b
		start
		create
		delete
		kill
		exec
		pause a b
		events
		ps
		update
		spec a b
		list --format yaml
		state --nosuchflag a
		--log-format yaml list
		nosuchcommand
	END
}
