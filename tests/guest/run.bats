#!/usr/bin/env bats
# The guest itself: what goes in and comes out, and that nothing stays.

bats_require_minimum_version 1.5.0

setup_file() {
	"$BATS_TEST_DIRNAME/kernel" 6.1 >/dev/null # not in the first test's time
}

setup() {
	run="$BATS_TEST_DIRNAME/run"
	# Each test's guests put their folders here, so that what stays is seen.
	export TMPDIR="$BATS_TEST_TMPDIR/guests"
	mkdir "$TMPDIR"
	pids=()
}

teardown() {
	((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || true
}

# gone fails if a guest of this test left a folder, a process or a mount.
gone() {
	for _ in {1..50}; do
		left=$(find "$TMPDIR" -mindepth 1; pgrep -fa -- "$TMPDIR" || true; grep -F "$TMPDIR" /proc/self/mountinfo || true)
		[[ -n $left ]] || return 0
		sleep .1
	done
	echo "left behind: $left"
	return 1
}

# within SECONDS COMMAND…: waits until the command succeeds.
within() {
	local deadline=$((SECONDS + $1))
	until "${@:2}"; do
		((SECONDS < deadline)) || return 1
		sleep .1
	done
}

@test "passes arguments, folder, output and exit code" {
	cd "$BATS_TEST_DIRNAME"
	run -7 --separate-stderr "$run" -- sh -c 'pwd; printf "%s|" "$@"; echo; echo err >&2; exit 7' sh 'a b' "it's" '$HOME' '' $'two\nlines'
	[[ ${lines[0]} == "$BATS_TEST_DIRNAME" ]]
	[[ ${lines[1]} == "a b|it's|\$HOME||two" && ${lines[2]} == "lines|" ]]
	[[ ${lines[3]} == err ]]
	[[ -z $stderr ]]
	gone
}

@test "has pure cgroup v2, swap, disks and modules" {
	run -0 "$run" -m 768 -s 1 -- bash -ec '
		stat -f -c %T /sys/fs/cgroup
		for c in cpuset cpu io memory pids; do grep -qw $c /sys/fs/cgroup/cgroup.controllers; done
		! grep cgroup /proc/mounts | grep -v cgroup2
		cat /proc/pressure/memory >/dev/null
		nproc
		awk "/MemTotal/ {print (\$2 > 600000 && \$2 < 790000)} /SwapTotal/ {print (\$2 > 500000)}" /proc/meminfo
		ip link add name a0 type veth peer name b0
		mkfs.ext4 -q /dev/guest/parted2
		blockdev --getsize64 /dev/guest/plain'
	[[ $output == $'cgroup2fs\n1\n1\n1\n1073741824' ]]
}

@test "programs are the host's, not busybox's" {
	run -0 "$run" -- sh -c 'stat --version; readlink /proc/$$/exe'
	[[ ${lines[0]} == "stat (GNU coreutils)"* && ${lines[-1]} == *dash ]]
}

@test "writes to its own memory, and to the shared folder" {
	mkdir "$BATS_TEST_TMPDIR/out"
	run -0 "$run" -w "$BATS_TEST_TMPDIR/out" -- sh -c "
		echo own >'$BATS_TEST_TMPDIR/own'; cat '$BATS_TEST_TMPDIR/own'
		rm '$BATS_TEST_DIRNAME/run'; echo shared >'$BATS_TEST_TMPDIR/out/file'"
	[[ $output == own ]]
	[[ ! -e $BATS_TEST_TMPDIR/own && -e $run ]]
	[[ $(<"$BATS_TEST_TMPDIR/out/file") == shared ]]
	gone
}

@test "a folder below /tmp comes along with its repository, and stays as it is" {
	local repo
	repo=$(mktemp -d /tmp/guest-bats.XXXXXX)
	git init -q "$repo"
	mkdir "$repo/below"
	echo file >"$repo/file"
	cd "$repo/below"
	run -0 "$run" -- sh -c 'pwd; cat ../file; echo new >../file && cat ../file'
	[[ $output == "$repo/below"$'\nfile\nnew' && $(<"$repo/file") == file ]]
	rm -r "$repo"
	gone
}

@test "output streams, and a process left behind does not hold the end" {
	"$run" -- sh -c 'echo first; sleep 3; echo second; sleep 1000 & exit 3' >"$BATS_TEST_TMPDIR/out" &
	local machine=$!
	pids+=("$machine")
	within 60 grep -q first "$BATS_TEST_TMPDIR/out"
	run ! grep second "$BATS_TEST_TMPDIR/out"
	local code=0
	wait "$machine" || code=$?
	((code == 3))
	grep -q second "$BATS_TEST_TMPDIR/out"
	gone
}

@test "a time limit ends it" {
	SECONDS=0
	run -124 --separate-stderr "$run" -t 25 -- sh -c 'echo before; sleep 1000'
	((SECONDS < 50))
	[[ $output == before ]]
	[[ $stderr == "guest: out of time after 25 s; on the host:"*qemu-system-x86_64*"guest: its console:"* ]]
	[[ $stderr == *"hrtimer_nanosleep sleep 1000"* ]] # what it was about
	gone
}

@test "a machine that stands still is ended, and is not taken for a command that does" {
	"$run" -r -t 180 -- sh -c 'echo ready; sleep 1000' >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
	local machine=$! code=0
	pids+=("$machine")
	within 60 grep -q ready "$BATS_TEST_TMPDIR/out"
	sleep 15
	pkill -STOP -f -- "^qemu-system-x86_64.*$TMPDIR"
	wait "$machine" || code=$?
	# The second boot is out of time, as nobody stopped it.
	((code == 124))
	[[ $(<"$BATS_TEST_TMPDIR/out") == $'ready\nready' ]]
	[[ $(<"$BATS_TEST_TMPDIR/err") == *"guest: it stands still: no pulse for "*qemu-system-x86_64*"guest: its console:"*"guest: once more"*"guest: out of time"* ]]
	gone
}

@test "a panic is 125, with the console" {
	run -125 --separate-stderr "$run" -- sh -c 'echo c >/proc/sysrq-trigger; sleep 60'
	[[ $stderr == *"Kernel panic"* ]]
	gone
}

@test "SIGTERM, SIGINT and SIGKILL leave nothing running" {
	for signal in TERM INT KILL; do
		# An interactive shell's child has SIGINT: bats's background processes ignore it.
		env --default-signal=INT "$run" -- sh -c 'echo ready; sleep 1000' >"$BATS_TEST_TMPDIR/out" &
		local machine=$! code=0
		pids+=("$machine")
		within 60 grep -q ready "$BATS_TEST_TMPDIR/out"
		kill "-$signal" "$machine"
		wait "$machine" || code=$?
		case $signal in
		TERM) ((code == 143)) && gone ;;
		INT) ((code == 130)) && gone ;;
		KILL)
			((code == 137))
			# Its folder stays until the next one starts.
			within 5 eval '! pgrep -f -- "$TMPDIR"'
			run -0 "$run" -- true
			gone
			;;
		esac
		rm "$BATS_TEST_TMPDIR/out"
	done
}

@test "two at once" {
	local codes=()
	for i in 1 2; do
		"$run" -- sh -c "sleep 2; echo $i; exit 1$i" >"$BATS_TEST_TMPDIR/out$i" &
		pids+=("$!")
	done
	for pid in "${pids[@]}"; do
		local code=0
		wait "$pid" || code=$?
		codes+=("$code")
	done
	[[ ${codes[*]} == "11 12" ]]
	[[ $(<"$BATS_TEST_TMPDIR/out1") == 1 && $(<"$BATS_TEST_TMPDIR/out2") == 2 ]]
	gone
}

@test "bad input is one line and 125" {
	refused() { # refused MESSAGE ARGUMENT…
		run -125 --separate-stderr "$run" "${@:2}"
		[[ $stderr == "$1" && -z $output ]] || {
			echo "got: $stderr"
			return 1
		}
	}
	refused "usage: run [-r] [-t SECONDS] [-k SERIES] [-m MIB] [-s CPUS] [-w FOLDER] [--] COMMAND…"
	refused "usage: run [-r] [-t SECONDS] [-k SERIES] [-m MIB] [-s CPUS] [-w FOLDER] [--] COMMAND…" -x -- true
	refused "guest: cannot use -t 0: want a number from 1" -t 0 -- true
	refused "guest: cannot use -t x: want a number from 1" -t x -- true
	refused "guest: cannot use -m 8: want a number from 256" -m 8 -- true
	refused "guest: cannot share '/nonexistent': not a folder" -w /nonexistent -- true
	refused $'kernel: cannot find kernel \'newest\': want a series like 6.1\nguest: cannot get kernel newest' -k newest -- true
	gone
}
