#!/usr/bin/env bats
# bats file_tags=beside
# Containers of an ordinary user, in a user namespace.

load helpers

setup() {
	((EUID == 0)) || skip "it takes root to become an ordinary user"
	oci_setup
	# The user's own: state, bundle and program.
	chmod 755 "$work"
	install -d -o nobody "$work/user" "$work/user/run"
	cp "$(command -v "$BLACKHOLE")" "$work/user/runtime"
	[[ ! -x $BLACKHOLE-services ]] || cp "$BLACKHOLE-services" "$work/user/blackhole-services" # ours becomes it
	chmod 755 "$work/user/"*
	cp -a "$bundle" "$work/user/bundle"
	rm "$work/user/bundle/config.json"
	chown -R nobody "$work/user/bundle"
	mine=$work/user/bundle
	as_nobody "$work/user/runtime" spec --rootless --bundle "$mine"
	jq '.process.terminal = false | .root.readonly = false | .process.args = ["id", "-u"]' "$mine/config.json" >"$work/config.json"
	cp "$work/config.json" "$mine/config.json"
}
teardown() {
	if [[ -n ${mine:-} ]]; then
		for name in $(user_runtime list -q 2>/dev/null); do
			user_runtime delete --force "$name"
		done
	fi
	oci_teardown
}

# as_nobody COMMAND…: as the user nobody, without a group or a capability.
as_nobody() {
	setpriv --reuid nobody --regid nogroup --clear-groups --bounding-set=-all --inh-caps=-all \
		env -u XDG_RUNTIME_DIR HOME="$work/user" "$@" 3>&-
}

user_runtime() { as_nobody "$work/user/runtime" --root "$work/user/run/state" "$@"; }

# mine_configure FILTER
mine_configure() {
	jq "$@" "$mine/config.json" >"$work/config.json" && cp "$work/config.json" "$mine/config.json"
}

@test "spec --rootless makes a configuration that an ordinary user runs" {
	run -0 user_runtime run -b "$mine" "$id"
	[[ $output == 0 ]] # root in there, nobody outside
	mine_configure '.process.args = ["sh", "-c", "echo text >/tmp/file"]'
	user_runtime run -b "$mine" "$id"
	[[ $(stat -c %U "$mine/rootfs/tmp/file") == nobody ]]
}

@test "create, start, exec, ps, state, kill and delete by an ordinary user" {
	mine_configure '.process.args = ["sleep", "1000"]'
	user_runtime create -b "$mine" "$id" </dev/null
	user_runtime start "$id"
	[[ $(user_runtime state "$id" | jq -r .status) == running ]]
	[[ $(user_runtime list --format json | jq -r '.[0].owner') == nobody ]]
	run -0 user_runtime exec "$id" id -u
	[[ $output == 0 ]]
	[[ $(stat -c %U "/proc/$(user_runtime state "$id" | jq .pid)") == nobody ]]
	user_runtime kill "$id" KILL
	stopped() { [[ $(user_runtime state "$id" | jq -r .status) == stopped ]]; }
	wait_until stopped
	user_runtime delete "$id"
	[[ -z $(user_runtime list -q) ]]
}

@test "subordinate ids" {
	command -v newuidmap >/dev/null || skip "newuidmap is not installed (package uidmap)"
	mine_configure '.linux.uidMappings += [{containerID: 1, hostID: 300000, size: 1000}]
		| .linux.gidMappings += [{containerID: 1, hostID: 300000, size: 1000}]
		| .process.user = {uid: 7, gid: 8} | .process.args = ["sh", "-c", "id -u; id -g; cat /proc/self/uid_map"]'
	# This host's files stay as they are: the others are the test's alone.
	echo "nobody:300000:1000" >"$work/sub"
	cp "$work/user/runtime" "$work/user/again"
	run -0 unshare --mount bash -c "mount --bind $work/sub /etc/subuid && mount --bind $work/sub /etc/subgid &&
		exec setpriv --reuid nobody --regid nogroup --clear-groups env -u XDG_RUNTIME_DIR $work/user/runtime --root $work/user/run/state run -b $mine $id"
	[[ ${lines[0]} == 7 && ${lines[1]} == 8 && $output == *300000*1000* ]]
}

@test "what an ordinary user cannot do is said in one line" {
	not_runc "says it in other words"
	# Ids that are not the user's to map.
	mine_configure '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 10}]'
	fails "cannot run container \"$id\": *" user_runtime run -b "$mine" "$id"
	[[ -z $(ls -A "$work/user/run") ]]
	mine_configure 'del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user"))'
	fails "cannot run container \"$id\": *" user_runtime run -b "$mine" "$id"
	[[ $stderr == *"config.json: linux.namespaces has no user namespace"* ]]
	[[ -z $(ls -A "$work/user/run") ]]
}

@test "the state folder of an ordinary user is in XDG_RUNTIME_DIR" {
	not_runc "has a folder of its own name"
	install -d -o nobody -m 700 "$work/user/xdg"
	mine_configure '.process.args = ["sleep", "1000"]'
	as_nobody env XDG_RUNTIME_DIR="$work/user/xdg" "$work/user/runtime" create -b "$mine" "$id" </dev/null
	[[ -d $work/user/xdg/blackhole/$id ]]
	as_nobody env XDG_RUNTIME_DIR="$work/user/xdg" "$work/user/runtime" delete --force "$id"
	fails "cannot use \$XDG_RUNTIME_DIR, which must be yours to write: *" as_nobody env XDG_RUNTIME_DIR=/proc "$work/user/runtime" list
}

# The user's own cgroups are not the container's: its processes could lift their
# limits there, or put themselves beside what else the user runs.
@test "a container of an ordinary user cannot write to the user's cgroups (CVE-2023-25809)" {
	cgroups=()
	for cgroup in /sys/fs/cgroup/{,memory/,pids/,systemd/,unified/}; do
		[[ -e $cgroup/cgroup.procs ]] || continue
		mkdir "$cgroup/$id-user"
		chown nobody "$cgroup/$id-user" "$cgroup/$id-user/cgroup.procs"
		cgroups+=("$cgroup/$id-user")
	done
	as_nobody mkdir "${cgroups[0]}/control" # it can, outside
	rmdir "${cgroups[0]}/control"
	cat >"$work/user/bundle/rootfs/try" <<-'T'
		seen=0
		for cgroup in $(find /sys/fs/cgroup /mnt -name "$1" 2>/dev/null); do
			seen=$((seen + 1))
			mkdir "$cgroup/inside" 2>/dev/null && echo "made $cgroup/inside"
			{ echo 0 >"$cgroup/cgroup.procs"; } 2>/dev/null && echo "is in $cgroup"
		done
		# With nothing to lose: a read-write mount in a user namespace's place.
		mount -o remount,rw /sys/fs/cgroup 2>/dev/null && echo "mounted anew"
		mount -o remount,bind,rw /sys/fs/cgroup 2>/dev/null && echo "bound anew"
		echo "saw $seen"
	T
	saw=0
	cp "$mine/config.json" "$work/before.json"
	for namespaces in 'map(select(.type != "cgroup"))' '(map(select(.type != "cgroup")) + [{type: "cgroup"}])'; do
		for mounts in . '. + [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "noexec", "nodev", "relatime"]}]' \
			'. + [{destination: "/mnt", type: "bind", source: "/sys/fs/cgroup", options: ["rbind", "rro"]}]'; do
			cp "$work/before.json" "$mine/config.json"
			mine_configure --arg name "$id-user" ".linux.namespaces |= $namespaces | .mounts |= ($mounts) | .process.args = [\"sh\", \"/try\", \$name]"
			run user_runtime run -b "$mine" "$id"
			echo "$namespaces $mounts: $status $output"
			[[ $status == 1 && $output != *made* || $output =~ ^saw\ ([0-9]+)$ ]] || failed=1
			saw=$((saw + ${BASH_REMATCH[1]:-0}))
			for cgroup in "${cgroups[@]}"; do
				[[ ! -e $cgroup/inside && -z $(<"$cgroup/cgroup.procs") ]] || failed=1
			done
		done
	done
	for cgroup in "${cgroups[@]}"; do rmdir "$cgroup/inside" "$cgroup" 2>/dev/null || true; done
	[[ -z ${failed-} ]]
	((saw > 0)) # else it tried nothing
}
