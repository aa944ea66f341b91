#!/usr/bin/env bats
# bats file_tags=beside
# Attacks from a container's own network on the host's, with each capability by
# itself. The host is a network namespace of the test's. What frames pass, and
# that the shaping holds, is tested in package hooks (genuine_test.go, shape_test.go).
# shellcheck shell=bash disable=SC2154,SC2016,SC2015,SC2030,SC2031,SC2034,SC2046,SC2086

load helpers
load attacks

setup() {
	not_runc "the hooks are ours"
	attack_setup
	configure '.annotations = {"io.blackhole.network.mode": "isolated", "io.blackhole.network.bridge": "attack0", "io.blackhole.network.subnet": "10.96.0.0/16",
			"io.blackhole.network.masquerade": "true", "io.blackhole.network.egress-rate": "1250000"}
		| .hooks = {createRuntime: [{path: $b, args: ["blackhole", "hook", "createRuntime"]}], poststop: [{path: $b, args: ["blackhole", "hook", "poststop"]}]}
		| .linux.namespaces |= (map(select(.type != "network")) + [{type: "network"}]) | .process.noNewPrivileges = false' --arg b "$BLACKHOLE"
	export BLACKHOLE work root bundle id
}
teardown() { [[ -z ${work-} ]] || oci_teardown; }

# on_a_host SCRIPT: with set -e in network and mount namespaces of its own.
on_a_host() {
	unshare -n -m --propagation private bash -euo pipefail -c "
		mount -t tmpfs tmpfs /run
		ip link set lo up
		ip link add uplink0 type veth peer name uplink1
		ip addr add 192.0.2.1/24 dev uplink0
		bh() { \"$BLACKHOLE\" --root $root \"\$@\"; }
		$1" 3>&-
}

# host: all that a container must not change.
host='host() { ip addr | sed "s,tentative,,; s, *$,,"; ip route; ip -6 route; nft list ruleset; tc qdisc; tc filter show dev uplink0; }'

@test "with each capability a container sees and changes the host's links, addresses, rules and shaping as docs/security.md says" {
	local cap some="none CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_ADMIN CAP_NET_BROADCAST"
	((RACES < 100)) || some="none $(all_capabilities | xargs)"
	program attack hostlinks
	for cap in $some; do
		if [[ $cap == none ]]; then capabilities; else capabilities "$cap"; fi
		cp "$bundle/config.json" "$work/$cap.json"
	done
	capabilities $(all_capabilities)
	cp "$bundle/config.json" "$work/all.json"
	export some
	run -0 on_a_host '
		jq ".process.args = [\"sleep\", \"1000\"]" "$work/none.json" >"$bundle/config.json"
		bh run -d -b "$bundle" "$id-b" </dev/null >/dev/null 2>&1 # or the bridge goes with each
		'"$host"'
		before=$(host)
		for cap in $some all; do
			cp "$work/$cap.json" "$bundle/config.json"
			bh run -b "$bundle" "$id" </dev/null | sed "s/^/$cap: /"
			diff <(echo "$before") <(host)
		done
		bh delete --force "$id-b"'
	# Without a user namespace that capability holds for the other end of eth0, and
	# for all that is beside it: the kernel has it so (IFLA_TARGET_NETNSID).
	grep -qx 'CAP_NET_ADMIN: removes links of namespace 0' <<<"$output"
	run ! grep -v '^CAP_NET_ADMIN: \|^all: ' <<<"$output"
}
