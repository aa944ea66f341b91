#!/usr/bin/env bats
# The commands bundle and spec: a service becomes a bundle that this binary,
# runc and crun run alike.
# shellcheck disable=SC2154

load helpers

setup() {
	not_runc "the service commands are ours"
	work=$(mktemp -d "${TMPDIR:-/tmp}/blackhole-bats.XXXXXX")
	root=$work/state
	name=probe$$-$BATS_TEST_NUMBER
	id=$name
	data=$work/data
	bundle=$work/bundle
	mkdir -p "$work/app" "$work/public"
	echo public >"$work/public/file"
	# It lies outside /usr, so its folder has to be shown to the service.
	cat >"$work/app/probe" <<-'END'
		#!/bin/sh
		id -u
		id -g
		pwd
		ulimit -Sn
		ulimit -Hn
		hostname
		echo "$GREETING"
		sed -n 's/^CapEff:\t0*//p; s/^NoNewPrivs:\t/nnp /p; s/^Seccomp:\t/seccomp /p' /proc/self/status
		cat "$WORK/public/file"
		getent passwd root | cut -d: -f1
		for place in "$WORK/data" /tmp / /usr /etc /bin /sys "$WORK/public" "$WORK/app" /dev/null/x /proc/sys; do
			(echo x >"$place/made") 2>/dev/null && echo "wrote $place"
		done
		for secret in /etc/shadow /root /home /etc/ssl/private/*; do
			[ -e "$secret" ] && echo "sees $secret"
		done
		echo ready
		while [ ! -e "$WORK/data/go" ]; do sleep 0.05; done
	END
	chmod 755 "$work/app/probe"
	chmod 711 "$work"
	configuration
}

# configuration [USER]: writes $work/blackhole.yaml.
configuration() {
	cat >"$work/blackhole.yaml" <<-END
		resource_isolation:
		  defaults:
		    cpu: {quota: 0.5, period: 50ms}
		    memory: {limit: 64M}
		    fds: {soft: 100, hard: 200}
		    pids: {limit: 20}
		services:
		  $name:
		    executable: $work/app/probe
		    working_dir: $data
		    environment: {GREETING: hello, WORK: $work}
		    filesystem: {writable: [$data], read_only: [$work/public]}
		    security: {user: "${1-4001}", group: "${1-4002}", capabilities: [CAP_NET_BIND_SERVICE]}
		    network: {mode: none}
		  limits-only:
		    resources: {memory: {limit: 64M}}
		    network: {mode: none}
	END
}

teardown() {
	[[ -n ${work-} ]] || return 0
	touch "$work/data/go" 2>/dev/null || true
	bh delete --force "$id" 2>/dev/null || true
	# The cgroup above the services' stays after the last one; it goes if no other has one.
	find /sys/fs/cgroup -maxdepth 3 -type d -name blackhole -exec rmdir {} + 2>/dev/null || true
	rm -rf "$work"
}

service() { local command=$1; shift; "$BLACKHOLE" "$command" -c "$work/blackhole.yaml" "$@"; }

# held V1-FILE V2-FILE: what the kernel holds for the running service.
held() {
	if [[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]]; then
		cat "/sys/fs/cgroup/blackhole/$name/$2"
	else
		cat "/sys/fs/cgroup/${1%%.*}/blackhole/$name/$1"
	fi
}

expected() {
	cat <<-END
		4001
		4002
		$data
		100
		200
		$name
		hello
		400
		nnp 1
		seccomp 2
		public
		root
		wrote $data
		wrote /tmp
		ready
	END
}

# runs COMMAND…: runs the bundle in the background with a runtime, and compares
# what the service says and what the kernel holds.
runs() {
	rm -f "$data/go" "$work/out" # of the run before
	"$@" >"$work/out" 2>"$work/err" 3>&- &
	local pid=$!
	wait_until grep -qx ready "$work/out" || { cat "$work/out" "$work/err"; return 1; }
	diff <(expected) "$work/out"
	[[ $(held memory.limit_in_bytes memory.max) == 67108864 ]]
	[[ $(held pids.max pids.max) == 20 ]]
	if [[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]]; then
		[[ $(held - cpu.max) == "25000 50000" ]]
	else
		[[ $(held cpu.cfs_quota_us -)/$(held cpu.cfs_period_us -) == 25000/50000 ]]
	fi
	touch "$data/go"
	wait "$pid"
	[[ ! -s $work/err ]] || { cat "$work/err"; return 1; }
}

# bats test_tags=hierarchies
@test "a bundle runs under this binary, runc and crun unchanged" {
	service bundle "$name" "$bundle"
	[[ $(stat -c %u:%g:%a "$data") == 4001:4002:755 ]]
	before=$(cd "$bundle" && find . -printf '%p %y %m %l\n' | sort && sha256sum config.json)

	runs bh run --bundle "$bundle" "$id"
	nothing_left "$id"

	if command -v runc >/dev/null; then
		runs runc --root "$work/runc" run --bundle "$bundle" "$id"
	fi
	if command -v crun >/dev/null; then
		if [[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]]; then
			runs crun --root "$work/crun" run --bundle "$bundle" "$id"
		else
			# crun takes no v2 hierarchy with controllers beside v1: where hugetlb is
			# mounted as v1, it has none. Gone with the mount namespace.
			mkdir "$work/hugetlb"
			# shellcheck disable=SC2016
			runs unshare -m sh -c 'mount -t cgroup -o hugetlb hugetlb "$1/hugetlb" && exec crun --root "$1/crun" run --bundle "$2" "$3"' \
				sh "$work" "$bundle" "$id"
		fi
	fi
	after=$(cd "$bundle" && find . -printf '%p %y %m %l\n' | sort && sha256sum config.json)
	diff <(echo "$before") <(echo "$after")
}

@test "root in a service writes nowhere else either, and not on what is mounted below a read-only folder" {
	configuration ""
	mkdir "$work/public/below"
	service bundle "$name" "$bundle"
	jq '.process.args = ["/bin/sh", "-c", $script]' --arg script '
		id -u
		for place in /usr /etc / "$WORK/public" "$WORK/public/below" "$WORK/app"; do
			(echo x >"$place/made") 2>/dev/null && echo "wrote $place"
		done
		ls "$WORK/public/below"
		echo x >"$WORK/data/made" && echo done' <"$bundle/config.json" >"$work/new"
	mv "$work/new" "$bundle/config.json"
	# A file system of its own below the read-only folder, in this mount namespace alone.
	# shellcheck disable=SC2016
	run --separate-stderr unshare -m sh -c 'mount -t tmpfs tmpfs "$1/public/below" && touch "$1/public/below/seen" && exec "$2" --root "$3" run --bundle "$4" "$5"' \
		sh "$work" "$BLACKHOLE" "$root" "$bundle" "$id" 3>&-
	[[ $output == $'0\nseen\ndone' ]] || { echo "$output $stderr"; false; }
	[[ $(stat -c %u "$data/made") == 0 ]]
	nothing_left "$id"
}

@test "spec prints the config.json of the bundle" {
	service bundle "$name" "$bundle"
	diff <(service spec "$name") "$bundle/config.json"
	[[ $(service spec "$name" -- /bin/ls -l --color | jq -c .process.args) == '["/bin/ls","-l","--color"]' ]]
}

@test "a service without a program says where it comes from" {
	fails "service limits-only has no executable: write one in $work/blackhole.yaml or give it after --" service spec limits-only
	fails "service limits-only has no executable: *" service bundle limits-only "$bundle"
	[[ ! -e $bundle ]]
	service bundle limits-only "$bundle" -- /bin/true
	bh run --bundle "$bundle" "$id"
	nothing_left "$id"
}

@test "a bundle is written again in place, and another's folder is left alone" {
	service bundle "$name" "$bundle"
	sed -i 's/hello/goodbye/' "$work/blackhole.yaml"
	service bundle "$name" "$bundle"
	[[ $(jq -r '.process.env[]' "$bundle/config.json") == *GREETING=goodbye* ]]

	mkdir "$work/other"
	touch "$work/other/notes"
	fails "cannot write bundle $work/other: it is not empty: it holds notes" service bundle "$name" "$work/other"
	[[ $(ls "$work/other") == notes ]]
	jq 'del(.annotations)' "$bundle/config.json" >"$work/new"
	mv "$work/new" "$bundle/config.json"
	fails "cannot write bundle $bundle: it holds the bundle of somebody else: *" service bundle "$name" "$bundle"
}

@test "a bundle that fails leaves nothing behind" {
	before=$(find "$work" | sort)
	fails "cannot find service \"nosuch\"*" service bundle nosuch "$work/new/bundle"
	fails "*.executable: cannot run \"/nosuch\": no such file or directory" service bundle "$name" "$work/new/bundle" -- /nosuch
	fails "*takes 2 arguments, not 1*" service bundle "$name"
	fails "*does not take \"/bin/ls\": a program to run stands after --*" service bundle "$name" "$work/new/bundle" /bin/ls
	fails "*has no program after --*" service bundle "$name" "$work/new/bundle" --
	fails "cannot write bundle /dev/null/bundle: *not a directory" service bundle "$name" /dev/null/bundle
	diff <(echo "$before") <(find "$work" | sort)

	# A writable folder that cannot be made, found out last: what was made goes again.
	sed -i "s,\[$data\],[$data\, /sys/blackhole-bats]," "$work/blackhole.yaml"
	before=$(find "$work" | sort)
	fails "cannot write bundle $work/new/bundle: *mkdir /sys/blackhole-bats: *" service bundle "$name" "$work/new/bundle"
	diff <(echo "$before") <(find "$work" | sort)
}

@test "spec without a service writes a config.json to start from" {
	mkdir "$bundle"
	"$BLACKHOLE" spec --bundle "$bundle"
	fails "cannot write $bundle/config.json: it is there already; remove it first" "$BLACKHOLE" spec -b "$bundle"
	fails "cannot write configuration: *no such file or directory" "$BLACKHOLE" spec -b "$work/nosuch"
	if command -v runc >/dev/null; then
		mkdir "$work/runc"
		runc spec --bundle "$work/runc"
		# The same but for the version and the host's name; and no ambient capabilities, as in runc since 1.2.
		same='del(.ociVersion, .hostname, .process.capabilities.ambient)'
		diff <(jq -S "$same" "$work/runc/config.json") <(jq -S "$same" "$bundle/config.json")
	fi
	mkdir -p "$bundle/rootfs/bin"
	cp /bin/busybox "$bundle/rootfs/bin/sh"
	jq '.process.terminal = false | .process.args = ["sh", "-c", "echo started"]' "$bundle/config.json" >"$work/new"
	mv "$work/new" "$bundle/config.json"
	[[ $(bh run --bundle "$bundle" "$id") == started ]]
}

@test "spec --rootless writes one with a user namespace" {
	mkdir "$bundle"
	"$BLACKHOLE" spec --rootless --bundle "$bundle"
	[[ $(jq -c '[.linux.namespaces[].type] | contains(["user"]) and (contains(["network"]) | not)' "$bundle/config.json") == true ]]
	fails "*takes --rootless without a service alone*" service spec --rootless "$name"
}
