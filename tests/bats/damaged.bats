#!/usr/bin/env bats
# Files of the state folder that are damaged or of a newer version: one clear
# line, and nothing of anybody else's is touched.

load helpers

setup() {
	oci_setup
	not_runc "it has other files"
	bh run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	state=$root/$id/state.json
	record=$root/@$id.json
	cp "$state" "$work/state.json"
	cp "$record" "$work/record.json"
}
teardown() { oci_teardown; }

# change FILE JQ-FILTER: of the one that was kept, into its place.
change() { jq -c "$2" "$work/$1.json" >"$([[ $1 == state ]] && echo "$state" || echo "$record")"; }

@test "a damaged state.json is one line by its name, and delete --force goes by the record" {
	local text
	for text in '' null '{}' '{"config":' '{"config":7}' '{"config":{"cgroups":null}}'; do
		echo -n "$text" >"$state"
		fails "*cannot read $state: *" bh state "$id"
			fails "*cannot read $state: *" bh kill "$id" KILL
		fails "*cannot read $state: *" bh delete "$id"
		run --separate-stderr -0 bh list
		[[ $stderr == *"cannot read $state: "* ]]
		cp "$work/state.json" "$state"
		is_status "$id" running
	done
	echo '{}' >"$state"
	bh delete --force "$id"
	nothing_left "$id"
}

@test "cgroups of another container in damaged files: nothing of it is touched" {
	bh run -d -b "$bundle" "$id-by" </dev/null >/dev/null 2>&1
	local its
	its=$(jq .cgroup_paths "$root/@$id-by.json")
	# in one of the files alone
	change state ".cgroup_paths = $its"
	fails "*cannot use $state: cgroup *" bh pause "$id"
	fails "*cannot use $state: cgroup *" bh update --pids-limit 7 "$id"
	change record ".cgroup_paths = $its"
	fails "*cannot use $record: cgroup *; nothing was removed" bh delete --force "$id"
	# in the one that has its end from the same file
	change state ".cgroup_paths = $its | .config.cgroups.name = \"$id-by\""
	cp "$work/record.json" "$record"
	fails "*its cgroup of * is * by $state and * by $record; nothing was removed" bh delete --force "$id"
	# a folder whose creation was killed, in the eyes of the record
	rm "$state"
	change record ".cgroup_paths = $its"
	fails "*cannot use $record: cgroup *; nothing was removed" bh delete --force "$id"
	change record '.cgroup_paths[] = "/"'
	fails "*cannot use $record: cgroup *; nothing was removed" bh delete --force "$id"
	mkdir "$work/foreign"
	change record ".new_cgroup_parents = [\"$work/foreign\"]"
	fails "*cannot use $record: \"$work/foreign\" is not above one of its cgroups; nothing was removed" bh delete --force "$id"
	[[ -d $work/foreign ]]
	is_status "$id-by" running
	[[ $(bh state "$id-by" | jq .stats.pids.limit) != 7 ]]
	bh exec "$id-by" true
	cp "$work/record.json" "$record"
	bh delete --force "$id"
	[[ ! -e $root/$id && ! -e $record && -z $(cgroups_of "$id") ]]
	is_status "$id-by" running
}

@test "a damaged record: what it may have known is not passed over in silence" {
	echo '{"bundle' >"$record"
	run --separate-stderr -0 bh delete --force "$id"
	[[ $stderr == *"poststop hooks of container \"$id\", if it has any, are not run: cannot read $record: "* ]]
	nothing_left "$id"
	bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	cp "$record" "$work/record.json"
	echo '{"bundle' >"$record"
	fails "*cannot start container*$id*: cannot read $record: *" bh start "$id"
	is_status "$id" created
	cp "$work/record.json" "$record"
	bh start "$id"
}

@test "a record of a newer version is refused with both versions, and stays" {
	change record '.version = 7 | .bundle = ["of another type"]'
	cp "$record" "$work/newer.json"
	local message="*cannot read $record: it was written by a newer blackhole: its version is 7, and this one reads up to 1"
	fails "$message" bh delete --force "$id"
	fails "$message" bh update --pids-limit 7 "$id"
	cmp "$record" "$work/newer.json"
	is_status "$id" running
	rm "$state"
	fails "$message" bh delete --force "$id"
	cmp "$record" "$work/newer.json"
	cp "$work/state.json" "$state"
	cp "$work/record.json" "$record"
}
