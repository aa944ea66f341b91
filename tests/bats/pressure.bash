# What pressure.bats needs beside helpers.bash.
# shellcheck shell=bash disable=SC2034,SC2154

# one_line PATTERN: what a command wrote to $work/err is one line that the shell
# pattern matches.
one_line() {
	# shellcheck disable=SC2053
	[[ $(wc -l <"$work/err") == 1 && $(<"$work/err") == $1 ]] || {
		echo "expected: $1"
		head -n 5 "$work/err"
		return 1
	}
}

# nothing_left_here ID: no state, cgroup or process of it; the neighbour is none
# of its own.
nothing_left_here() {
	local left
	left=$(
		ls -d "$root/$1" "$root/@$1.json" 2>/dev/null
		cgroups_of "$1"
		grep -lsF "$bundle/rootfs" /proc/[0-9]*/mountinfo | grep -vx "/proc/${neighbour_pid:-none}/mountinfo"
	) || true
	[[ -z $left ]] || {
		echo "left of $1: $left"
		return 1
	}
}

# make_limited: a cgroup ($limited) in which in_limited runs the command.
make_limited() {
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		echo +pids >/sys/fs/cgroup/cgroup.subtree_control
		limited=/sys/fs/cgroup/$id-limited
	else
		limited=/sys/fs/cgroup/pids/$id-limited
	fi
	mkdir "$limited"
}

# in_limited ARGS…: the binary under test, and it alone, in that cgroup.
in_limited() { (echo $BASHPID >"$limited/cgroup.procs" && exec "$BLACKHOLE" --root "$root" "$@" 3>&-); }

drop_limited() {
	echo max >"$limited/pids.max"
	local i
	for ((i = 0; i < 50; i++)); do # until what died in it is gone
		! rmdir "$limited" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}
