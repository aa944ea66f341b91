#!/usr/bin/env bats
# bats file_tags=beside
# Attacks on what the runtime does with paths: links and renames in the root
# file system and in shared folders, masked paths, /dev, /proc, the console.
# shellcheck shell=bash disable=SC2154,SC2016,SC2015,SC2030,SC2031,SC2034,SC2046,SC2086

load helpers
load attacks

setup() { attack_setup; }
teardown() {
	rm -rf "$work/bundle/rootfs/dev" # links of the attacks' own
	oci_teardown
}

# tries WHAT: a run, with success or one clear line, and the host as it was.
tries() {
	run --separate-stderr timeout 120 "$BLACKHOLE" --root "$root" run -b "$bundle" "$id" </dev/null 3>&-
	((status != 124)) || {
		echo "$1: hangs"
		return 1
	}
	one_line || {
		echo "$1"
		return 1
	}
	is_untouched || {
		echo "$1: the host was changed"
		return 1
	}
	[[ ! -e $root/$id ]]
	tried=$((tried + 1))
}

# relinked DIR: makes every name below it a link to where: absolute, then by ../.
links_to() { printf '%s\n' "$1" "../../../../../../../../../../../..$1"; }

@test "a root file system of links: no mount, folder or device lands on the host (CVE-2019-19921, CVE-2021-30465, CVE-2026-41579)" {
	sentinel
	# A runtime that follows them does harm: the control.
	ln -s "$work/host" "$bundle/rootfs/data"
	mkdir "$bundle/rootfs/data/control"
	run ! is_untouched
	rmdir "$work/host/control"
	rm "$bundle/rootfs/data"
	untouched=$(looks)

	cp -a "$bundle/rootfs" "$work/clean"
	echo mounted >"$work/file"
	mkdir "$work/volume"
	configure '.mounts += [{destination: "/data", source: $volume, type: "bind", options: ["bind"]},
		{destination: "/etc/one", source: $file, type: "bind", options: ["bind"]},
		{destination: "/scratch/deep/er", source: "tmpfs", type: "tmpfs", options: ["size=64k"]},
		{destination: "/copied", source: "tmpfs", type: "tmpfs", options: ["tmpcopyup"]}]
		| .linux.devices = [{path: "/dev/extra", type: "c", major: 1, minor: 3, fileMode: 438}, {path: "/nodes/extra", type: "c", major: 1, minor: 3}]' \
		--arg volume "$work/volume" --arg file "$work/file"
	program attack mounted / "$work/host" "$work/host/folder" "$work/host/file"
	local name to tried=0
	for name in proc sys dev etc data scratch scratch/deep copied etc/one nodes dev/pts dev/shm dev/ptmx dev/console dev/null sys/fs proc/self; do
		for to in $(links_to "$work/host/folder") $(links_to "$work/host/file") $(links_to "$work/host") / /proc/self/root /proc/1/cwd self loop; do
			((RACES > 100)) || [[ $name == dev || $to == "$work/host/folder" ]] || continue # all of them by hand
			rm -rf "$bundle/rootfs"
			cp -a "$work/clean" "$bundle/rootfs"
			mkdir -p "$bundle/rootfs/${name%/*}"
			rm -rf "${bundle:?}/rootfs/$name"
			[[ $to != loop ]] || to=${name##*/}
			ln -s "$to" "$bundle/rootfs/$name"
			tries "$name -> $to"
		done
	done
	echo "tried $tried" >&3
	((tried > 20))
}

@test "links for mount targets below /proc and for /proc itself are refused (CVE-2019-16884, CVE-2023-27561, CVE-2023-28642)" {
	sentinel
	mkdir -p "$work/fake/self/attr" "$work/fake/sys"
	local tried=0 at
	program sh -c 'cat /proc/self/status | grep ^NoNewPrivs; cat /proc/version >/dev/null'
	# /proc is a link to a volume's folder, where a proc that is none stands.
	mkdir -p "$bundle/rootfs/volume/self/attr"
	rmdir "$bundle/rootfs/proc"
	ln -s /volume "$bundle/rootfs/proc"
	tries "/proc -> /volume"
	[[ $status != 0 || $output == *NoNewPrivs* ]]
	rm "$bundle/rootfs/proc"
	mkdir "$bundle/rootfs/proc"
	# A mount that would cover a part of the real one, by its name and by a link.
	ln -s /proc "$bundle/rootfs/link"
	ln -s /proc/self "$bundle/rootfs/self"
	for at in /proc/self/attr /link/self/attr /self/attr /proc/sys /link/sys /proc/sys/kernel/core_pattern /proc/1 /proc/self/fd /link/../proc/thread-self; do
		configure '.mounts |= map(select(.type != "bind")) + [{destination: $at, source: $fake, type: "bind", options: ["bind"]}]' --arg at "$at" --arg fake "$work/fake"
		tries "$at"
		[[ $status != 0 ]] || {
			echo "a mount on $at was made"
			return 1
		}
	done
	((tried == 10))
	# The controls: the same mount is made and seen where it may be, through a link
	# too, and on a file of proc's that tools like lxcfs stand in for.
	ln -s /volume "$bundle/rootfs/other"
	echo covered >"$work/file"
	for at in /volume/self/attr /other/self/attr /proc/cpuinfo; do
		configure '.mounts |= map(select(.type != "bind")) + [{destination: $at, source: $from, type: "bind", options: ["bind"]}] | .process.args = ["attack", "mounted", "at=" + $seen]' \
			--arg at "$at" --arg seen "${at/other/volume}" --arg from "$([[ $at == /proc/* ]] && echo "$work/file" || echo "$work/fake")"
		tries "$at"
		[[ $status == 0 && $output == *" ${at/other/volume} "* ]]
	done
}

@test "sysctls and labels are not written to a proc of the image's (CVE-2025-52881)" {
	sentinel
	local tried=0
	mkdir -p "$work/fake/sys/net/ipv4" "$work/fake/sys/kernel"
	ln -s "$work/host/file" "$work/fake/sys/net/ipv4/ip_unprivileged_port_start"
	configure '.linux.sysctl = {"net.ipv4.ip_unprivileged_port_start": "77"}'
	program cat /proc/sys/net/ipv4/ip_unprivileged_port_start
	run -0 bh run -b "$bundle" "$id" </dev/null
	[[ $output == 77 ]] # the control: it is written where there is a proc
	# Without a mount of proc, the image's own tree stands there.
	configure '.mounts |= map(select(.type != "proc")) | .linux.maskedPaths = [] | .linux.readonlyPaths = []'
	rm -rf "$bundle/rootfs/proc"
	cp -a "$work/fake" "$bundle/rootfs/proc"
	tries "a proc of the image's"
	[[ $(cat "$work/host/file") == secret ]]
	[[ $(readlink "$bundle/rootfs/proc/sys/net/ipv4/ip_unprivileged_port_start") == "$work/host/file" ]]
	# A tmpfs and a bind in its place.
	configure '.mounts = [{destination: "/proc", source: $fake, type: "bind", options: ["bind"]}] + .mounts' --arg fake "$work/fake"
	tries "a bind for proc"
	[[ $(cat "$work/host/file") == secret ]]
	configure '.mounts[0] = {destination: "/proc", source: "tmpfs", type: "tmpfs"}'
	tries "a tmpfs for proc"
}

@test "a /dev of the image's: its null, console and pts as links mask nothing else and open nothing (CVE-2025-31133, CVE-2025-52565)" {
	sentinel
	local to name tried=0
	configure '.mounts |= map(select(.destination | startswith("/dev") | not))'
	program attack masks /proc/kcore /proc/keys /proc/timer_list /sys/firmware
	tries "as it should be"
	[[ $status == 0 && -z $output ]]
	configure '.linux.maskedPaths = []'
	rm -rf "$bundle/rootfs/dev"
	tries "unmasked" # the control: what is not masked is told
	[[ $output == *"not masked: /proc/k"* ]]
	configure '.linux.maskedPaths = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"]'
	for name in null console ptmx pts fd stdin; do
		for to in /proc/sysrq-trigger /proc/sys/kernel/core_pattern "$work/host/file" "../../../../../../../../$work/host/file" /proc/kcore /dev/zero; do
			rm -rf "$bundle/rootfs/dev"
			mkdir "$bundle/rootfs/dev"
			ln -s "$to" "$bundle/rootfs/dev/$name"
			tries "/dev/$name -> $to"
			[[ $output != *"not masked"* ]] || {
				echo "/dev/$name -> $to: $output"
				return 1
			}
		done
	done
	configure '.process.terminal = true'
	for to in /proc/sys/kernel/core_pattern "$work/host/file"; do
		rm -rf "$bundle/rootfs/dev"
		mkdir "$bundle/rootfs/dev"
		ln -s "$to" "$bundle/rootfs/dev/console"
		run timeout 20 script -qec "$BLACKHOLE --root $root run -b $bundle $id" /dev/null </dev/null
		[[ $output != *"not masked"* ]]
		is_untouched
		[[ $(cat "$work/host/file") == secret ]]
	done
}
