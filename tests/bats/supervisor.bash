# Common to the files that test the supervisor: up_setup in setup, up_teardown in
# teardown. The services are busybox's and perl's in the host's own root.
# shellcheck shell=bash disable=SC2034,SC2154

up_setup() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/blackhole-bats.XXXXXX")
	root=$work/state
	config=$work/blackhole.yaml
	pre=t$$x$BATS_TEST_NUMBER # services of two tests that run at a time share the cgroups' parent
	logdir=$root/@supervisor/log
}

# write_config: standard input, with @ for the prefix of this test's services.
write_config() { sed "s/@/$pre/g" >"$config"; }

# up ARGS…: in the background, until all services are up or have failed.
up() { timeout 60 "$BLACKHOLE" --root "$root" up -d -c "$config" "$@" 3>&-; }

bhs() { timeout 60 "$BLACKHOLE" --root "$root" "$@" 3>&-; }

# service NAME JQ: a part of what status tells.
service() { bhs status --format json | jq -r --arg n "$pre$1" '.services[] | select(.name == $n) | '"$2"; }

is_state() { [[ $(service "$1" .state) == "$2" ]]; }

supervisor_pid() { cat "$root/@supervisor/lock"; }

# ended PID: gone, or waiting for a parent that takes its time.
ended() { ! grep -qs '^State:.[^Z]' "/proc/$1/status"; }

# down_while_busy SERVICE: down cannot remove its container, for a mount in its state
# folder, and says so. The mount is gone afterwards.
down_while_busy() {
	local busy=$root/$pre$1/busy
	mkdir "$busy"
	mount -t tmpfs tmpfs "$busy"
	run -1 bhs down
	umount "$busy"
	[[ $output == *"$busy: device or resource busy"* ]]
}

# alert SERVICE KIND STATUS: there is such a line in the event log.
alert() {
	jq -se --arg s "$pre$1" --arg k "$2" --arg t "$3" \
		'any(.[]; .type == "alert" and .service == $s and .kind == $k and .status == $t)' "$logdir/events.jsonl" >/dev/null
}

# alerts_of SERVICE KIND: how often it fired.
alerts_of() {
	jq -s --arg s "$pre$1" --arg k "$2" '[.[] | select(.type == "alert" and .service == $s and .kind == $k and .status == "firing")] | length' "$logdir/events.jsonl"
}

# wait_for SECONDS COMMAND…
wait_for() {
	local end=$((SECONDS + $1))
	shift
	while ! "$@"; do
		((SECONDS < end)) || {
			echo "never happened: $*"
			tail -n 20 "$logdir/supervisor.out" || true
			return 1
		}
		sleep 0.1
	done
}

# up_teardown: ends everything, and fails where something is left.
up_teardown() {
	local failed=0 left
	cat "$logdir/supervisor.out" 2>/dev/null || true # shown when the test failed
	bhs down || failed=1
	left=$(
		find /sys/fs/cgroup -maxdepth 6 -type d -path "*/blackhole/$pre*" 2>/dev/null
		find "$root" -mindepth 1 -not -path "$root/@supervisor" -not -path "$logdir*" 2>/dev/null
		grep -F "$work" /proc/self/mountinfo
		init_processes
	) || true
	[[ -z $left ]] || {
		echo "left: $left"
		failed=1
	}
	rm -rf "$work"
	return $failed
}
