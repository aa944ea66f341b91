# While a service waits out its backoff its next container is created; whatever
# comes between, nothing of that is left.
# shellcheck shell=bash disable=SC2154,SC2016

load helpers
load supervisor

setup() {
	not_runc "has no supervisor"
	up_setup
	mkdir "$work/mnt"
	write_config <<-'Y'
		services:
		  @a:
		    executable: /bin/sh
		    args: [-c, "trap 'exit 0' USR1; echo begins $WORD; while ! rm MNT/go; do sleep 0.1; done 2>/dev/null; exit 3"]
		    environment: {WORD: one}
		    filesystem: {writable: [MNT]}
		    network: {mode: isolated}
		    restart: {policy: always, max_retries: 0, backoff: BACKOFF, max_backoff: 10s}
		    stop: {signal: SIGUSR1, timeout: 100s}
	Y
	sed -i "s,MNT,$work/mnt,g; s,BACKOFF,${BACKOFF-5s}," "$config"
	up
	>"$work/mnt/go"
	wait_for 20 is_state a backoff
	wait_for 20 is_created
	is_state a backoff
	[[ $(begun) == 1 ]]
}

teardown() { [[ -z ${work-} ]] || up_teardown; }

status_of() { bhs list --format json | jq -r --arg n "${pre}a" '.[]? | select(.id == $n) | .status'; }
is_created() { [[ $(status_of) == created ]]; }
begun() { bhs logs "${pre}a" | grep -c "begins ${1-}"; }

@test "a service's next container is created before its backoff is over, and its program begins after it" {
	pid=$(bhs state "${pre}a" | jq .pid)
	wait_for 20 is_state a running
	[[ $(service a .pid) == "$pid" && $(begun) == 2 ]]
	# It is watched as any other.
	>"$work/mnt/go"
	wait_for 20 is_state a backoff
	[[ $(service a .last_exit.code) == 3 && $(service a .restarts) == 2 ]]
}

@test "down of a service whose next container is created already leaves nothing of it" {
	bhs down "${pre}a"
	is_state a stopped
	[[ -z $(status_of) && -z $(ip -o link show type veth | grep "$pre") ]]
	sleep 5.5
	[[ -z $(status_of) && $(begun) == 1 ]]
	bhs restart "${pre}a"
	is_state a running
}

@test "what was created ahead cannot be removed: down says so, and the next one goes on where it failed" {
	down_while_busy a
	[[ -d $root/${pre}a ]]
	bhs down
	[[ -z $(status_of) && $(ip -o link show type veth) != *"$pre"* && $(begun) == 1 ]]
}

@test "restart of a service whose next container is created already starts that one" {
	pid=$(bhs state "${pre}a" | jq .pid)
	bhs restart "${pre}a"
	is_state a running
	[[ $(service a .pid) == "$pid" && $(begun) == 2 ]]
}

@test "apply: what was created of the former configuration is not started" {
	sed -i 's/WORD: one/WORD: two/' "$config"
	bhs apply
	wait_for 20 is_state a running
	[[ $(begun two) == 1 && $(begun one) == 1 ]]
}

@test "a container that was created and then deleted by hand is created again" {
	bhs delete --force "${pre}a"
	wait_for 20 is_state a running
	[[ $(begun) == 2 ]]
}

@test "a supervisor that leaves its services takes with it what it created" {
	kill -QUIT "$(supervisor_pid)"
	gone() { [[ ! -e $root/@supervisor/control.sock ]] && [[ -z $(status_of) ]]; }
	wait_for 20 gone
	[[ $(ip -o link show type veth) != *"$pre"* ]]
	up
	is_state a running
	[[ $(begun) == 2 ]]
}

@test "a supervisor is killed: down removes the container that was created, without waiting for a program that never began" {
	kill -9 "$(supervisor_pid)"
	run -3 --separate-stderr bhs status --format json
	[[ $(jq -r '.services[0].state' <<<"$output") == stopped ]]
	bhs down # for less than the service's stop timeout
	[[ $(begun) == 1 ]]
}

@test "a supervisor is killed: the next one starts the service anew" {
	pid=$(bhs state "${pre}a" | jq .pid)
	kill -9 "$(supervisor_pid)"
	up
	is_state a running
	[[ $(service a .pid) != "$pid" && $(begun) == 2 ]]
	ended "$pid"
}
