#!/usr/bin/env bats
# Containers of an ordinary user, in a user namespace.

load helpers

setup() {
	((EUID == 0)) || skip "it takes root to become an ordinary user"
	oci_setup
	# The user's own: state, bundle and program.
	chmod 755 "$work"
	install -d -o nobody "$work/user" "$work/user/run"
	cp "$(command -v "$BLACKHOLE")" "$work/user/runtime"
	chmod 755 "$work/user/runtime"
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
