#!/usr/bin/env bats
# Bandwidth by annotation, in a network that somebody else made. Each test is on
# a "host" of its own: a network namespace, with a veth pair into another.
# shellcheck disable=SC2154,SC2016

load helpers

setup() {
	not_runc "shaping by annotation is ours"
	oci_setup
	export BLACKHOLE work root bundle id
}
teardown() { oci_teardown; }

# on_a_host SCRIPT: runs it with set -e in network and mount namespaces of its
# own, in which somebody has made the namespace /run/netns/pod with an eth0 at
# 10.99.0.2, whose other end is pod0.
on_a_host() {
	unshare -n -m --propagation private bash -euo pipefail -c "
		mount -t tmpfs tmpfs /run
		ip link set lo up
		$(declare -f not bh annotate shaped_links unshaped received gone gc_elsewhere)
		ip netns add pod
		ip link add pod0 type veth peer name eth0 netns pod
		ip addr add 10.99.0.1/24 dev pod0
		ip link set pod0 up
		ip -n pod link set lo up
		ip -n pod addr add 10.99.0.2/24 dev eth0
		ip -n pod link set eth0 up
		$1" 3>&-
}

# not COMMAND…: "!" alone does not end a script with set -e.
not() {
	if "$@"; then
		echo "succeeds: $*"
		return 1
	fi
}

# annotate NAME VALUE…: these and no other annotations, in the namespace pod.
annotate() {
	local annotations='{}'
	while (($#)); do
		annotations=$(jq --arg name "$1" --arg value "$2" '.[$name] = $value' <<<"$annotations")
		shift 2
	done
	jq --argjson annotations "$annotations" '.annotations = $annotations
		| (.linux.namespaces[] | select(.type == "network")).path = "/run/netns/pod"' "$bundle/config.json" >"$bundle/config.new"
	mv "$bundle/config.new" "$bundle/config.json"
}

# shaped_links: what is shaped on this host.
shaped_links() { tc qdisc | sed -n 's/^qdisc tbf 1: dev \(\S*\) .* rate \(\S*\) .*/\1 \2/p' | sed 's/^bhi[^ ]*/ifb/' | sort | xargs; }

unshaped() {
	local left
	left=$(
		shaped_links
		ip -br link show type ifb
		tc qdisc show | grep clsact
		ls -d /run/blackhole-network 2>/dev/null
	) || true
	[[ -z $left ]] || { echo "left: $left"; return 1; }
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# gc_elsewhere FLAGS…: gc as if the containers' state had been lost.
gc_elsewhere() { "$BLACKHOLE" --root "$work/elsewhere" gc "$@"; }

# received IPERF3-FLAGS…: bits a second between the host and the namespace.
received() {
	local i
	ip netns exec pod iperf3 -s -1 -p 5201 >/dev/null &
	for ((i = 0; i < 100; i++)); do
		[[ -z $(ip netns exec pod ss -Hnlt sport = 5201) ]] || break
		sleep 0.05
	done
	timeout 60 iperf3 -J -c 10.99.0.2 -p 5201 -t 2 "$@" | jq '.end.sum_received.bits_per_second | floor'
}

@test "Kubernetes' annotations shape both directions until delete, and update changes them live" {
	on_a_host '
		annotate kubernetes.io/ingress-bandwidth 16M kubernetes.io/egress-bandwidth 8M
		bh create -b "$bundle" $id
		bh start $id
		[[ $(shaped_links) == "ifb 8364Kbit pod0 16729Kbit" ]]
		got=$(received) && echo "received $got" && ((got > 4000000 && got < 20000000))
		got=$(received -R) && echo "sent $got" && ((got > 2000000 && got < 10000000))
		bh state $id | jq -e ".stats.network | .ingress_shaping.rate_bytes_per_second == 2000000 and .egress_shaping.rate_bytes_per_second == 1000000 and .rx_bytes > 1000000"
		bh update --ingress-rate 4mbit --egress-rate 0 $id
		[[ $(shaped_links) == "pod0 4182Kbit" ]]
		got=$(received) && echo "received $got" && ((got < 5000000))
		bh update --egress-rate 2mbit $id
		[[ $(shaped_links) == "ifb 2091Kbit pod0 4182Kbit" ]]
		bh kill $id KILL
		bh delete --force $id
		unshaped'
}

@test "our own annotations, and those of a container that shares its sandbox's network" {
	on_a_host '
		annotate io.blackhole.network.egress-rate 1000000 kubernetes.io/egress-bandwidth 16M
		bh run -d -b "$bundle" $id
		[[ $(shaped_links) == "ifb 8364Kbit" ]]
		annotate kubernetes.io/ingress-bandwidth 16M io.kubernetes.cri.container-type container
		bh run -d -b "$bundle" $id-member
		[[ $(shaped_links) == "ifb 8364Kbit" ]]
		annotate kubernetes.io/ingress-bandwidth 16M
		not bh run -d -b "$bundle" $id-second 2>"$work/err"
		[[ $(wc -l <"$work/err") == 1 ]]
		grep "it shares the network namespace of $id, whose bandwidth holds for both" "$work/err"
		bh delete --force $id-member
		[[ $(shaped_links) == "ifb 8364Kbit" ]]
		bh delete --force $id
		unshaped'
}

@test "what cannot be shaped is one line, and nothing is left" {
	on_a_host '
		refused() {
			not bh run -d -b "$bundle" $id >"$work/out" 2>"$work/err" </dev/null
			[[ $(wc -l <"$work/err") == 1 ]] || { cat "$work/err"; exit 1; }
			grep -F "$1" "$work/err" || { cat "$work/err"; exit 1; }
			unshaped
			[[ ! -e $root/$id && ! -e $root/@$id.json ]]
		}
		annotate kubernetes.io/ingress-bandwidth 10X kubernetes.io/egress-bandwidth 1M
		refused "cannot run container \"$id\": config.json: cannot read annotation kubernetes.io/ingress-bandwidth=\"10X\": not a quantity of bits a second"
		annotate kubernetes.io/egress-bandwidth 1k
		refused "kubernetes.io/egress-bandwidth=\"1k\": less than 8k"
		annotate io.blackhole.network.ingress-rate 10M
		refused "io.blackhole.network.ingress-rate=\"10M\": not a number of bytes"
		annotate io.blackhole.network.ingress-rate 999
		refused "ingress rate of 999 bytes a second is under the 1000 that are possible"
		annotate kubernetes.io/egress-bandwidth 1M
		tc qdisc add dev pod0 ingress
		refused "interface pod0 has a ingress queue of somebody else"
		tc qdisc del dev pod0 ingress
		jq ".linux.namespaces |= map(select(.type != \"network\"))" "$bundle/config.json" >"$work/host.json"
		cp "$work/host.json" "$bundle/config.json"
		refused "it is in the host'"'"'s network"'
}

@test "after kill -9: delete --force, and gc where the state is lost, with the veth pair there and gone" {
	on_a_host '
		annotate kubernetes.io/ingress-bandwidth 16M kubernetes.io/egress-bandwidth 8M
		# In the midst of the creation: the hook waits for the lock that we hold.
		mkdir /run/blackhole-network
		flock -F /run/blackhole-network sleep 1000 &
		holder=$!
		while flock -n /run/blackhole-network true; do sleep 0.05; done
		bh create -b "$bundle" $id >"$work/log" 2>&1 </dev/null &
		creator=$!
		for ((i = 0; i < 200; i++)); do
			hook=$(pgrep --ns $$ --nslist net -xf "blackhole hook createRuntime") && break
			sleep 0.05
		done
		kill -KILL $creator
		kill $holder
		for ((i = 0; i < 200; i++)); do
			if gone $hook; then break; fi
			sleep 0.05
		done
		gone $hook
		bh delete --force $id
		rmdir /run/blackhole-network 2>/dev/null || true
		unshaped

		bh run -d -b "$bundle" $id
		[[ $(shaped_links) == "ifb 8364Kbit pod0 16729Kbit" ]]
		kill -KILL $(bh state $id | jq .pid)
		ip link del pod0
		bh delete --force $id
		unshaped

		ip link add pod0 type veth peer name eth0 netns pod
		bh run -d -b "$bundle" $id
		kill -KILL $(bh state $id | jq .pid)
		while ! bh state $id | grep -q "\"stopped\""; do sleep 0.05; done
		[[ $(gc_elsewhere --dry-run) == "network of $id" ]]
		[[ $(gc_elsewhere) == "network of $id" ]]
		unshaped
		bh delete --force $id'
}
