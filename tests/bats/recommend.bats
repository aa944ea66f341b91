#!/usr/bin/env bats
# recommend: from a short real load to limits that apply takes.
# shellcheck shell=bash disable=SC2154,SC2016

load helpers
load supervisor

setup() {
	not_runc "has no supervisor"
	up_setup
}

teardown() { up_teardown; }

@test "recommend: limits from a recorded load, which apply takes" {
	write_config <<-'EOC'
		resource_isolation:
		  monitor: {interval: 1s}
		services:
		  @busy:
		    executable: /usr/bin/perl
		    args: [-e, '$x = "x" x (48 << 20); while (1) { $t = times; 1 while times() - $t < 0.02; select undef, undef, undef, 0.08 }']
		    stop: {timeout: 0s}
		  @idle: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	EOC
	run -1 --separate-stderr bhs recommend
	[[ $stderr == *"cannot recommend limits: nothing is recorded in $logdir/usage; "* && -z $output ]]
	up
	sleep 8
	bhs down # which writes the record
	run -1 --separate-stderr bhs recommend "${pre}busy"
	[[ -z $output && $stderr == "cannot recommend limits for ${pre}busy: "*" s of use recorded, 60 min needed (--min-evidence)" ]]
	run -1 --separate-stderr bhs recommend none
	[[ $stderr == *'cannot recommend limits for "none": there is no record of it'* ]]

	bhs recommend --min-evidence 3s >"$work/limits.yaml"
	cat "$work/limits.yaml"
	bhs recommend --min-evidence 3s --format json >"$work/limits.json"
	local peak limit
	read -r peak limit < <(jq -r --arg n "${pre}busy" '.services[] | select(.name == $n).limits[] | select(.key == "memory.limit") | "\(.peak | floor) \(.amount)"' "$work/limits.json")
	((peak > 48 << 20 && peak < 160 << 20 && limit > peak * 115 / 100 && limit < peak * 130 / 100))
	# The idle one needs nearly nothing, and the least of each.
	[[ $(jq -r --arg n "${pre}idle" '.services[] | select(.name == $n).limits[] | select(.key == "cpu.quota" or .key == "pids.limit").amount' "$work/limits.json" | paste -sd " ") =~ ^(0.05 )?16$ ]]

	run -0 bhs validate -c "$config" -c "$work/limits.yaml"
	up
	bhs apply -c "$config" -c "$work/limits.yaml"
	[[ $(service busy '.stats.memory.limit') == "$limit" ]]
	is_state busy running

	# The damage of one record is told, and does not keep the other from being read.
	echo '{' >"$logdir/usage/${pre}idle.jsonl"
	run -1 --separate-stderr bhs recommend --min-evidence 3s
	[[ $output == *"${pre}busy:"* && $stderr == "cannot recommend limits for ${pre}idle: $logdir/usage/${pre}idle.jsonl: "* ]]
}

@test "recommend: a damaged record is set aside, and a new one begins" {
	write_config <<-'EOC'
		resource_isolation:
		  monitor: {interval: 1s}
		services:
		  @a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}
	EOC
	mkdir -p "$logdir/usage"
	echo '{"version":1,"hours":{"x":' >"$logdir/usage/current.json"
	run -1 bhs recommend
	[[ $output == *"current.json: not a record of usage: "* ]]
	up
	[[ -e $logdir/usage/current.json.bad ]]
	grep -q "cannot read the record of usage: .*current.json: not a record of usage: .*current.json.bad" "$logdir/events.jsonl" "$logdir/supervisor.out"
	sleep 3
	bhs down
	run -0 bhs recommend --min-evidence 1s
	[[ $output == *"pids:"*"limit: 16 # p95 of "* ]]
}
