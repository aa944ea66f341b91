#!/usr/bin/env bats
# bats file_tags=beside
# Attacks on a creation by somebody who renames meanwhile: in a volume that two
# containers share, in the root file system, in /dev. RACES is how often.
# shellcheck shell=bash disable=SC2154,SC2016,SC2015,SC2030,SC2031,SC2034,SC2046,SC2086

load helpers
load attacks

setup() {
	attack_setup
	sentinel
	mkdir "$work/secret"
	echo secret >"$work/secret/file"
	link="../../../../../../../../../../..$work/host/folder"
	landed=$bundle/rootfs$work/host/folder # where that link leads, inside
	pattern=$(cat /proc/sys/kernel/core_pattern)
}
teardown() {
	bh delete --force "$id-b" 2>/dev/null || true
	if mountpoint -q "$work/v"; then umount "$work/v"; fi
	oci_teardown
}

# volume: a file system of its own, for renames hold up all others on theirs.
volume() {
	mkdir "$work/v"
	mount -t tmpfs -o size=1m,mode=755 tmpfs "$work/v"
}

# share ON: in both containers.
share() {
	configure '.mounts += [{destination: $on, source: $v, type: "bind", options: ["bind"]}]' --arg v "$work/v" --arg on "$1"
}

# looks_for BAD…: the container's program tells the mounts that are wrong, and
# any way to a file or folder of the sentinel's.
looks_for() {
	in_sh "attack mounted $* / $work/host $work/host/folder $work/host/file; attack sees $(find "$work/host" -printf '%D:%i ')"
}

# mounts: the host's that could be of these tests, by where the links lead.
mounts() { grep -E "$work| (/self|/x|/y|/etc/one|/proc/self|/proc/1)[ /]" /proc/self/mountinfo || true; }

# raced: creates the container beside the attacker, RACES times. None may hang,
# say more than a line, see or change what is the host's, or mount anything there.
# $ran counts those that ran, $followed those for which the link stood there when
# the path was resolved, and led to somewhere inside.
raced() {
	local round mounts # bats' run changes a caller's variable i
	ran=0 followed=0
	mounts=$(mounts)
	for ((round = 0; round < RACES; round++)); do
		run --separate-stderr timeout -s KILL 60 "$BLACKHOLE" --root "$root" run -b "$bundle" "$id" </dev/null 3>&-
		((status != 137))
		stderr=$(grep -v '^warning: ' <<<"$stderr") || true
		mapfile -t stderr_lines <<<"$stderr"
		one_line
		[[ -z $output ]] || {
			echo "$output"
			return 1
		}
		is_untouched
		[[ ! -e $root/$id ]]
		[[ $(mounts) == "$mounts" ]]
		((status != 0)) || ran=$((ran + 1))
		if [[ -d $landed ]]; then
			followed=$((followed + 1))
			rm -rf "${bundle:?}/rootfs/${work#/}"
		fi
	done
	echo "raced $RACES times: $ran ran, the others ended with a line; $followed followed the link, inside" >&3
}

# hit: the attacker was there at the right moment: or the race proves nothing.
hit() { ((RACES < 100 || followed > 0 && ran < RACES)); }

@test "a folder of a shared volume that is exchanged with a link while mounts are made below it (CVE-2021-30465)" {
	volume
	mkdir "$work/v/a"
	ln -s "$link" "$work/v/b"
	share /v
	beside attack exchange /v/a /v/b
	# A runtime that looks first and acts then is beaten, here and now.
	run -0 "$attack" naive "$work/v" "$work/host/folder/x" 30
	[[ $output == "made $work/host/folder/x" ]]
	rmdir "$work/host/folder/x"
	untouched=$(looks)
	configure '.mounts += [{destination: "/v/a/x", source: "tmpfs", type: "tmpfs", options: ["size=64k"]},
		{destination: "/v/a/y/z", source: $secret, type: "bind", options: ["bind"]}]' --arg secret "$work/secret"
	# Nor may the mount land on something else inside.
	looks_for at=/proc/self at=/proc/x at=/proc/y at=/x at=/y
	raced
	hit
	# The attacker did not get at what was mounted for the other.
	run -0 bh exec "$id-b" attack sees $(find "$work/secret" "$work/host" -printf '%D:%i ')
	[[ -z $output ]]
}

@test "what the container's program would tell, were it true" {
	configure '.mounts += [{destination: "/v", source: $host, type: "bind", options: ["bind"]}]' --arg host "$work/host"
	looks_for at=/v
	run -0 bh run -b "$bundle" "$id" </dev/null
	[[ $output == *" /v "* && $output == *"sees /v"* && $output == *"sees /v/folder"* && $output == *"sees /v/file"* ]]
}

@test "the same with a link to /, to /proc and to the root of the container's mount" {
	local to
	volume
	share /v
	configure '.mounts += [{destination: "/v/a/self", source: $secret, type: "bind", options: ["bind"]}]' --arg secret "$work/secret"
	looks_for at=/proc/self at=/proc/1
	for to in / /proc /proc/self/root; do
		rm -rf "$work/v/a" "$work/v/b"
		mkdir "$work/v/a"
		ln -s "$to" "$work/v/b"
		[[ -d $work/beside ]] || jq '.mounts |= map(select(.destination != "/v/a/self"))' "$bundle/config.json" >"$work/plain.json"
		cp -a --no-clobber "$bundle/." "$work/beside"
		cp "$work/plain.json" "$work/beside/config.json"
		beside attack exchange /v/a /v/b
		RACES=$((RACES / 3)) raced
		bh delete --force "$id-b"
	done
}

@test "a shared /dev whose null and console are exchanged with links while paths are masked (CVE-2025-31133, CVE-2025-52565)" {
	local masks="/proc/kcore /proc/keys /proc/timer_list /sys/firmware"
	configure '.mounts |= map(select(.destination | startswith("/dev") | not))'
	volume
	share /dev
	mknod -m 666 "$work/v/null" c 1 3
	cp -a "$bundle" "$work/beside"
	jq '.mounts[-1].destination = "/v"' "$bundle/config.json" >"$work/beside/config.json"
	program attack masks $masks
	configure '.linux.maskedPaths = $paths' --argjson paths "$(json_list $masks)"
	run -0 bh run -b "$bundle" "$id" </dev/null
	[[ -z $output ]]
	ln -s /proc/sys/kernel/core_pattern "$work/v/evil"
	beside attack exchange /v/null /v/evil
	raced
	bh delete --force "$id-b" # whose exchanges a search may miss one of
	[[ $(find "$work/v" -lname /proc/sys/kernel/core_pattern | wc -l) == 1 ]]
}

# of_the_root: the bundle's root file system is in the container beside.
of_the_root() {
	mkdir "$work/v"
	cp -a "$bundle" "$work/beside"
	jq '.mounts += [{destination: "/v", source: $root, type: "bind", options: ["bind"]}]' --arg root "$bundle/rootfs" "$bundle/config.json" >"$work/beside/config.json"
}

# put_back NAME: after exchanges of it with evil.
put_back() {
	[[ ! -L $bundle/rootfs/$1 ]] || {
		mv "$bundle/rootfs/evil" "$work/real"
		rm "$bundle/rootfs/$1"
		mv "$work/real" "$bundle/rootfs/$1"
	}
	rm -rf "$bundle/rootfs/evil"
}

@test "folders of the root file system that are exchanged with links while it is mounted" {
	local name
	of_the_root
	configure '.mounts += [{destination: "/etc/one/two", source: $secret, type: "bind", options: ["bind"]}] | .linux.sysctl = {"net.ipv4.ip_unprivileged_port_start": "77"}' --arg secret "$work/secret"
	looks_for at=/evil/self
	for name in etc dev proc sys tmp; do
		ln -s "$link" "$bundle/rootfs/evil"
		beside attack exchange "/v/$name" /v/evil
		RACES=$((RACES / 3)) raced
		bh delete --force "$id-b"
		put_back "$name"
	done
}

@test "proc and sys that are exchanged with other folders are masked, or there is no container" {
	local name round ran=0 masks="/proc/kcore /proc/keys /proc/timer_list /sys/firmware"
	of_the_root
	configure '.linux.maskedPaths = $paths | .linux.readonlyPaths = ["/proc/sys", "/proc/sysrq-trigger"]' --argjson paths "$(json_list $masks)"
	in_sh "attack masks $masks /evil/kcore /evil/keys /evil/timer_list /evil/firmware; for f in /proc/sysrq-trigger /evil/sysrq-trigger; do [ ! -e \$f ] || attack writefile \$f; done"
	for name in proc sys; do
		mkdir "$bundle/rootfs/evil"
		beside attack exchange "/v/$name" /v/evil
		for ((round = 0; round < RACES; round++)); do
			run --separate-stderr timeout -s KILL 60 "$BLACKHOLE" --root "$root" run -b "$bundle" "$id" </dev/null 3>&-
			((status != 137))
			if grep -qx 'ok\|not masked.*' <<<"$output"; then
				echo "$name: $output"
				return 1
			fi
			[[ ! -e $root/$id ]]
			((status != 0)) || ran=$((ran + 1))
		done
		bh delete --force "$id-b"
		rm -rf "$bundle/rootfs/evil" && mkdir -p "$bundle/rootfs/$name"
	done
	echo "raced $((2 * RACES)) times, $ran ran" >&3
}

@test "programs that exchange the binary, the working directory, the users and the terminal while exec looks for them" {
	local round to wanted other=0 ran=0 refused=0 options
	exec 7<"$work/host" 8</ # what the caller has open
	wanted=$(find "$work/host" -printf '%D:%i ')
	printf '#!/bin/sh\necho other\n' >"$bundle/rootfs/bin/other"
	chmod +x "$bundle/rootfs/bin/other"
	echo root:x:0:0::/:/ >"$bundle/rootfs/etc/passwd"
	ln -s "../../../../../../../../$work/host/file" "$bundle/rootfs/etc/users"
	ln -s /proc/self/exe "$bundle/rootfs/bin/self"
	ln -s /proc/1/fd/5 "$bundle/rootfs/bin/fd"
	configure 'del(.process.env[] | select(startswith("HOME")))'
	for to in /proc/self/fd/7 /proc/self/fd/8 /proc/self/cwd/../.. /proc/thread-self/root/..; do
		rm -rf "$bundle"/rootfs/{l,w,bin/x,bin/y} # nothing is written through what was exchanged
		ln -s "$to" "$bundle/rootfs/l"
		mkdir "$bundle/rootfs/w"
		cp "$attack" "$bundle/rootfs/bin/x"
		case $to in
		*7) cp -a "$bundle/rootfs/bin/other" "$bundle/rootfs/bin/y" ;;
		*8) cp -a "$bundle/rootfs/bin/self" "$bundle/rootfs/bin/y" ;;
		*) cp -a "$bundle/rootfs/bin/fd" "$bundle/rootfs/bin/y" ;;
		esac
		in_sh 'ln -s /proc/sys/kernel/core_pattern /dev/evil; attack exchange /bin/x /bin/y & attack exchange /w /l & attack exchange /etc/passwd /etc/users & exec attack exchange /dev/ptmx /dev/evil'
		bh run -d -b "$bundle" "$id" </dev/null >"$work/out" 2>&1
		for ((round = 0; round < (RACES + 2) / 3; round++)); do
			options=()
			((round % 3 != 1)) || options=(--user 1000:1000)
			run --separate-stderr timeout -s KILL 60 "$BLACKHOLE" --root "$root" exec --cwd /w "${options[@]}" "$id" /bin/x strayed $wanted </dev/null 3>&-
			((status != 137))
			case $output in
			looked) ran=$((ran + 1)) ;;
			other) other=$((other + 1)) ;;
			*)
				# The runtime's own binary, run once more, knows no command x.
				((status != 0)) && [[ -z $output || $to != *7 && $output != looked* ]] || {
					echo "$to: $output"
					return 1
				}
				refused=$((refused + 1))
				;;
			esac
			[[ $to == *8 || $stderr == /bin/x:* ]] || one_line # or it is the shell's that was given a binary, or the runtime's usage
			if ((round % 3 == 2)); then
				run timeout -s KILL 60 script -qec "$BLACKHOLE --root $root exec -t $id /bin/attack strayed $wanted" /dev/null </dev/null 3>&- 7<&- 8<&-
				[[ $output != *sees* && $output != *outside* ]]
			fi
			is_untouched
			is_status "$id" running
		done
		bh delete --force "$id"
	done
	exec 7<&- 8<&-
	[[ $(cat /proc/sys/kernel/core_pattern) == "$pattern" ]]
	echo "raced: $ran ran, $other ran the other program, $refused were refused" >&3
	((RACES < 100 || ran > 0 && other > 0 && refused > 0))
}
