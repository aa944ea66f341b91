#!/usr/bin/env bats
# bats file_tags=beside
# Attacks from the side: on the operator's terminal, by local users without
# privilege, and by what a service leaves in its folders for the next start.
# shellcheck shell=bash disable=SC2154,SC2016,SC2015,SC2030,SC2031,SC2034,SC2046,SC2086

load helpers
load supervisor
load attacks

setup() {
	by_hand
	attack_setup
}
teardown() { [[ -z ${work-} ]] || oci_teardown; }

hostile=$'\e]0;title\a\e[2J\e[31m\xc2\x9b1mred\x7f'

# clean: what the last command said has no control character but line ends.
clean() {
	run ! grep -qP '[^\P{Cc}\n]' <<<"$output$stderr"
}

@test "what a bundle says does not steer the terminal that errors and lists are read on" {
	local dir=$work/$hostile
	run -0 printf '%s' "$hostile"
	run ! clean # the control: it is found
	cp -a "$bundle" "$dir"
	bh run -d -b "$dir" "$id" </dev/null >/dev/null 2>&1
	local command
	for command in "list" "ps $id" "status" "top --batch --iterations 1 --delay 100ms" "gc --dry-run"; do # JSON is for programs
		# shellcheck disable=SC2086
		run --separate-stderr timeout 60 "$BLACKHOLE" --root "$root" $command 3>&-
		echo "$command"
		clean
	done
	run -0 bh list
	[[ $output == *"$work/"* && $output == *title* ]] # shown, though not obeyed
	bh delete --force "$id"
	configure '.annotations = {"a": $h} | .hostname = $h | .process.args = [$h]' --arg h "$hostile"
	run --separate-stderr bh run -b "$bundle" "$id" </dev/null
	[[ $status != 0 && $stderr == *title* ]]
	clean
	configure '.process.args = ["true"] | .process.cwd = "/" + $h' --arg h "$hostile"
	run --separate-stderr bh run -b "$bundle" "$id" </dev/null
	clean
	configure '.process.cwd = "/" | .mounts += [{destination: ("/" + $h), source: ("/nonexistent/" + $h), type: "bind", options: ["bind", $h]}]' --arg h "$hostile"
	run --separate-stderr bh run -b "$bundle" "$id" </dev/null
	clean
	configure '.mounts |= map(select(.type != "bind")) | .hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "printf %s \"$0\" >&2; exit 1", $h]}]}' --arg h "$hostile"
	run --separate-stderr bh run -b "$bundle" "$id" </dev/null
	[[ $stderr == *title* ]]
	clean
	for command in state start kill delete exec create; do
		run --separate-stderr bh "$command" "$hostile" true
		clean
	done
	run --separate-stderr bh --log-format json --log "$work/log" run -b "$bundle" "$id" </dev/null
	clean
	run ! grep -qP '[\x00-\x09\x0b-\x1f]' "$work/log" # JSON
	jq -es . "$work/log" >/dev/null
}

# nobody COMMAND…: as a user without anything.
nobody() { setpriv --reuid 54320 --regid 54320 --clear-groups --no-new-privs timeout 20 "$@" </dev/null 3>&-; }

# open_to NOBODY-FOLDER: what a user without privilege can read or write below.
open_to() { nobody find "$1" \( -type f -o -type s -o -type p \) \( -readable -o -writable \) -print 2>/dev/null || true; }

@test "a local user gets at no state, socket, secret or log, whatever the umask of who started it" {
	local mask base=$work
	chmod 711 "$work"
	cp "$BLACKHOLE" "$BLACKHOLE-services" "$work"
	config=$work/blackhole.yaml
	for mask in 000 077 022; do
		pre=m$$x$mask
		root=$base/root$mask logdir=$base/root$mask/@supervisor/log
		write_config <<-'Y'
			resource_isolation: {defaults: {network: {mode: none}}}
			services:
			  @a:
			    executable: /bin/sh
			    args: [-c, "echo begun; exec sleep 1000"]
			    environment: {SECRET: hidden}
			    stop: {timeout: 0s}
		Y
		(
			umask "$mask"
			up
			bh create -b "$bundle" "$id" --pid-file "$work/pid$mask" </dev/null >/dev/null 2>&1
		)
		wait_for 40 is_state a running
		[[ -z $(open_to "$root") ]] || {
			open_to "$root"
			return 1
		}
		# Nor through what it hangs on.
		[[ $(stat -c %a "$root") == 7[01]0 ]]
		run -0 nobody "$attack" connect "$root/@supervisor/control.sock"
		[[ -z $output ]]
		run -0 "$attack" connect "$root/@supervisor/control.sock" # the control
		[[ $output == connected* ]]
		for command in list status "state ${pre}a" "logs ${pre}a" down "delete --force ${pre}a" "kill ${pre}a KILL" "exec ${pre}a true" gc; do
			# shellcheck disable=SC2086
			run nobody "$work/blackhole" --root "$root" $command
			[[ $command == gc || $status != 0 || -z $output ]]
			[[ $output != *hidden* && $output != *begun* ]]
		done
		is_state a running
		# Behind the folder, whose name is no secret, the files are shut as well:
		# those that hold secrets, whoever opens it up.
		[[ $(stat -c %a "$root/@supervisor/bundles/${pre}a/config.json") == 600 ]]
		[[ $(stat -c %a "$root/@$id.json") == 600 ]]
		[[ $((0$(stat -c %a "$root/$id/state.json") & 022)) == 0 ]]
		bhs down
		bh delete --force "$id"
		rm -rf "$root"
	done
	root=$base/state
}

@test "pid files and logs are not written through a link of somebody else's" {
	sentinel
	mkdir -m 1777 "$work/tmp"
	chmod 711 "$work"
	nobody ln -s "$work/host/file" "$work/tmp/pid"
	bh create --pid-file "$work/tmp/pid" -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	[[ ! -L $work/tmp/pid && $(cat "$work/tmp/pid") -gt 1 ]]
	bh delete --force "$id"
	is_untouched
	# --log follows what is there, as everything that appends does; in a folder
	# like /tmp the kernel does not (proc(5), protected_symlinks).
	nobody ln -s "$work/host/file" "$work/tmp/log"
	if [[ $(cat /proc/sys/fs/protected_symlinks) == 1 ]]; then
		run -1 bh --log "$work/tmp/log" state nothing
		is_untouched
	fi
}

@test "a folder of a service's that is a link by the next start is not followed, nor is its log" {
	local data=$work/data
	sentinel
	chmod 711 "$work"
	mkdir -m 755 "$data"
	chown 54320:54320 "$data"
	config=$work/blackhole.yaml pre=l$$x
	write_config <<-Y
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a:
		    executable: /bin/sh
		    args: [-c, "cd $data/sub && rmdir $data/sub/../sub 2>/dev/null; ls $data/sub; exec sleep 1000"]
		    security: {user: "54320", group: "54320"}
		    filesystem: {writable: [$data, $data/sub]}
		    restart: {policy: "no"}
		    stop: {timeout: 0s}
	Y
	logdir=$root/@supervisor/log
	up
	[[ $(stat -c %u "$data/sub") == 54320 ]] # made on demand, and the service's
	bhs down
	rmdir "$data/sub"
	nobody ln -s "$work/host" "$data/sub"
	run up
	[[ $status != 0 ]]
	[[ $(service a .reason) == *"$data/sub, a link to $work/host that user 54320 may have put there"* ]]
	is_untouched
	bhs down
	nobody ln -sfn "$work/host/new" "$data/sub"
	run up
	[[ $status != 0 && ! -e $work/host/new ]]
	bhs down
	is_untouched
	rm "$data/sub"
	rm "$logdir/${pre}a.log"
	ln -s "$work/host/file" "$logdir/${pre}a.log"
	run up
	[[ $status != 0 && $(service a .reason) == *"it is a link"* ]]
	bhs down
	is_untouched
	rm -rf "$root"
}

@test "a service that gives its log a hole without end stops neither its rotation nor the others" {
	config=$work/blackhole.yaml pre=h$$x logdir=$root/@supervisor/log
	cp "$attack" "$work/attack"
	write_config <<-Y
		resource_isolation: {defaults: {network: {mode: none}}}
		services:
		  @a:
		    executable: $work/attack
		    args: [stdout, begun, "0x3fffffff000", after, "0", again, "0x3fffffff000"]
		    restart: {policy: "no"}
		    logs: {max_size: 1M, max_files: 2}
		  @b: {executable: /bin/sh, args: [-c, "echo b; exec sleep 1000"], stop: {timeout: 0s}}
	Y
	run up
	wait_for 60 is_state a stopped
	[[ $(service b .state) == running ]]
	bhs restart "${pre}b"
	[[ $(du -k "$logdir/${pre}a.log" | cut -f 1) -lt 4096 ]]
	bhs down
	rm -rf "$root"
}
