# Common to the tests of limits by their effect. A service is configured in
# blackhole.yaml, becomes a bundle and runs, as its operator would have it; what
# it feels is measured inside. They run on a host with cgroup v1 and, for what
# only v2 has, in the guest (tests/guest).
# shellcheck shell=bash disable=SC2034,SC2154

load ../helpers

load=$repo/build/tests/load

v2() { [[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]]; }
need_v2() { v2 || skip "cgroup v2: runs in the guest"; }
need_v1() { ! v2 || skip "cgroup v1: runs on such a host"; }
need_guest() { in_guest || skip "runs in the guest, which has disks and processors of its own"; }

# build_load: tests/cmd/load, once.
build_load() {
	local source=$repo/tests/cmd/load/load.c
	[[ ! -x $load || $source -nt $load ]] || return 0
	mkdir -p "${load%/*}"
	gcc -std=gnu11 -O1 -Wall -Wextra -Werror -static -o "$load.$$" "$source" && mv "$load.$$" "$load"
}

setup_file() { build_load; }

setup() { common_setup; }

common_setup() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/blackhole-effects.XXXXXX")
	chmod 755 "$work"
	root=$work/state
	name=limits$$-$BATS_TEST_NUMBER
	out=$work/out
	above=blackhole # the folder of the service's cgroup
	background=()
}

teardown() { common_teardown; }

common_teardown() {
	[[ -n ${work-} ]] || return 0
	local failed=0 one
	for one in $(bh list -q 2>/dev/null); do
		bh delete --force "$one" || failed=1
	done
	((${#background[@]} == 0)) || kill -KILL "${background[@]}" 2>/dev/null || true
	one=$(find /sys/fs/cgroup -type d -name "limits$$-*" 2>/dev/null)
	[[ -z $one ]] || {
		echo "cgroups left: $one"
		failed=1
	}
	# The cgroup above the services' stays after the last one; it goes if no other has one.
	find /sys/fs/cgroup -maxdepth 3 -type d -name blackhole -exec rmdir {} + 2>/dev/null || true
	rm -rf "$work"
	return $failed
}

# config: standard input is the configuration.
config() { cat >"$work/blackhole.yaml"; }

# service YAML [WORDS…]: one service of that name, with the flow mappings of YAML as
# its resources, that runs load with the words.
service() {
	local resources=$1 args
	shift
	args=$(printf '%s\n' "$@" | jq -Rcn '[inputs]')
	config <<-END
		services:
		  $name:
		    executable: $load
		    args: $args
		    resources: $resources
		    network: {mode: none}
	END
}

# bundled [NAME]: writes the bundle $work/NAME; warnings are in $work/warnings.
bundled() {
	"$BLACKHOLE" bundle -c "$work/blackhole.yaml" "${1-$name}" "$work/${1-$name}" 2>"$work/warnings" || {
		cat "$work/warnings"
		return 1
	}
}

# runs [NAME]: bundles and runs it to its end; $status is its exit code, what
# it said is in $out, which is shown if the test fails.
runs() {
	bundled "${1-$name}" || return 1
	status=0
	bh run --bundle "$work/${1-$name}" "${1-$name}" </dev/null >"$out" 2>&1 || status=$?
	cat "$out"
}

# starts [NAME]: bundles and starts it in the background; its output is in $work/NAME.out.
starts() {
	local one=${1-$name}
	bundled "$one" || return 1
	bh run --bundle "$work/$one" "$one" </dev/null >"$work/$one.out" 2>&1 &
	background+=("$!")
}

# running [NAME]: its program has started. (Its cgroup is there before its limits are.)
running() { [[ $(bh state "${1-$name}" 2>/dev/null | jq -r .status) == running ]]; }

# hand_down CGROUP +CONTROLLER…: from the root of v2 to the cgroups below this one.
hand_down() {
	local at=/sys/fs/cgroup part
	echo "${@:2}" >$at/cgroup.subtree_control
	for part in $(tr / ' ' <<<"${1#/sys/fs/cgroup}"); do
		at+=/$part
		echo "${@:2}" >"$at/cgroup.subtree_control"
	done
}

# said NAME [FIELD]: what load printed for a verb.
said() { awk -v name="$1" -v field="${2-2}" '$1 == name { print $field; exit }' "${3-$out}"; }

# has LINE…: what load printed has these lines (blanks and tabs alike).
has() {
	local line
	for line; do
		tr '\t' ' ' <"$out" | tr -s ' ' | grep -qxF -- "$line" || {
			echo "missing: $line"
			return 1
		}
	done
}

# cgroup V1-CONTROLLER [NAME]: the folder of a service's cgroup.
cgroup() {
	if v2; then
		echo "/sys/fs/cgroup/$above/${2-$name}"
	else
		echo "/sys/fs/cgroup/$1/$above/${2-$name}"
	fi
}

# event NAME [SERVICE]: a counter of memory.events.
event() { awk -v name="$1" '$1 == name { print $2 }' "$(cgroup memory "${2-$name}")/memory.events"; }

# between LOW VALUE HIGH WHAT: numbers, decimal.
between() {
	echo "# $4: $2 (expected $1 to $3)"
	measured "$4" "$2" "$1 to $3"
	awk -v low="$1" -v value="$2" -v high="$3" 'BEGIN { exit !(value != "" && low <= value && value <= high) }'
}

# measured WHAT VALUE EXPECTED: a row of the table, if $MEASURED names its file.
measured() {
	[[ -z ${MEASURED-} ]] || printf '%s\t%s\t%s\t%s\n' "$(v2 && echo v2 || echo v1)" "$1" "$3" "$2" >>"$MEASURED"
}

# ratio A B: A / B, three digits.
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }

# wait_until COMMAND…: up to 30 s.
wait_until() {
	local deadline=$((SECONDS + 30))
	until "$@"; do
		((SECONDS < deadline)) || {
			echo "never happened: $*"
			return 1
		}
		sleep 0.05
	done
}
