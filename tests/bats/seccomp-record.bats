#!/usr/bin/env bats
# bats file_tags=beside
# seccomp record: what a service does while it is recorded is what its profile
# lets through, and nothing else.

load helpers

setup() {
	oci_setup
	not_runc "has no services"
	chmod 711 "$work"
	config=$work/blackhole.yaml
	name=r$$-$BATS_TEST_NUMBER
	data=$work/data
	mkdir "$data"
}
teardown() { oci_teardown; }

# write_config SECURITY: a service from standard input's keys.
write_config() {
	{
		printf 'services:\n  %s:\n    network: {mode: none}\n    security: %s\n' "$name" "$1"
		sed 's/^/    /'
	} >"$config"
}

# service_pid: of the one container.
service_pid() { bh state "$name" | jq .pid; }
inside() { nsenter --net --target "$(service_pid)" "$@"; }
runs() { [[ $(status "$name" 2>/dev/null) == running ]]; }

# record ARGS…: in the background; its output goes to $work/out.
record() {
	# Not by bh: a function in the background is a shell of its own.
	"$BLACKHOLE" --root "$root" seccomp record -c "$config" "$@" >"$work/out" 2>&1 3>&- &
	recorder=$!
	wait_until runs
}

# recorded: the recorder has ended well once its service is told to.
recorded() {
	bh kill "$name" "$1"
	wait "$recorder" || {
		cat "$work/out"
		return 1
	}
}

# deadly PROFILE: the same, but what it does not name kills: no denial passes unseen.
deadly() { jq '.defaultAction = "SCMP_ACT_KILL_PROCESS" | del(.defaultErrnoRet)' "$1" >"$work/deadly.json"; }

allowed() { jq -r '[.syscalls[] | select(.action == "SCMP_ACT_ALLOW") | .names[]] | unique | length' "$1"; }

# under PROFILE STDIN-CONFIG…: the service runs under it.
start_under() {
	"$BLACKHOLE" bundle -c "$config" "$name" "$work/service"
	jq --slurpfile p "$1" '.linux.seccomp = $p[0]' "$work/service/config.json" >"$work/service/config.new"
	mv "$work/service/config.new" "$work/service/config.json"
	bh run -d -b "$work/service" "$name" </dev/null >"$work/log" 2>&1
}

nginx_load() {
	wait_until inside curl -fsS -o /dev/null http://127.0.0.1:8080/
	[[ $(inside curl -fsS http://127.0.0.1:8080/) == "from nginx" ]]
	inside curl -fsS http://127.0.0.1:8080/large | cmp - "$data/large"
	[[ $(inside curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/none) == 404 ]]
	bh kill "$name" HUP # its workers are replaced
	sleep 0.3
	wait_until inside curl -fsS -o /dev/null http://127.0.0.1:8080/
}

redis_load() {
	wait_until inside redis-cli -e -p 6379 PING
	inside redis-cli -e -p 6379 SET key value
	[[ $(inside redis-cli -e -p 6379 GET key) == value ]]
	inside redis-cli -e -p 6379 BGSAVE
	wait_until test -s "$data/dump.rdb"
	inside redis-cli -e -p 6379 BGREWRITEAOF
	sleep 0.5
	inside redis-cli -e -p 6379 CONFIG GET dir | grep -qxF "$data"
}

@test "nginx: the recorded profile is small, and enough for the same load" {
	chown www-data: "$data"
	echo "from nginx" >"$data/index.html"
	head -c 3000000 /dev/urandom >"$data/large"
	cat >"$work/nginx.conf" <<-END
		daemon off;
		worker_processes 1;
		pid $data/nginx.pid;
		error_log stderr warn;
		events { worker_connections 64; }
		http {
			access_log off;
			client_body_temp_path $data/b; proxy_temp_path $data/p; fastcgi_temp_path $data/f;
			uwsgi_temp_path $data/u; scgi_temp_path $data/s;
			server { listen 127.0.0.1:8080; root $data; }
		}
	END
	write_config '{user: www-data, group: www-data}' <<-END
		executable: /usr/sbin/nginx
		args: [-e, stderr, -c, $work/nginx.conf]
		filesystem: {writable: [$data], read_only: [$work/nginx.conf]}
	END
	record -o "$work/nginx.json" "$name"
	nginx_load
	recorded QUIT
	grep -q "$name ended with exit code 0" "$work/out"
	(($(allowed "$work/nginx.json") < 110))
	deadly "$work/nginx.json"
	start_under "$work/deadly.json"
	nginx_load
	bh kill "$name" QUIT
	wait_until is_status "$name" stopped
	# A worker that a denied call killed would have left a line.
	run ! grep -i "signal" "$work/log"
}

@test "redis: the recorded profile is small, and enough for the same load" {
	chown redis: "$data"
	write_config '{user: redis, group: redis, capabilities: []}' <<-END
		executable: /usr/bin/redis-server
		args: [--port, "6379", --dir, $data, --appendonly, "yes"]
		working_dir: $data
		filesystem: {writable: [$data]}
	END
	record -o "$work/redis.json" "$name"
	redis_load
	recorded TERM
	(($(allowed "$work/redis.json") < 110))
	rm -r "${data:?}"/*
	deadly "$work/redis.json"
	start_under "$work/deadly.json"
	redis_load
	bh kill "$name" TERM
	wait_until is_status "$name" stopped
	run ! grep -iE "crash|terminated by signal|error" "$work/log"
}

@test "what was not recorded is denied, what was merged is not" {
	write_config '{}' <<<'executable: /bin/busybox'
	bh seccomp record -c "$config" -o "$work/a.json" "$name" -- /bin/busybox true
	bh seccomp record -c "$config" -o "$work/b.json" --merge "$work/a.json" "$name" -- /bin/busybox mkdir /tmp/x
	run ! grep -q '"mkdir"' "$work/a.json"
	grep -q '"mkdir"' "$work/b.json"
	start_under "$work/a.json"
	wait_until is_status "$name" stopped
	bh delete "$name"

	sed -i "s|security: {}|security: {seccomp_profile: $work/a.json}|" "$config"
	rm -rf "$work/service"
	"$BLACKHOLE" bundle -c "$config" "$name" "$work/service" -- /bin/busybox mkdir /tmp/x
	run bh run -b "$work/service" "$name"
	[[ $status != 0 && $output == *"Operation not permitted"* ]]
	sed -i "s|a.json|b.json|" "$config"
	"$BLACKHOLE" bundle -c "$config" "$name" "$work/service" -- /bin/busybox mkdir /tmp/x
	run -0 bh run -b "$work/service" "$name"
}

@test "a call that the present profile blocks stays blocked, and is not in the recorded one" {
	write_config '{}' <<<'executable: /bin/busybox'
	bh seccomp record -c "$config" -o "$work/p.json" "$name" -- /bin/busybox unshare -m /bin/busybox true >"$work/out" 2>&1
	grep -q "unshare.*Operation not permitted" "$work/out"
	grep -q "$name ended with exit code 1" "$work/out"
	run ! grep -q '"unshare"' "$work/p.json"
	sed -i 's/security: {}/security: {seccomp_profile: unconfined, capabilities: [CAP_SYS_ADMIN]}/' "$config"
	bh seccomp record -c "$config" -o "$work/q.json" "$name" -- /bin/busybox unshare -m /bin/busybox true
	grep -q '"unshare"' "$work/q.json"
}

@test "the runtime finds its own calls in every profile, for run and exec, root or not, privileges or not" {
	local user nnp
	for user in '""' www-data; do
		for nnp in true false; do
			write_config "{user: $user, no_new_privs: $nnp, capabilities: []}" <<<'executable: /bin/busybox'
			bh seccomp record -c "$config" -o "$work/p.json" "$name" -- /bin/busybox sleep 0.1
			for _ in 1 2; do
				rm -rf "$work/service"
				"$BLACKHOLE" bundle -c "$config" "$name" "$work/service" -- /bin/busybox sleep 5
				jq --slurpfile p "$work/p.json" '.linux.seccomp = $p[0]' "$work/service/config.json" >"$work/c" &&
					mv "$work/c" "$work/service/config.json"
				bh run -d -b "$work/service" "$name" </dev/null
				bh exec "$name" /bin/busybox sleep 0.1
				[[ $(status "$name") == running ]]
				bh delete --force "$name"
			done
		done
	done
}

@test "an exec health check is recorded with its service" {
	write_config '{}' <<-'END'
		executable: /bin/busybox
		args: [sleep, "100"]
		health_check: {exec: [/bin/busybox, mkdir, /tmp/checked], interval: 100ms}
	END
	bh seccomp record -c "$config" -o "$work/p.json" --timeout 2s "$name"
	grep -q '"mkdir"' "$work/p.json"
}

@test "a service that ends while its health checks go on is not held by them" {
	write_config '{}' <<-'END'
		executable: /bin/busybox
		args: [sleep, "1"]
		health_check: {exec: [/bin/busybox, "true"], interval: 10ms}
	END
	for _ in 1 2 3; do
		timeout 60 "$BLACKHOLE" --root "$root" seccomp record -c "$config" -o "$work/p.json" "$name" 3>&-
	done
	nothing_left "$name"
}

@test "it ends by --timeout and by Ctrl-C, by the service's stop signal or else by SIGKILL" {
	write_config '{}' <<-'END'
		executable: /bin/sh
		args: [-c, "trap '' INT; trap 'echo got USR1; exit 7' USR1; echo ready; while :; do sleep 0.1; done"]
		stop: {signal: SIGUSR1}
	END
	run -0 bh seccomp record -c "$config" -o - --timeout 1s "$name"
	[[ $output == *"got USR1"*"ended with exit code 7"* ]]
	record -o "$work/p.json" "$name"
	wait_until grep -q ready "$work/out"
	kill -INT "$recorder"
	wait "$recorder"
	grep -q "ended with exit code 7" "$work/out" && [[ -s $work/p.json ]]

	sed -i 's/USR1; exit 7/USR1/; s/signal: SIGUSR1/signal: SIGUSR1, timeout: 500ms/' "$config"
	run -0 bh seccomp record -c "$config" -o - --timeout 1s "$name"
	[[ $output == *"got USR1"*"ended with exit code 137"* ]]
	nothing_left "$name"
}

@test "a recorder that is killed leaves what delete --force and gc remove" {
	write_config '{}' <<-'END'
		executable: /bin/busybox
		args: [sleep, "1000"]
	END
	record -o "$work/p.json" "$name"
	kill -KILL "$recorder"
	wait "$recorder" || true
	[[ ! -e $work/p.json ]]
	bh gc
	[[ -d $root/@recording/$name ]] # its container is still there
	bh delete --force "$name"
	run -0 bh gc --dry-run
	[[ $output == "recording $root/@recording/$name" ]]
	bh gc
	[[ ! -e $root/@recording ]]
	nothing_left "$name"
	# And one that was left is no obstacle.
	mkdir -p "$root/@recording/$name"
	touch "$root/@recording/$name/listener.sock"
	bh seccomp record -c "$config" -o "$work/p.json" "$name" -- /bin/busybox true
	[[ ! -e $root/@recording ]]
}

@test "what cannot be recorded is refused before anything runs" {
	write_config '{}' <<<'executable: /bin/busybox'
	fails "blackhole seccomp record: takes one argument, not none*" bh seccomp record -c "$config"
	fails "blackhole seccomp: unknown command \"rec\"; see blackhole seccomp --help" bh seccomp rec
	fails "cannot find service \"none\"*" bh seccomp record -c "$config" none
	fails "cannot write the profile: access $work/no: no such file or directory" bh seccomp record -c "$config" -o "$work/no/p" "$name"
	fails "cannot write the profile: $work is not a regular file" bh seccomp record -c "$config" -o "$work" "$name"
	fails "cannot use --timeout -1s: it is negative" bh seccomp record -c "$config" --timeout=-1s "$name"
	fails "cannot read seccomp profile $work/none.json: no such file or directory" bh seccomp record -c "$config" --merge "$work/none.json" "$name"
	echo '{"defaultAction": "SCMP_ACT_ALLOW"}' >"$work/all.json"
	sed -i "s|security: {}|security: {seccomp_profile: $work/all.json}|" "$config"
	fails "cannot record under a profile whose defaultAction is SCMP_ACT_ALLOW: *" bh seccomp record -c "$config" "$name" -- /bin/busybox true
	sed -i "s|seccomp_profile: [^}]*|seccomp_profile: default|" "$config"
	fails "cannot merge profiles: what they do not name has SCMP_ACT_ERRNO 1 in one and SCMP_ACT_ALLOW in the other" \
		bh seccomp record -c "$config" -o "$work/p.json" --merge "$work/all.json" "$name" -- /bin/busybox true
	[[ ! -e $work/p.json && ! -e $root/@recording ]]
	nothing_left "$name"
}
