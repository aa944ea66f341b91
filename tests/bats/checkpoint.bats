#!/usr/bin/env bats
# bats file_tags=beside
# checkpoint and restore, where criu works.

load helpers

setup() {
	oci_setup
	images=$work/images
	# Counts, so that going on can be told from starting again.
	in_sh 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/count; sleep 0.05; done'
}
teardown() { oci_teardown; }

# need_criu: criu knows the kernels of its day; Debian's 3.17 fails on newer ones.
need_criu() { criu check >/dev/null 2>&1 || skip "criu does not work with this kernel"; }

count() { cat "$bundle/rootfs/tmp/count"; }

counted() { (($(count 2>/dev/null || echo 0) > $1)); }

running() {
	bh create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	bh start "$id"
	wait_until counted 5
}

@test "a container is saved and removed, and goes on when it is restored" {
	need_criu
	running
	bh checkpoint --image-path "$images" --work-path "$work/log" "$id"
	nothing_left "$id"
	[[ -e $images/inventory.img && -e $work/log/dump.log ]]
	local before
	before=$(count)
	bh restore --detach --image-path "$images" --work-path "$work/log" --pid-file "$work/pid" -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	is_status "$id" running
	[[ $(<"$work/pid") == "$(bh state "$id" | jq .pid)" ]]
	wait_until counted "$before"
	(($(count) < before + 1000))
	run -0 bh exec "$id" echo here
	[[ $output == here ]]
	bh delete --force "$id"
}

@test "in the foreground restore's exit code is the program's" {
	need_criu
	in_sh 'i=0; while [ ! -e /tmp/stop ]; do i=$((i + 1)); echo $i >/tmp/count; sleep 0.05; done; exit 7'
	running
	bh checkpoint --image-path "$images" "$id"
	touch "$bundle/rootfs/tmp/stop"
	run -7 bh restore --no-subreaper --no-pivot --image-path "$images" -b "$bundle" "$id" </dev/null
	nothing_left "$id"
}

@test "--leave-running and --pre-dump keep the container" {
	need_criu
	running
	bh checkpoint --leave-running --image-path "$images" "$id"
	is_status "$id" running
	wait_until counted "$(count)"
	# Not every kernel can track which memory was written since.
	if criu check --feature mem_dirty_track >/dev/null 2>&1; then
		bh checkpoint --pre-dump --image-path "$work/first" "$id"
		is_status "$id" running
		bh checkpoint --parent-path ../first --image-path "$work/second" "$id"
		nothing_left "$id"
		bh restore -d --image-path "$work/second" -b "$bundle" "$id" </dev/null >/dev/null 2>&1
		is_status "$id" running
	fi
}

@test "a checkpoint that fails leaves the container running" {
	not_runc "says it in other words"
	running
	mkdir "$images"
	: >"$work/file"
	fails "cannot checkpoint container \"$id\": *$work/file*not a directory" bh checkpoint --image-path "$work/file/images" "$id"
	fails "cannot checkpoint container \"$id\": parent path \"/first\" must be relative to the images" \
		bh checkpoint --image-path "$images" --parent-path /first "$id"
	fails "cannot checkpoint container \"$id\": *$images/none: no such file or directory" \
		bh checkpoint --image-path "$images" --parent-path none "$id"
	fails "cannot checkpoint container \"$id\": cgroups mode \"hard\" is not *" bh checkpoint --manage-cgroups-mode hard "$id"
	fails "cannot checkpoint container \"$id\": namespace \"pid\" cannot be left empty*" bh checkpoint --empty-ns pid "$id"
	fails "cannot checkpoint container \"$id\": page server \"here\" is not ADDRESS:PORT*" bh checkpoint --page-server here "$id"
	fails "cannot checkpoint container \"$id\": page server \"a:70000\" has no port*" bh checkpoint --page-server a:70000 "$id"
	is_status "$id" running
}

@test "without criu" {
	not_runc "says it in other words"
	running
	mkdir "$work/path"
	fails "cannot checkpoint container \"$id\": exec: \"criu\": executable file not found in \$PATH; it comes with the package criu" \
		env PATH="$work/path" "$BLACKHOLE" --root "$root" checkpoint --image-path "$images" "$id"
	[[ ! -e $images ]]
	is_status "$id" running
	bh delete --force "$id"
	fails "cannot restore container \"$id-b\": exec: \"criu\": *" \
		env PATH="$work/path" "$BLACKHOLE" --root "$root" restore --image-path "$images" -b "$bundle" "$id-b"
	nothing_left "$id-b"
}

@test "a criu that fails leaves the container running, and nothing of a restored one" {
	not_runc "says it in other words"
	running
	mkdir "$work/path"
	printf '#!/bin/sh\nexit 3\n' >"$work/path/criu"
	chmod 755 "$work/path/criu"
	fails "cannot checkpoint container \"$id\": *" env PATH="$work/path:$PATH" "$BLACKHOLE" --root "$root" checkpoint --image-path "$images" "$id"
	is_status "$id" running
	[[ ! -e $images ]]
	mkdir "$images"
	bh delete --force "$id"
	fails "cannot restore container \"$id-b\": *" \
		env PATH="$work/path:$PATH" "$BLACKHOLE" --root "$root" restore --image-path "$images" -b "$bundle" "$id-b"
	nothing_left "$id-b"
}

@test "checkpoint of what does not run, restore of what is not there" {
	not_runc "says it in other words"
	fails "cannot checkpoint container \"$id\": container does not exist" bh checkpoint "$id"
	fails "cannot restore container \"$id\": cannot read its images: open $images: no such file or directory" \
		bh restore --image-path "$images" -b "$bundle" "$id"
	nothing_left "$id"
	[[ ! -e $images ]]
	bh create -b "$bundle" "$id"
	fails "cannot checkpoint container \"$id\": container not running: it is created" bh checkpoint --image-path "$images" "$id"
	[[ ! -e $images ]]
}

# asked_for OPTION…: criu was asked for these and no others of its switches.
asked_for() {
	local got want
	got=$(grep -oE 'CRIU option (TcpEstablished|TcpSkipInFlight|ExtUnixSk|ShellJob|FileLocks|LinkRemap|AutoDedup|LazyPages|LeaveRunning) with value true' "$work/log" | cut -d ' ' -f 3 | sort | tr '\n' ' ')
	want=$(printf '%s\n' "$@" | sort | tr '\n' ' ')
	[[ ${got# } == "${want# }" ]] || {
		echo "asked for: $got, not: $want"
		return 1
	}
}

# logged COMMAND ARGS…: runs it to whatever end, and logs what it asks of criu.
logged() {
	rm -f "$work/log"
	run timeout 60 "$BLACKHOLE" --debug --log "$work/log" --root "$root" "$@" </dev/null
}

@test "each flag of checkpoint and restore is what criu is asked for" {
	not_runc "older ones lack some"
	local flag
	running
	mkdir -p "$work/none" # images without anything in them
	echo '["/dev/null","/dev/null","/dev/null"]' >"$work/none/descriptors.json"
	for flag in tcp-established:TcpEstablished ext-unix-sk:ExtUnixSk shell-job:ShellJob file-locks:FileLocks auto-dedup:AutoDedup \
		link-remap:LinkRemap tcp-skip-in-flight:TcpSkipInFlight; do
		logged checkpoint --leave-running --image-path "$images-$flag" "--${flag%:*}" "$id"
		asked_for LeaveRunning "${flag#*:}"
		is_status "$id" running
		[[ $flag != link-remap:* && $flag != tcp-skip-in-flight:* ]] || continue
		logged restore -b "$bundle" --image-path "$work/none" "--${flag%:*}" "$id-b"
		asked_for "${flag#*:}"
	done
	logged restore -b "$bundle" --image-path "$work/none" --lazy-pages --lsm-profile apparmor:mine --lsm-mount-context theirs \
		--manage-cgroups-mode ignore --empty-ns network "$id-b"
	asked_for LazyPages
	grep -q 'LsmProfile with value apparmor:mine' "$work/log"
	grep -q 'LsmMountContext with value theirs' "$work/log"
	grep -q 'ManageCgroupsMode with value IGNORE' "$work/log"
	logged checkpoint --leave-running --image-path "$images-mode" --manage-cgroups-mode strict --page-server 127.0.0.1:1 "$id"
	grep -q 'ManageCgroupsMode with value STRICT' "$work/log"
	grep -q 'Ps with value .*127.0.0.1' "$work/log"
	# criu is asked first whether it can, which not every kernel lets it.
	logged checkpoint --leave-running --image-path "$images-lazy" --lazy-pages --status-fd 77 "$id"
	[[ $output == *"status-fd argument 77"* || $output == *"feature check failed"* ]]
	is_status "$id" running
	bh delete --force "$id"
	nothing_left "$id-b"
}
