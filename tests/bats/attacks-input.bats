#!/usr/bin/env bats
# bats file_tags=beside
# Attacks by what is read: config.json, process files, lists of users, arguments
# and environments. Each is refused by one line, soon, and leaves nothing; or it
# is run as it says.
# shellcheck shell=bash disable=SC2154,SC2016,SC2015,SC2030,SC2031,SC2034,SC2046,SC2086

load helpers
load attacks

setup() {
	by_hand
	attack_setup
}
teardown() { [[ -z ${work-} ]] || oci_teardown; }

# refused_soon PATTERN: the bundle is not run, in good time, for that reason.
refused_soon() {
	run --separate-stderr timeout 60 "$BLACKHOLE" --root "$root" run -b "$bundle" "$id" </dev/null 3>&-
	((status >= 1 && status <= 123 || status == 255)) || { # 255: by the container's first process
		echo "exit code $status: ${stderr:0:400}"
		return 1
	}
	one_line
	# shellcheck disable=SC2053
	[[ $stderr == $1 ]] || {
		echo "${stderr:0:600}"
		return 1
	}
	nothing_left "$id"
}

# borne: it may run or not; no crash, no hang, one line at most, nothing left.
borne() {
	run --separate-stderr timeout 60 "$BLACKHOLE" --root "$root" run -b "$bundle" "$id" </dev/null 3>&-
	((status <= 123)) || {
		echo "exit code $status of: $1"
		return 1
	}
	[[ $stderr != *goroutine* ]]
	one_line || {
		echo "$1"
		return 1
	}
	nothing_left "$id"
}

# json PYTHON: config.json is what it prints, given the good one as c.
json() { python3 -c "import json, sys; c = json.load(open('$bundle/good')); $1" >"$bundle/config.json"; }

@test "config.json as a FIFO, a folder, a device, a link to one, and of 1 GiB" {
	cp "$bundle/config.json" "$bundle/good"
	rm "$bundle/config.json"
	mkfifo "$bundle/config.json"
	refused_soon "cannot *config.json*not a file*"
	rm "$bundle/config.json"
	mkdir "$bundle/config.json"
	refused_soon "cannot *config.json*"
	rmdir "$bundle/config.json"
	ln -s /dev/zero "$bundle/config.json"
	refused_soon "cannot *config.json*not a file*"
	ln -sfn config.json "$bundle/config.json"
	refused_soon "cannot *config.json*"
	rm "$bundle/config.json"
	truncate -s 1G "$bundle/config.json"
	refused_soon "cannot *config.json*more than *bytes*"
	mkfifo "$work/process.json"
	cp "$bundle/good" "$work/c" && mv "$work/c" "$bundle/config.json"
	program sleep 1000
	bh run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	run timeout 20 "$BLACKHOLE" --root "$root" exec --process "$work/process.json" "$id" 3>&-
	[[ $status == 255 && $output == *"not a file"* ]]
}

@test "config.json with nesting, huge strings, zeros, wrong UTF-8, duplicate keys and enormous numbers" {
	program true
	cp "$bundle/config.json" "$bundle/good"
	json 'print("[" * 1000000)'
	refused_soon "cannot *config.json*not JSON*"
	json 'print(json.dumps(c)[:-1] + ", \"x\": " + "{\"a\":" * 1000000 + "1" + "}" * 1000000 + "}")'
	refused_soon "cannot *config.json*not JSON*depth*"
	json 'print(json.dumps(c)[:-1] + ", \"x\": " + "1" * 1000000 + "}")'
	borne "an unknown key with an enormous number"
	json 'c["process"]["args"] = ["/bin/" + "x" * 5000000]; print(json.dumps(c))'
	refused_soon "cannot *more than any path*"
	json 'c["process"]["args"] = ["true", "a\0b"]; print(json.dumps(c))'
	refused_soon "*invalid argument"
	json 'c["process"]["env"] += ["A=b\0c"]; print(json.dumps(c))'
	borne "an environment with a zero"
	json 'c["mounts"].append({"destination": "/a\0b", "type": "tmpfs", "source": "tmpfs"}); print(json.dumps(c))'
	borne "a mount with a zero"
	((status != 0))
	json 'c["root"]["path"] = "root\0fs"; print(json.dumps(c))'
	refused_soon "cannot *"
	json 'c["hostname"] = "h" * 100000; print(json.dumps(c))'
	refused_soon "cannot *"
	json 'sys.stdout.flush(); sys.stdout.buffer.write(json.dumps(c).encode()[:-1] + b", \"annotations\": {\"a\": \"\xff\xfe\"}}")'
	borne "wrong UTF-8"
	json 'print(json.dumps(c)[:-1] + ", \"root\": {\"path\": \"/\", \"readonly\": true}, \"root\": {\"path\": \"rootfs\"}}")'
	borne "a key twice"
	local number
	for number in 99999999999999999999 1e400 -1 4294967296 0.5; do
		json "c['process']['user']['uid'] = 'N'; print(json.dumps(c).replace('\"N\"', '$number'))"
		refused_soon "cannot *config.json*"
	done
	json 'c["linux"]["resources"]["memory"] = {"limit": -9223372036854775808}; c["process"]["oomScoreAdj"] = 2147483647; print(json.dumps(c))'
	borne "numbers at their ends"
	json 'c["linux"]["resources"]["pids"] = {"limit": 9223372036854775807}; c["linux"]["resources"]["cpu"] = {"quota": 9223372036854775807, "period": 18446744073709551615}; print(json.dumps(c))'
	borne "limits at their ends"
}

@test "config.json with thousands of mounts, devices, hooks, groups, rlimits and namespaces" {
	program true
	cp "$bundle/config.json" "$bundle/good"
	# A million do not fit into what is read; those that fit do not run for ever.
	json 'c["mounts"] += [{"destination": "/m%d" % i, "type": "tmpfs", "source": "tmpfs"} for i in range(1000000)]; print(json.dumps(c))'
	refused_soon "cannot *more than *bytes*"
	local mounts=$((RACES > 100 ? 3000 : 300))
	json "c['mounts'] += [{'destination': '/m', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['size=4k']} for i in range($mounts)]; print(json.dumps(c))"
	run --separate-stderr timeout 500 "$BLACKHOLE" --root "$root" run -b "$bundle" "$id" </dev/null 3>&-
	((status <= 123))
	one_line
	nothing_left "$id"
	json 'c["process"]["user"]["additionalGids"] = list(range(1, 70000)); print(json.dumps(c))'
	borne "more groups than the kernel takes"
	((status != 0))
	# More than the 16 bits of a message's length hold (CVE-2021-43784).
	json 'c["linux"]["namespaces"] += [{"type": "user"}]; c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": i, "hostID": 100000 + 2 * i, "size": 1} for i in range(6000)]; print(json.dumps(c))'
	refused_soon "*larger than UINT16_MAX*"
	json 'c["linux"]["namespaces"] += [{"type": "pid"}] * 1000; print(json.dumps(c))'
	borne "a namespace a thousand times"
	json 'c["linux"]["devices"] = [{"path": "/dev/d%d" % i, "type": "c", "major": 1, "minor": 3} for i in range(2000)]; print(json.dumps(c))'
	borne "devices"
	json 'c["linux"]["sysctl"] = {"net.ipv4.x%d" % i: "1" for i in range(10000)}; print(json.dumps(c))'
	borne "sysctls"
	((status != 0))
	json 'c["linux"]["sysctl"] = {"net/../kernel/core_pattern": "|/evil"}; print(json.dumps(c))'
	refused_soon "cannot *"
	[[ $(cat /proc/sys/kernel/core_pattern) != "|/evil" ]]
	json 'c["linux"]["cgroupsPath"] = "/../../../../escape"; print(json.dumps(c))'
	borne "a cgroup above all"
	[[ -z $(find /sys/fs/cgroup -maxdepth 2 -name 'escape*' 2>/dev/null) ]]
	json 'c["linux"]["maskedPaths"] = ["/proc/../../etc"] * 100 + ["relative/../../.."]; print(json.dumps(c))'
	borne "masked paths"
}

@test "arguments and an environment that do not fit: one line" {
	program true
	cp "$bundle/config.json" "$bundle/good"
	json 'c["process"]["args"] = ["true"] + ["x" * 100000] * 60; print(json.dumps(c))'
	refused_soon "*argument list too long*"
	json 'c["process"]["env"] += ["A=" + "x" * 200000]; print(json.dumps(c))'
	refused_soon "*argument list too long*"
	json 'c["process"]["env"] += ["A%d=%s" % (i, "x" * 100000) for i in range(60)]; print(json.dumps(c))'
	refused_soon "*argument list too long*"
	json 'c["process"]["args"] = ["sh", "-c", "echo $#", "sh"] + ["x"] * 100000; print(json.dumps(c))'
	borne "many small ones"
	[[ $output == 100000 ]]
}

@test "the container's list of users is hostile: HOME falls back, and nothing is waited for" {
	program sh -c 'echo $HOME'
	local etc=$bundle/rootfs/etc
	configure 'del(.process.env[] | select(startswith("HOME")))'
	printf 'root:x:0:0::/root:/\n' >"$etc/passwd"
	run -0 bh run -b "$bundle" "$id" </dev/null
	[[ $output == /root ]] # the control: it is read
	local how
	for how in 'head -c 3000000 /dev/zero' "python3 -c \"print('x' * 3000000)\"" "printf 'root:x:-1:4294967296:::\n'" \
		"python3 -c \"print('a:x:1:1::/:/\\n' * 200000)\"" "printf ':::::::\n'"; do
		eval "$how" >"$etc/passwd"
		borne "$how"
		[[ $status == 0 && $output == / ]]
	done
	for how in /dev/zero /proc/kmsg /proc/self/fd/0 ../../../../../etc/passwd passwd /; do
		rm -f "$etc/passwd"
		ln -s "$how" "$etc/passwd"
		borne "$how"
	done
	truncate -s 4T "$work/hole" 2>/dev/null || truncate -s 1T "$work/hole"
	rm "$etc/passwd" && mv "$work/hole" "$etc/passwd"
	borne "a hole"
	# Nor is a FIFO waited for, by run or by exec, whose list the container's
	# programs can change.
	rm "$etc/passwd"
	mkfifo "$etc/passwd"
	borne "a FIFO"
	[[ $status == 0 && $output == / ]]
	program sleep 1000
	bh run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	for how in "a FIFO" /proc/kmsg ../proc/kmsg /proc/self/fd/0 /dev/zero; do
		[[ $how == "a FIFO" ]] || ln -sfn "$how" "$etc/passwd"
		run -0 timeout -s KILL 20 "$BLACKHOLE" --root "$root" exec "$id" sh -c 'echo $HOME' </dev/null 3>&-
		[[ $output == / ]]
	done
	rm "$etc/passwd"
	printf 'root:x:0:0::/root:/\nb:x:7:7::/b:/\n' >"$bundle/rootfs/users"
	ln -s /users "$etc/passwd" # of the container's root
	run -0 bh exec "$id" sh -c 'echo $HOME'
	[[ $output == /root ]]
	run -0 bh exec --user 7:7 "$id" sh -c 'echo $HOME'
	[[ $output == /b ]]
	run -0 bh exec --env HOME=/given "$id" sh -c 'echo $HOME'
	[[ $output == /given ]]
	bh delete --force "$id"
	rm "$etc/passwd"
}
