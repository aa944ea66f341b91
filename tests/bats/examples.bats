# bats file_tags=beside
# What ships as an example runs as it stands.
# shellcheck shell=bash disable=SC2154

load helpers

@test "make run: the example answers, alerts when provoked, and leaves nothing" {
	not_runc "has no supervisor"
	run -0 timeout 120 env BLACKHOLE="$BLACKHOLE" "$repo/examples/run"
	[[ $output == *"identity answers, within its limits."* ]]
	[[ $output == *"storage answers, within its limits"* ]]
	[[ $output == *"identity: alert: fds_exhaustion since"* ]]
	[[ $output == *"resolved  identity: alert: fds_exhaustion is over"* ]]
	[[ $output == *"nothing is left" || $output == *"nothing is left"$'\n'* ]]
	[[ ! -e /var/lib/blackhole/example ]]
}
