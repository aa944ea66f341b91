# Common to all bats files. A file that tests the OCI commands calls oci_setup
# in its setup and oci_teardown in its teardown; the binary under test may be
# another runtime: BLACKHOLE=runc bats tests/bats/life.bats.
# shellcheck shell=bash disable=SC2034,SC2154

repo=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
: "${BLACKHOLE:=$repo/build/blackhole}"

bats_require_minimum_version 1.5.0

# not_runc REASON: skips a test of what another runtime does not do.
not_runc() {
	[[ $("$BLACKHOLE" --version) == blackhole* ]] || skip "peer: $1"
}

# in_guest: in the virtual machine of tests/guest, which has disks, processors and a
# clock of its own.
in_guest() { [[ -b /dev/guest/plain ]]; }

# bh ARGS…: the binary under test on a state folder of the test's own. It never
# holds the descriptor by which bats waits for what a test left behind.
bh() { "$BLACKHOLE" --root "$root" "$@" 3>&-; }

# oci_setup: a temporary folder ($work), a state folder ($root), a bundle
# ($bundle) of busybox that sleeps, and a prefix for ids ($id).
oci_setup() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/blackhole-bats.XXXXXX")
	root=$work/state
	bundle=$work/bundle
	id=t$$-$BATS_TEST_NUMBER
	make_bundle "$bundle" sleep 1000
}

# make_bundle DIR PROGRAM ARGS…
make_bundle() {
	local dir=$1 name
	shift
	mkdir -p "$dir"/rootfs/{bin,dev,etc,proc,sys,tmp}
	cp /bin/busybox "$dir/rootfs/bin/busybox"
	for name in cat echo env false id kill ls ps readlink sh sleep stty test touch true tty; do
		ln -sf busybox "$dir/rootfs/bin/$name"
	done
	local own='.' # as engines have it: with cgroup v2, a cgroup namespace
	[[ ! -e /sys/fs/cgroup/cgroup.controllers ]] || own='.linux.namespaces += [{type: "cgroup"}]'
	jq "$own | .process.args = \$args" --argjson args "$(json_list "$@")" "$repo/tests/bats/config.json" >"$dir/config.json"
}

# configure JQ-FILTER [JQ-ARGS…]: changes $bundle's config.json.
configure() {
	local filter=$1
	shift
	jq "$@" "$filter" "$bundle/config.json" >"$bundle/config.new" && mv "$bundle/config.new" "$bundle/config.json"
}

# json_list WORDS…: as a JSON array. Behind --args jq would take some words for
# its own flags.
json_list() {
	local args=() names=()
	for word; do
		args+=(--arg "w${#names[@]}" "$word")
		names+=("\$w${#names[@]}")
	done
	jq -cn "${args[@]}" "[$(
		IFS=,
		echo "${names[*]}"
	)]"
}

# program WORDS…: what the container runs.
program() { configure '.process.args = $args' --argjson args "$(json_list "$@")"; }

# in_sh TEXT: the container runs a shell script.
in_sh() { program sh -c "$1"; }

# wait_until COMMAND…: up to 10 s.
wait_until() {
	local tries # bats' run with an expected code sets its caller's i
	for ((tries = 0; tries < 200; tries++)); do
		if "$@"; then return 0; fi
		sleep 0.05
	done
	echo "never happened: $*"
	return 1
}

# status ID
status() { bh state "$1" | jq -r .status; }

# is_status ID STATUS
is_status() { [[ $(status "$1" 2>/dev/null) == "$2" ]]; }

# cgroups_of ID: the cgroups of a container that has no cgroupsPath, or whose
# cgroupsPath ends with the id.
cgroups_of() { find /sys/fs/cgroup -type d -name "$1" 2>/dev/null; }

# nothing_left ID: no state, cgroup, process or mount of a container.
nothing_left() {
	local left
	left=$(
		ls -d "$root/$1" "$root/@$1.json" 2>/dev/null
		cgroups_of "$1"
		grep -F "$work" /proc/self/mountinfo
		pgrep -f -- "$BLACKHOLE.* $1\$"
		init_processes
	) || true # they mostly find nothing
	[[ -z $left ]] || {
		echo "left of $1: $left"
		return 1
	}
}

# init_processes: processes of this test's containers, whatever became of their
# cgroups: they alone have a file system of $work mounted.
init_processes() { grep -lsF "$work" /proc/[0-9]*/mountinfo; }

# fails PATTERN COMMAND…: exit code 1 to 125, and one line on stderr that the
# shell pattern matches.
fails() {
	local pattern=$1
	shift
	run --separate-stderr "$@"
	((status >= 1 && status <= 125)) || {
		echo "exit code $status of: $*"
		return 1
	}
	# shellcheck disable=SC2053
	[[ ${#stderr_lines[@]} == 1 && $stderr == $pattern ]] || {
		echo "expected: $pattern"
		echo "stderr: $stderr"
		return 1
	}
}

# oci_teardown: removes what the test made, and fails where that is not all.
oci_teardown() {
	local name failed=0
	if [[ -d $root ]]; then
		for name in $(bh list -q 2>/dev/null) $(find "$root" -name '@*.json' -printf '%f\n' | sed 's/^@//; s/\.json$//'); do
			bh delete --force "$name" || failed=1
			nothing_left "$name" || failed=1
		done
	fi
	if [[ -n ${background:-} ]]; then
		kill "${background[@]}" 2>/dev/null || true
	fi
	local left
	left=$(
		find "$root" -mindepth 1 2>/dev/null
		grep -F "$work" /proc/self/mountinfo
	) || true
	[[ -z $left ]] || {
		echo "left: $left"
		failed=1
	}
	rm -rf "$work"
	return $failed
}

# tool NAME: builds a helper of tests/cmd once, and prints its path.
tool() {
	local path=$repo/build/tests/$1
	if [[ ! -x $path || $repo/tests/cmd/$1/main.go -nt $path ]]; then
		(cd "$repo" && CGO_ENABLED=0 go build -o "$path" "./tests/cmd/$1") >&2 || return 1
	fi
	echo "$path"
}
