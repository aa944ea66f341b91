# What the supervisor itself takes: it does not grow, and does little for
# services that do nothing. benchmarks/supervisor has the figures.
# shellcheck shell=bash disable=SC2154

load helpers
load supervisor

setup() {
	not_runc "has no supervisor"
	up_setup
}

teardown() { up_teardown; }

@test "half a minute of crashes, kills, restarts and floods: nothing grows, nothing is left" {
	run env DURATION=30s SCALE=1 PERIOD=1 BLACKHOLE="$BLACKHOLE" timeout 150 "$repo/benchmarks/soak"
	echo "$output"
	((status == 0))
	[[ $output =~ ([0-9]+)" restarts in" ]]
}

# opened: how many files the supervisor opens in three seconds.
opened() {
	timeout --signal=INT 3 strace -qq -f -e trace=open,openat,openat2 -p "$(supervisor_pid)" -o "$work/trace" || true
	grep -c 'open' "$work/trace" || true
}

@test "services that sleep are not read, nor kept open" {
	{
		echo 'resource_isolation: {defaults: {network: {mode: none}}, monitor: {interval: 1s}}'
		echo 'services:'
		for i in {1..20}; do echo "  @a$i: {executable: /bin/sleep, args: ['1000'], stop: {timeout: 0s}}"; done
	} | write_config
	up
	# Twice: one round in twelve looks at everything.
	first=$(opened)
	second=$(opened)
	echo "opened $first, then $second files"
	((first < 20 || second < 20)) # three rounds of reading it all opened 2000
	# Nor do their files stay open: three for each of its own, one of the cgroup,
	# and of memory what notifies. All of them would be 500.
	least=1000
	for _ in {1..4}; do
		now=$(find "/proc/$(supervisor_pid)/fd" -mindepth 1 | wc -l)
		((now >= least)) || least=$now
		sleep 1
	done
	echo "least $least descriptors"
	((least < 20 * 12))
}
