#!/usr/bin/env bats
# What a service is and may do as processes: numbers, descriptors, rlimits, user,
# capabilities.
# shellcheck disable=SC2154

load common

# security SECURITY [WORDS…]: a service that runs load with the words.
security() {
	local security=$1 args
	shift
	args=$(printf '%s\n' "$@" | jq -Rcn '[inputs]')
	config <<-YAML
		services:
		  $name:
		    executable: $load
		    args: $args
		    security: $security
		    network: {mode: none}
	YAML
}

@test "pids.limit: fork fails with EAGAIN" {
	service '{pids: {limit: 20}}' fork 50
	runs
	has "fork 19 EAGAIN" # itself is the 20th
	measured "pids.limit 20: processes beside the first" "$(said fork)" 19
	service '{pids: {limit: 60}}' fork 50
	runs
	has "fork 50 -"
}

@test "fds.soft is where open fails, fds.hard how far a process may raise it" {
	service '{fds: {soft: 100, hard: 200}}' open 500 nofile 200 200 open 500 nofile 201 201
	runs
	grep '^open' "$out" | diff - <(printf '%s\n' "open 97 EMFILE" "open 197 EMFILE") # 0, 1 and 2 are open
	measured "fds.soft 100: descriptors opened beside 3" "$(said open)" 97
	has "nofile ok"
	# Raising the hard one takes CAP_SYS_RESOURCE, which no service has by default.
	[[ $(grep '^nofile' "$out" | tail -n 1) == "nofile EPERM" ]]
	service '{fds: {soft: 64}}' limits
	runs
	[[ $(said rlimit 3) != 64 ]]
	grep -qx 'rlimit nofile 64 [0-9]*' "$out"
	service '{fds: {hard: 300}}' limits
	runs
	has "rlimit nofile 300 300"
}

@test "rlimits: each is held, and some are felt" {
	mkdir "$work/data"
	config <<-YAML
		services:
		  $name:
		    executable: $load
		    args: [limits, file, $work/data/big, "1000000", lock, "256", lock, "16", map, "2100", map, "60"]
		    filesystem: {writable: [$work/data]}
		    resources:
		      rlimits:
		        as: 2G
		        core: 0
		        cpu: 100
		        data: 1G
		        fsize: 64K
		        memlock: 128K
		        msgqueue: 1000
		        nproc: 99
		        rss: 2G
		        sigpending: 7
		        stack: {soft: 1M, hard: 2M}
		    network: {mode: none}
	YAML
	runs
	((status == 0))
	has "rlimit as 2147483648 2147483648" "rlimit core 0 0" "rlimit cpu 100 100" "rlimit data 1073741824 1073741824" \
		"rlimit fsize 65536 65536" "rlimit memlock 131072 131072" "rlimit msgqueue 1000 1000" "rlimit nproc 99 99" \
		"rlimit rss 2147483648 2147483648" "rlimit sigpending 7 7" "rlimit stack 1048576 2097152"
	has "file 65536 EFBIG" "lock ENOMEM" "map ENOMEM"
	[[ $(grep '^map' "$out" | tail -n 1) == "map ok" ]]
	measured "rlimits.fsize 64K: bytes written" "$(said file)" 65536
}

@test "rlimits.as and rlimits.data in which nothing starts are faults" {
	local limit
	for limit in "as: 512M" "data: 16M"; do
		service "{rlimits: {$limit}}" limits
		fails "$work/blackhole.yaml:*: services.$name.resources.rlimits.${limit%%:*}: cannot use *: nothing starts with less than *" \
			"$BLACKHOLE" bundle -c "$work/blackhole.yaml" "$name" "$work/$name"
	done
	# The least of both start.
	service "{rlimits: {as: 2G, data: 256M}}" limits
	runs
	((status == 0))
}

@test "rlimits.cpu kills by SIGXCPU, rlimits.nproc keeps a user from forking" {
	service '{rlimits: {cpu: {soft: 1, hard: 9}}}' child work 1800
	runs
	has "child $((128 + 24))" # in a child: signals without a handler pass a PID namespace's first process by
	measured "rlimits.cpu 1: exit code after 1.8 s of CPU time" "$(said child)" 152
	config <<-YAML
		services:
		  $name:
		    executable: $load
		    args: [fork, "30"]
		    resources: {rlimits: {nproc: 10}}
		    security: {user: "47113", group: "47113"}
		    network: {mode: none}
	YAML
	runs
	has "fork 9 EAGAIN"
}

@test "user, group and additional groups" {
	local user=games
	security "{user: $user}" limits
	runs
	has "Uid: $(id -u $user) $(id -u $user) $(id -u $user) $(id -u $user)" "Gid: $(id -g $user) $(id -g $user) $(id -g $user) $(id -g $user)"
	security '{user: "4711", group: daemon}' limits
	runs
	has "Uid: 4711 4711 4711 4711" "Gid: 1 1 1 1"

	# A root file system of its own has users of its own.
	mkdir -p "$work/rootfs"/{bin,etc,proc,dev,sys,tmp}
	cp "$load" "$work/rootfs/bin/load"
	echo 'svc:x:5001:5002::/:/bin/sh' >"$work/rootfs/etc/passwd"
	printf '%s\n' 'svc:x:5002:' 'audio:x:5003:svc' 'video:x:5004:other,svc' 'other:x:5005:' >"$work/rootfs/etc/group"
	config <<-YAML
		services:
		  $name: {executable: /bin/load, args: [limits], rootfs: $work/rootfs, security: {user: svc}, network: {mode: none}}
	YAML
	runs
	has "Uid: 5001 5001 5001 5001" "Gid: 5002 5002 5002 5002"
	[[ $(awk '$1 == "Groups:" { $1 = ""; print }' "$out" | tr ' ' '\n' | sort -n | xargs) == *"5003 5004" ]]
	run ! grep -q 5005 "$out"
	measured "security.user with additional groups: gids" "$(awk '$1 == "Groups:" { $1 = ""; print }' "$out" | xargs)" "5003 5004"
}

# caps INH PRM EFF BND AMB: the sets, without leading zeros.
caps() {
	diff <(sed -n 's/^Cap\(Inh\|Prm\|Eff\|Bnd\|Amb\):\t0*\(.*\)/\1 \2/p' "$out") <(printf '%s\n' "Inh $1" "Prm $2" "Eff $3" "Bnd $4" "Amb $5")
}

@test "capabilities: every set, for root and for a user" {
	# CAP_NET_BIND_SERVICE is 10, CAP_CHOWN 0, CAP_KILL 5.
	security '{}' limits
	runs
	caps 400 400 400 400 "" # the default
	security '{capabilities: [CAP_CHOWN, CAP_KILL]}' limits
	runs
	caps 21 21 21 21 ""
	security '{capabilities: []}' limits calls
	runs
	caps "" "" "" "" ""
	security '{user: games, capabilities: [CAP_CHOWN, CAP_KILL]}' limits
	runs
	caps 21 21 21 21 21
	measured "capabilities CAP_CHOWN, CAP_KILL of a user: CapEff, CapAmb" "$(sed -n 's/^Cap\(Eff\|Amb\):\t0*//p' "$out" | xargs)" "21 21"
	security '{user: games, capabilities: []}' limits
	runs
	caps "" "" "" "" ""
}

@test "capabilities are felt" {
	# chown to another user takes CAP_CHOWN, of root as of anyone.
	mkdir "$work/data"
	local user capabilities want
	while read -r user capabilities want; do
		config <<-YAML
			services:
			  $name:
			    executable: /bin/sh
			    args: [-c, "echo x >$work/data/f && chown 4711 $work/data/f 2>/dev/null && echo changed || echo refused"]
			    filesystem: {writable: [$work/data]}
			    security: {user: "$user", capabilities: $capabilities}
			    network: {mode: none}
		YAML
		rm -f "$work/data/f"
		chown "$user" "$work/data"
		runs
		[[ $(tail -n 1 "$out") == "$want" ]] || {
			echo "$user $capabilities: want $want"
			return 1
		}
	done <<-END
		0 [CAP_CHOWN] changed
		0 [CAP_KILL] refused
		1234 [CAP_CHOWN] changed
		1234 [] refused
	END
}

@test "no_new_privs: a setuid program gives nothing" {
	# What is shown of the host is mounted nosuid: this is about a file system of its own.
	mkdir -p "$work/rootfs"/{bin,dev,proc,sys,tmp}
	cp "$load" "$work/rootfs/bin/load"
	cp "$load" "$work/rootfs/bin/setuid"
	chmod 4755 "$work/rootfs/bin/setuid"
	local on
	for on in true false; do
		config <<-YAML
			services:
			  $name:
			    executable: /bin/load
			    rootfs: $work/rootfs
			    args: [limits, ids, run, /bin/setuid]
			    security: {user: "1234", group: "1234", no_new_privs: $on}
			    network: {mode: none}
		YAML
		runs
		if [[ $on == true ]]; then
			has "NoNewPrivs: 1"
			[[ $(grep '^ids' "$out" | tail -n 1) == "ids 1234 1234" ]]
		else
			has "NoNewPrivs: 0"
			[[ $(grep '^ids' "$out" | tail -n 1) == "ids 1234 0" ]]
		fi
		measured "no_new_privs $on: ids of a setuid program, real and effective" "$(grep '^ids' "$out" | tail -n 1)" "ids 1234 $([[ $on == true ]] && echo 1234 || echo 0)"
	done
}

@test "oom_score_adj and priority" {
	config <<-YAML
		services:
		  $name: {executable: $load, args: [limits], oom_score_adj: 321, network: {mode: none}}
	YAML
	runs
	has "oom_score_adj 321"
	config <<-YAML
		services:
		  $name: {executable: $load, args: [limits], priority: batch, network: {mode: none}}
	YAML
	runs
	has "oom_score_adj 500"
}
