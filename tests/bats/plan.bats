#!/usr/bin/env bats
# bats file_tags=beside
# The commands plan and audit: they look at configurations, and start nothing.
# shellcheck disable=SC2154

load helpers

setup() {
	not_runc "the service commands are ours"
	work=$(mktemp -d "${TMPDIR:-/tmp}/blackhole-bats.XXXXXX")
	cd "$work" || return 1
	seed=(-c "$repo/spec/testdata/seed/isolation.yaml" -c "$repo/spec/testdata/seed/services.yaml")
}

teardown() {
	[[ -z ${background-} ]] || kill "$background" 2>/dev/null || true
	rm -rf "${work:?}"
}

@test "plan: a configuration that fits another host" {
	run -0 "$BLACKHOLE" plan "${seed[@]}" --host cpus=8,memory=32G
	[[ ${lines[0]} == "cpus=8,memory=32G: CPUs 8, memory 32G, swap unknown; 15 % is kept free" ]]
	grep -Eqx 'cpu +2.5 +6.8 +8 +37 % +ok' <<<"$output"
	grep -Eqx 'memory.limit +4.5G +27.2G +32G +17 % +ok' <<<"$output"
	grep -Eqx 'memory.swap +1G +- +- +- +capacity unknown' <<<"$output"
	grep -Eqx 'identity +0.5 +1024 +100 % +0-1 +512M +384M +512M +- +1024' <<<"$output"
	grep -Eqx '2-5 +50 % +storage' <<<"$output"
}

@test "plan: what is over is told at the line to change, and the exit code is 1" {
	run -1 "$BLACKHOLE" plan "${seed[@]}" --host cpus=4,memory=5G,swap=4G
	[[ $output == *"services.yaml:24:17: services.storage.resources.cpu.cpuset: over: cpu: storage needs CPUs 2-5, and the host has no CPU 4-5"* ]]
	[[ $output == *"services.yaml:26:16: services.storage.resources.memory.limit: over: memory.limit: 4.5G asked, 4.2G of 5G to plan with: 256M too much (storage 4G, identity 512M)"* ]]
	[[ $output != *"over: memory.swap"* ]]
	run -0 "$BLACKHOLE" plan "${seed[@]}" --host cpus=6,memory=5G --headroom 10%
	run -1 "$BLACKHOLE" plan "${seed[@]}" --host cpus=6,memory=5G --headroom 0.11 --format json
	[[ $(jq -r '.over, ([.findings[] | .resource + " " + .service] | join(";"))' <<<"$output" | paste -sd " ") == "true memory.limit storage" ]]
}

@test "plan: this host" {
	local cpus
	cpus=$(nproc --all)
	printf 'services: {a: {resources: {cpu: {quota: %d}, memory: {limit: 1M}, io: {device: %s, read_bps: 1M}}, network: {mode: none}}}' "$cpus" "$repo" >f.yaml
	run -1 "$BLACKHOLE" plan -c f.yaml
	[[ $output == *"services.a.resources.cpu.quota: over: cpu: $cpus asked, "* ]]
	run -0 "$BLACKHOLE" plan -c f.yaml --headroom 0
	[[ $output == "this host: CPUs $cpus, "* ]]
	# The disk is known by name, its speed is not, unless it is said.
	local disk
	if disk=$("$BLACKHOLE" plan -c f.yaml --headroom 0 | sed -n 's/^io\.\(.*\)\.read_bps .*capacity unknown$/\1/p') && [[ -n $disk ]]; then
		run -1 "$BLACKHOLE" plan -c f.yaml --headroom 0 --host "this,$disk.read_bps=512K"
		[[ $output == *"over: io.$disk.read_bps: 1M/s asked, 512K/s of 512K/s to plan with"* ]]
	fi
	# A port that something has.
	python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(60)' >port 3>&- &
	background=$!
	wait_until test -s port
	printf 'services: {a: {network: {ports: ["%d:80"]}}}' "$(cat port)" >f.yaml
	run -1 "$BLACKHOLE" plan -c f.yaml
	kill "$background"
	[[ $output == *"f.yaml:1:34: services.a.network.ports[0]: over: ports: port $(cat port)/tcp is in use on the host, at 127.0.0.1"* ]]
}

@test "plan: what cannot be used" {
	fails 'cannot use --headroom "x": it is not a number like 15% or 0.15' "$BLACKHOLE" plan "${seed[@]}" --headroom x
	fails 'cannot use --headroom "100%": it must be from 0% to below 100%' "$BLACKHOLE" plan "${seed[@]}" --headroom 100%
	fails 'cannot use --headroom "NaN": it must be *' "$BLACKHOLE" plan "${seed[@]}" --headroom NaN
	fails 'cannot use --host "cpu=8": unknown key "cpu", did you mean cpus?' "$BLACKHOLE" plan "${seed[@]}" --host cpu=8
	fails 'cannot use --host "": "" is not KEY=VALUE' "$BLACKHOLE" plan "${seed[@]}" --host ''
	fails 'cannot use --host "memory=1X": memory: cannot read "1X" as a size: *' "$BLACKHOLE" plan "${seed[@]}" --host memory=1X
	fails '*takes no arguments*' "$BLACKHOLE" plan "${seed[@]}" identity
	echo 'services: {a: {resources: {memory: {limit: 1M, soft: 2M}}}}' >f.yaml
	fails 'f.yaml:1:54: services.a.resources.memory.soft: *' "$BLACKHOLE" plan -c f.yaml
}

@test "audit: services, the most exposed first, and one line by line" {
	run -0 "$BLACKHOLE" audit "${seed[@]}"
	[[ ${lines[0]} == SERVICE*EXPOSURE*LEVEL* && ${lines[1]} == storage\ *user:* && ${lines[2]} == identity\ *CAP_NET_ADMIN ]]
	run -0 "$BLACKHOLE" audit "${seed[@]}" identity
	[[ ${lines[0]} == "identity: exposure "*" of 10, tight" ]]
	[[ $output == *"capabilities: network "*"has CAP_NET_ADMIN"*"services.yaml:16:7: services.identity.security.capabilities: without CAP_NET_ADMIN"* ]]
	[[ $output == *"no points: "*"control sockets"* ]]
	run -0 "$BLACKHOLE" audit "${seed[@]}" --format json
	# The points are the exposure, and the weights are 10.
	jq -e 'all(.[]; (([.checks[].points] | add) - .exposure | fabs) < 0.001 and (([.checks[].weight] | add) - 10 | fabs) < 0.001)' <<<"$output"
}

@test "audit: what is changed as it says lowers the exposure to nothing but what has no key" {
	cat >f.yaml <<-'Y'
		services:
		  a:
		    executable: /opt/a/a
		    security: {user: nobody, capabilities: [], seccomp_profile: strict}
		    resources: {memory: {limit: 1G}, pids: {limit: 9}, cpu: {quota: 1}, io: {device: /, read_bps: 1M}, fds: {soft: 9, hard: 9}, rlimits: {core: 0}}
	Y
	run -0 "$BLACKHOLE" audit -c f.yaml a --format json
	[[ $(jq -r '[.[0].checks[] | select(.points > 0) | .check] | join(";")' <<<"$output") == "security module" ]]
}

@test "audit: the threshold" {
	run -0 "$BLACKHOLE" audit "${seed[@]}" --threshold 2
	run -1 --separate-stderr "$BLACKHOLE" audit "${seed[@]}" --threshold 1
	[[ ${stderr} == "exposure above the threshold of 1: storage 1."* && ${#stderr_lines[@]} == 1 && $output == SERVICE* ]]
	run -0 "$BLACKHOLE" audit "${seed[@]}" --threshold 1 identity
	fails 'cannot use --threshold 11: it is from 0 to 10' "$BLACKHOLE" audit --threshold 11
	fails '*invalid value "high"*' "$BLACKHOLE" audit --threshold high
}

@test "audit: a bundle from elsewhere" {
	mkdir bundle
	(cd bundle && runc spec)
	run -0 "$BLACKHOLE" audit --bundle bundle
	[[ ${lines[0]} == "bundle: exposure "*" of 10, fair" && $output == *"└ linux.seccomp: default or strict"* ]]
	# The host in its hands: one setting is enough.
	jq '.mounts += [{"destination": "/run/docker.sock", "type": "bind", "source": "/var/run/docker.sock", "options": ["rbind", "ro"]}]' bundle/config.json >new && mv new bundle/config.json
	run -1 "$BLACKHOLE" audit --bundle bundle --threshold 8.9
	[[ $output == *"control sockets "*"reaches what starts programs on the host: /run/docker.sock (alone an exposure of 9)"* ]]
	# A service's own bundle is as its service.
	local one two
	echo 'services: {a: {executable: /bin/true}}' >f.yaml
	"$BLACKHOLE" bundle -c f.yaml a own
	one=$("$BLACKHOLE" audit -c f.yaml --format json | jq '.[0].exposure')
	two=$("$BLACKHOLE" audit --bundle own --format json | jq '.[0].exposure')
	[[ -n $one && $one == "$two" ]]
	fails 'cannot read bundle: open none/config.json: no such file or directory' "$BLACKHOLE" audit --bundle none
	fails '*takes --bundle without services and --config*' "$BLACKHOLE" audit --bundle bundle a
	fails 'cannot find service "idntity", did you mean "identity"?' "$BLACKHOLE" audit "${seed[@]}" idntity
}
