#!/usr/bin/env bats
# Services with networks of their own, from the bundle alone: under this binary,
# runc and crun. Each test is on a "host" of its own: a network namespace.
# shellcheck disable=SC2154,SC2016

load helpers

setup() {
	not_runc "the service commands are ours"
	work=$(mktemp -d "${TMPDIR:-/tmp}/blackhole-bats.XXXXXX")
	root=$work/state
	# Names of the test's own: cgroups are the machine's.
	web=web$$ client=client$$ silent=silent$$ beside=beside$$
	export BLACKHOLE work root web client silent beside
	mkdir "$work/www"
	echo hello >"$work/www/index.html"
	write_configuration "$work/blackhole.yaml"
}

teardown() {
	[[ -n ${work-} ]] || return 0
	local id program
	for program in "$BLACKHOLE" runc; do
		for id in "$web" "$client" "$silent" "$beside"; do
			"$program" --root "$root/${program##*/}" delete --force "$id" 2>/dev/null || true
		done
	done
	# Where the state was lost nobody knows of the cgroups.
	find /sys/fs/cgroup -depth -maxdepth 4 -type d \( -path "*/blackhole/*$$" -o -name blackhole \) -exec rmdir {} \; 2>/dev/null || true
	rm -rf "$work"
}

write_configuration() {
	cat >"$1" <<-END
		resource_isolation:
		  defaults: {memory: {limit: 128M}, pids: {limit: 50}}
		services:
		  $web:
		    executable: /bin/busybox
		    args: [httpd, -f, -p, "80", -h, $work/www]
		    filesystem: {read_only: [$work/www]}
		    resources: {network: {bandwidth: {ingress_rate: 10mbit, egress_rate: 1mbit}}}
		    network: {ports: ["8080:80"]}
		  $client:
		    executable: /bin/busybox
		    args: [sleep, "1000"]
		  $silent:
		    executable: /bin/busybox
		    args: [sleep, "1000"]
		    network: {mode: none}
		  $beside:
		    executable: /bin/busybox
		    args: [sleep, "1000"]
		    network: {namespace: $web}
	END
}

# on_a_host SCRIPT: runs it with set -e in network and mount namespaces of its
# own, /run and the firewall empty, with the functions below.
on_a_host() {
	unshare -n -m --propagation private bash -euo pipefail -c "
		umount -l -R /run/netns 2>/dev/null || true # in this mount namespace alone: other tests' and the host's names
		mount -t tmpfs tmpfs /run
		ip link set lo up
		$(declare -f not runtime up down inside answers nothing_left_here crun_ready)
		$1" 3>&-
}

# runtime ARGS…: $RUNTIME on a state folder of its own.
runtime() { "$RUNTIME" --root "$root/${RUNTIME##*/}" "$@"; }

# crun_ready: crun takes no v2 hierarchy with controllers beside v1: where
# hugetlb is mounted as v1, it has none.
crun_ready() {
	[[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]] && return
	mkdir -p /run/hugetlb
	mount -t cgroup -o hugetlb hugetlb /run/hugetlb
}

# up SERVICE…
up() {
	local service
	for service; do
		"$BLACKHOLE" bundle -c "$work/blackhole.yaml" "$service" "$work/$service"
		runtime create --bundle "$work/$service" "$service" >"$work/$service.log" 2>&1 </dev/null || { cat "$work/$service.log"; return 1; }
		runtime start "$service"
	done
}

down() {
	local service
	for service; do runtime delete --force "$service"; done
}

# inside SERVICE COMMAND…
inside() {
	local pid
	pid=$(runtime state "$1" | jq .pid)
	shift
	nsenter -t "$pid" -n -m -- "$@"
}

# not COMMAND…: "!" alone does not end a script with set -e.
not() {
	if "$@"; then
		echo "succeeds: $*"
		return 1
	fi
}

# answers COMMAND…: up to 5 s.
answers() {
	local i
	for ((i = 0; i < 50; i++)); do
		if "$@" >/dev/null 2>&1; then return 0; fi
		sleep 0.1
	done
	"$@"
}

nothing_left_here() {
	local left
	left=$(
		ip -br link | grep -v '^lo '
		nft list tables
		ls -A /run/netns /run/blackhole-network 2>/dev/null
		ls -d /run/netns /run/blackhole-network 2>/dev/null
		grep ' /run/netns' /proc/self/mountinfo
	) || true
	[[ -z $left ]] || { echo "left: $left"; return 1; }
}

for_each_runtime() {
	local program
	for program in "$BLACKHOLE" runc crun; do
		command -v "$program" >/dev/null || continue
		echo "under $program"
		export RUNTIME=$program
		if [[ $program == crun ]]; then on_a_host "crun_ready; $1"; else on_a_host "$1"; fi
	done
}

# bats test_tags=hierarchies
@test "services have networks, names, ports and limits from the bundle alone, under this binary, runc and crun" {
	for_each_runtime '
		up $web $client $silent $beside
		[[ $(ip netns list | sort | cut -d" " -f1 | xargs) == "$client $silent $web" ]]
		answers curl -fsS -m 2 http://127.0.0.1:8080/
		answers inside $client wget -qO- http://$web/
		[[ $(inside $client wget -qO- http://$web/ | wc -c) -gt 0 ]]
		inside $web ping -c1 -W2 $client
		ip netns exec $web ip -br addr show dev eth0 up | grep 10.88
		inside $client ping -c1 -W2 $beside
		[[ $(ip netns exec $silent ip -br link | wc -l) == 1 ]]
		grep "tbf 1: dev bhv.* rate 10455Kbit" <(tc qdisc)
		grep "tbf 1: dev bhi.* rate 1045" <(tc qdisc)
		not inside $client grep -w $silent /etc/hosts
		down $web
		not inside $client grep -w $web /etc/hosts
		down $beside $silent $client
		nothing_left_here'
}

@test "state shows the network and its shaping, and update changes it live" {
	RUNTIME=$BLACKHOLE
	export RUNTIME
	on_a_host '
		up $web $client
		answers curl -fsS -m 2 -o /dev/null http://127.0.0.1:8080/
		runtime state $web >"$work/state.json"
		jq -e ".stats.network | .rx_bytes > 300 and .tx_bytes > 300 and .rx_packets > 3 and .tx_packets > 3" "$work/state.json"
		jq -e ".stats.network | .ingress_shaping.rate_bytes_per_second == 1250000 and .egress_shaping.rate_bytes_per_second == 125000" "$work/state.json"
		jq -e ".stats.network | has(\"ingress_shaping\") and (.egress_shaping | has(\"dropped_packets\") and has(\"backlog_bytes\"))" "$work/state.json"
		runtime state $client | jq -e ".stats.network | has(\"rx_bytes\") and (has(\"ingress_shaping\") | not)"

		runtime update --ingress-rate 2mbit --egress-rate 0 $web
		runtime state $web | jq -e ".stats.network | .ingress_shaping.rate_bytes_per_second == 250000 and (has(\"egress_shaping\") | not)"
		not grep bhi <(ip link)
		for bad in "--ingress-rate 5" "--egress-rate fast" "--ingress-burst 1"; do
			not runtime update $bad $web 2>"$work/err"
			[[ $(wc -l <"$work/err") == 1 ]] && grep -E "^cannot (update container|shape the network of)" "$work/err"
		done
		not runtime update --memory 1 --ingress-rate 3mbit $web 2>/dev/null # the kernel refuses the memory limit
		runtime state $web | jq -e ".stats.network.ingress_shaping.rate_bytes_per_second == 250000"
		not runtime update --ingress-rate 1mbit nobody 2>"$work/err"
		grep -x "cannot update container \"nobody\": .*" "$work/err"
		down $web $client
		nothing_left_here'
}

@test "what cannot be had is one line, and nothing is left of the service" {
	RUNTIME=$BLACKHOLE
	export RUNTIME
	on_a_host '
		/bin/busybox httpd -f -p 8080 &
		server=$!
		answers curl -sS -m 1 -o /dev/null http://127.0.0.1:8080/
		not up $web >"$work/out"
		[[ $(wc -l <"$work/out") == 1 ]]
		grep "port 8080/tcp of the host is in use" "$work/out"
		nothing_left_here
		kill $server
		ip link add up0 type veth peer name up1
		ip addr add 10.88.3.1/24 dev up0
		ip link set up0 up
		ip link set up1 up
		not up $client >"$work/out"
		grep "subnet 10.88.0.0/16 overlaps the host.s route 10.88.3.0/24 dev up0" "$work/out"
		ip link del up0
		nothing_left_here
		not up $beside >"$work/out"
		nothing_left_here'
	[[ -z $(ls "$root" 2>/dev/null) ]]
}

@test "a hook that is killed leaves what delete --force and gc find" {
	RUNTIME=$BLACKHOLE
	export RUNTIME
	on_a_host '
		up $web $client
		kill -KILL $(runtime state $web | jq .pid) $(runtime state $client | jq .pid)
		rm -r "$root" # as if the state had been lost
		runtime gc --dry-run | sort >"$work/would"
		[[ $(cat "$work/would") == $(printf "%s\n" "network of $client" "network of $web") ]]
		runtime gc | sort | diff - "$work/would"
		nothing_left_here
		[[ -z $(runtime gc) ]]

		# Who brings the network up is killed while it waits for the lock: the hook of
		# another build, or the runtime, which needs no process for its own.
		"$BLACKHOLE" bundle -c "$work/blackhole.yaml" $client "$work/$client"
		cp "$BLACKHOLE" "$work/other"
		creation() { pgrep --ns $$ --nslist net -f "[c]reate --bundle $work/$client" | while read -r pid; do
			[[ $(readlink /proc/$pid/exe) == "$RUNTIME" ]] && echo $pid; done; }
		holds_book() { ls -l /proc/$(creation)/fd | grep -q /run/blackhole-network; }
		for RUNTIME in "$work/other" "$BLACKHOLE"; do
			mkdir /run/blackhole-network
			flock -F /run/blackhole-network sleep 1000 &
			holder=$!
			while flock -n /run/blackhole-network true; do sleep 0.05; done
			runtime create --bundle "$work/$client" $client >"$work/log" 2>&1 </dev/null &
			creator=$!
			if [[ $RUNTIME == "$BLACKHOLE" ]]; then
				answers holds_book
				[[ -z $(pgrep --ns $$ --nslist net -xf "blackhole hook createRuntime") ]]
				kill -KILL $(creation)
			else
				answers pgrep --ns $$ --nslist net -xf "blackhole hook createRuntime"
				# And its runtime, which would wait for the lock to undo it, for a minute.
				kill -KILL $(pgrep --ns $$ --nslist net -xf "blackhole hook createRuntime") $(creation)
			fi
			not wait $creator
			kill $holder
			runtime delete --force $client
			rmdir /run/blackhole-network 2>/dev/null || true
			nothing_left_here
		done
		RUNTIME=$BLACKHOLE
		nothing_left_here'
}
