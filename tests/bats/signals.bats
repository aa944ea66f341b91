#!/usr/bin/env bats
# bats file_tags=beside
# Signals: sent by kill, handed on by run.

load helpers

setup() { oci_setup; }
teardown() { oci_teardown; }

# trapping: the container writes the name of each signal that it gets.
trapping() {
	in_sh 'for s in TERM INT HUP USR1 USR2 QUIT ALRM CONT WINCH; do trap "echo $s" $s; done
		echo ready; while :; do sleep 0.05; done'
}

# twice NAME: the container got that signal twice.
twice() { [[ $(grep -cx "$1" "$work/out") == 2 ]]; }

# in_background ARGS…: runs the binary in the background, its output in
# $work/out; $run_pid is its process.
in_background() {
	"$BLACKHOLE" --root "$root" "$@" </dev/null >"$work/out" 2>"$work/err" 3>&- &
	run_pid=$!
	background+=("$run_pid")
	wait_until grep -q ready "$work/out"
}

@test "kill sends SIGTERM unless told otherwise, by name, SIG-name or number" {
	trapping
	in_background run -b "$bundle" "$id"
	bh kill "$id"
	wait_until grep -q TERM "$work/out"
	bh kill "$id" USR1
	wait_until grep -q USR1 "$work/out"
	bh kill "$id" SIGUSR2
	wait_until grep -q USR2 "$work/out"
	bh kill "$id" 1
	wait_until grep -q HUP "$work/out"
	bh kill "$id" sigint
	wait_until grep -q INT "$work/out"
	bh kill --all "$id" QUIT
	wait_until grep -q QUIT "$work/out"
	bh kill "$id" 9
	wait "$run_pid" || code=$?
	[[ $code == 137 ]]
	nothing_left "$id"
}

@test "kill knows the real-time signals by name" {
	not_runc "it knows them by number alone"
	bh create -b "$bundle" "$id"
	bh kill "$id" 0
	# An uncaught signal to a first process from outside its namespace is fatal
	# unless ignored; it waits in runc's own init, which catches none.
	fails "*unknown signal \"RTMIN+31\"*" bh kill "$id" RTMIN+31
	fails "*unknown signal \"RTMAX-31\"*" bh kill "$id" RTMAX-31
	bh start "$id"
	bh kill "$id" SIGRTMIN+1
	bh kill "$id" rtmax-1
	bh delete --force "$id"
}

@test "kill of a stopped container fails, with --all it does not" {
	program true
	bh run --keep -b "$bundle" "$id"
	fails "*container not running*" bh kill "$id" KILL
	bh kill --all "$id" KILL
	bh kill -a "$id" TERM
	bh delete "$id"
}

@test "kill refuses an unknown signal and an unknown container" {
	bh create -b "$bundle" "$id"
	fails '*unknown signal *SIGNOPE*' bh kill "$id" SIGNOPE
	fails '*does not exist*' bh kill "$id-none" KILL
	is_status "$id" created
	if [[ $("$BLACKHOLE" --version) == blackhole* ]]; then
		fails '*unknown signal "65"*' bh kill "$id" 65
	fi
	bh delete "$id"
}

@test "run hands every signal on, but SIGCHLD, SIGURG and SIGWINCH" {
	trapping
	in_background run -b "$bundle" "$id"
	for s in TERM INT HUP USR1 USR2 QUIT ALRM CONT; do
		kill -s "$s" "$run_pid"
		wait_until grep -qx "$s" "$work/out"
	done
	kill -WINCH "$run_pid"
	kill -URG "$run_pid"
	kill -CHLD "$run_pid"
	kill -USR1 "$run_pid"
	wait_until twice USR1
	run ! grep -q WINCH "$work/out"
	is_status "$id" running
	bh kill "$id" KILL
	wait "$run_pid" || code=$?
	[[ $code == 137 ]]
	nothing_left "$id"
}

@test "SIGKILL reaches every process of a shared pid namespace" {
	configure '.linux.namespaces |= map(select(.type != "pid"))'
	in_sh 'sleep 1001 & sleep 1002 & echo ready; wait'
	in_background run -b "$bundle" "$id"
	bh kill "$id" KILL
	wait "$run_pid" || code=$?
	[[ $code == 137 ]]
	nothing_left "$id"
}

@test "a container deleted from elsewhere ends run all the same" {
	trapping
	in_background run -b "$bundle" "$id"
	bh delete --force "$id"
	wait "$run_pid" || code=$?
	[[ $code == 137 ]]
	nothing_left "$id"
}

@test "run that is killed leaves its container running, for delete" {
	trapping
	in_background run -b "$bundle" "$id"
	kill -KILL "$run_pid"
	wait "$run_pid" || true
	is_status "$id" running
	bh delete --force "$id"
	nothing_left "$id"
}
