# Metrics: the page, by Prometheus's own tools, and how it is served.
# shellcheck shell=bash disable=SC2154,SC2016

load helpers
load supervisor

setup() {
	not_runc "has no supervisor"
	up_setup
	port=$(free_port)
	page=http://127.0.0.1:$port/metrics
}

teardown() {
	if [[ -n ${prometheus-} ]]; then
		kill "$prometheus" 2>/dev/null || true
		wait "$prometheus" 2>/dev/null || true
		tail -n 20 "$work/prometheus.out"
	fi
	up_teardown
}

# free_port: one that nobody listens on.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# sample NAME [LABEL…]: the value of one series.
sample() {
	local name=$1
	shift
	curl -sS "$page" | awk -v name="$name" -v labels="$*" '
		index($0, name "{") == 1 || $1 == name {
			n = split(labels, want, " ")
			for (i = 1; i <= n; i++) if (!index($0, want[i])) next
			print $NF
		}'
}

is_sample() { [[ $(sample "${@:2}") == "$1" ]]; }

# query EXPRESSION: the values that Prometheus has for it.
query() { curl -sS --get --data-urlencode "query=$1" "http://127.0.0.1:$web/api/v1/query" | jq -r '.data.result[].value[1]'; }

is_query() { [[ $(query "$2") == "$1" ]]; }

firing() {
	curl -sS "http://127.0.0.1:$web/api/v1/alerts" |
		jq -e --arg a "$1" --arg s "$pre$2" 'any(.data.alerts[]; .labels.alertname == $a and .labels.service == $s and .state == "firing")' >/dev/null
}

not_firing() { ! firing "$@"; }

# head_of REQUEST: the first line of the answer to these bytes.
head_of() { printf %b "$1" | timeout 20 socat -t 20 - "TCP:127.0.0.1:$port" | head -n 1 | tr -d '\r'; }

@test "the page has what the services use, and promtool finds no fault in it" {
	write_config <<-'Y'
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s}
		services:
		  @a:
		    executable: /bin/sh
		    args: [-c, "timeout 1 sh -c 'while :; do :; done'; sleep 1000"]
		    resources: {memory: {limit: 100M}, pids: {limit: 20}, fds: {soft: 50, hard: 60}, cpu: {quota: 0.2}}
		    health_check: {exec: [/bin/true], interval: 1s}
		    stop: {timeout: 0s}
		  @b: {executable: /bin/false, restart: {policy: "no"}}
	Y
	run -1 up --metrics "127.0.0.1:$port" # b fails
	wait_for 10 is_sample 104857600 blackhole_service_memory_limit_bytes "service=\"${pre}a\""
	wait_for 10 is_sample 0.2 blackhole_service_cpu_limit_cores "service=\"${pre}a\""
	is_sample 20 blackhole_service_pids_limit
	is_sample 50 blackhole_service_max_fds
	is_sample 1 blackhole_service_healthy "service=\"${pre}a\""
	is_sample 1 blackhole_service_state "service=\"${pre}b\"" 'state="failed"'
	is_sample 0 blackhole_service_state "service=\"${pre}a\"" 'state="failed"'
	is_sample 1 blackhole_service_alert_active "service=\"${pre}b\"" 'kind="failed"'
	is_sample 1 blackhole_service_last_exit_code "service=\"${pre}b\""
	is_sample 0 blackhole_service_restarts_total "service=\"${pre}a\""
	[[ -z $(sample blackhole_service_pids "service=\"${pre}b\"") ]]                      # it does not run
	[[ -z $(sample blackhole_service_network_receive_bytes_total) ]]                    # they have no network
	[[ $(sample blackhole_service_start_time_seconds "service=\"${pre}a\"") =~ ^[0-9]{10}\.?[0-9]*$ ]] # seconds, not milliseconds
	# What state reads from the same files, at most an interval apart.
	same() {
		local shown
		shown=$(bhs state "${pre}a" | jq -r '.stats.cpu | "\(.usage_ns / 1e9) \(.throttled_count)"')
		awk -v a="${shown% *}" -v b="$(sample blackhole_service_cpu_usage_seconds_total "service=\"${pre}a\"")" 'BEGIN { exit !(b > 0 && a >= b && a - b < 0.3) }' &&
			is_sample "${shown#* }" blackhole_service_cpu_throttled_periods_total "service=\"${pre}a\""
	}
	wait_for 30 same
	is_sample "$(tr '\0' '\n' </proc/"$(supervisor_pid)"/stat | awk '{ print $20 }')" go_threads

	curl -sS "$page" >"$work/page"
	run promtool check metrics <"$work/page"
	[[ $status == 0 && -z $output ]]
	bhs restart "${pre}a"
	is_sample 1 blackhole_service_restarts_total "service=\"${pre}a\""
}

@test "the rules and the dashboard are what Prometheus understands" {
	cd "$repo/docs"
	promtool check rules prometheus/rules.yml
	promtool test rules prometheus/rules_test.yml
	# Each of the dashboard's queries as a rule.
	jq '{groups: [{name: "dashboard", rules: [[.panels[].targets[]?.expr | gsub("\\$__rate_interval"; "5m")]
		| to_entries[] | {record: "panel:\(.key)", expr: .value}]}]}' grafana/dashboard.json >"$work/queries.yml"
	[[ $(jq '.groups[0].rules | length' "$work/queries.yml") -ge 20 ]]
	promtool check rules "$work/queries.yml"
}

@test "Prometheus scrapes it, and an alert rule fires for a violation and ends with it" {
	mkdir "$work/calm"
	write_config <<-Y
		resource_isolation:
		  defaults: {network: {mode: none}}
		  monitor: {interval: 1s}
		services:
		  @fds:
		    executable: /usr/bin/perl
		    args:
		      - -e
		      - for (1..95) { open(\$f[\$_], '<', '/dev/null') } select undef, undef, undef, 0.1 until -e '$work/calm/now'; \$#f = -1; sleep 1000
		    filesystem: {read_only: [$work/calm]}
		    resources: {fds: {soft: 100, hard: 100}, memory: {limit: 64M}}
		    stop: {timeout: 0s}
	Y
	up --metrics "127.0.0.1:$port"
	web=$(free_port)
	cat >"$work/prometheus.yml" <<-Y
		global: {scrape_interval: 1s, evaluation_interval: 1s}
		rule_files: [$repo/docs/prometheus/rules.yml]
		scrape_configs:
		  - job_name: blackhole
		    static_configs: [{targets: ["127.0.0.1:$port"]}]
	Y
	prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address="127.0.0.1:$web" \
		>"$work/prometheus.out" 2>&1 3>&- &
	prometheus=$!
	wait_for 60 is_query 1 'up{job="blackhole"}'
	wait_for 20 is_query 67108864 "blackhole_service_memory_limit_bytes{service=\"${pre}fds\"}"
	wait_for 30 firing BlackholeFDsExhaustion fds
	wait_for 10 is_query 1 "blackhole_service_violations_total{service=\"${pre}fds\",kind=\"fds_exhaustion\"}"
	almost_all() { awk -v r="$(query "service:blackhole_fds:ratio{service=\"${pre}fds\"}")" 'BEGIN { exit !(r >= 0.95 && r <= 1) }'; }
	wait_for 20 almost_all
	touch "$work/calm/now"
	wait_for 30 not_firing BlackholeFDsExhaustion fds
	is_query 1 "blackhole_service_violations_total{service=\"${pre}fds\",kind=\"fds_exhaustion\"}"
	is_state fds running
}

@test "an address that cannot be had ends up at once, and nothing is left" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services: {@a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}}
	Y
	python3 -c "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', $port)); s.listen(); time.sleep(300)" 3>&- &
	local holder=$! address
	taken() { ss -ltn "sport = :$port" | grep -q LISTEN; }
	wait_until taken
	fails "cannot supervise: cannot serve metrics on \"127.0.0.1:$port\": address already in use" bhs up -c "$config" --metrics "127.0.0.1:$port"
	[[ ! -e $root ]]
	kill "$holder"
	for address in 9750 nonsense "[::1" 127.0.0.1: 127.0.0.1:70000 203.0.113.1:9750 :http-but-not; do
		fails "cannot supervise: cannot serve metrics on \"$address\": *" bhs up -c "$config" --metrics "$address"
		[[ ! -e $root ]]
	done
	up --metrics ":$port" # what was taken is free again; every address
	is_sample 1 blackhole_service_state 'state="running"'
	wait_for 10 is_sample 1 blackhole_service_pids
	# The socket is nobody else's: not the service's, and free when the supervisor is gone.
	kill -QUIT "$(supervisor_pid)"
	wait_until test ! -S "$root/@supervisor/control.sock"
	free() { ! taken; }
	wait_until free
	up --metrics "127.0.0.1:$port"
	is_sample 0 blackhole_service_restarts_total
}

@test "what is no request for the page is refused, and no client hurts another" {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}}
		services: {@a: {executable: /bin/sleep, args: ["1000"], stop: {timeout: 0s}}}
	Y
	up --metrics "127.0.0.1:$port"
	[[ $(curl -sS -o /dev/null -w '%{http_code} %{content_type}' "$page") == "200 text/plain; version=0.0.4; charset=utf-8" ]]
	[[ $(curl -sSI "$page" | tr -d '\r' | grep -c '^Content-Length: [1-9]') == 1 ]]
	[[ $(curl -sS "http://127.0.0.1:$port/") == "metrics are at /metrics" ]]
	[[ $(curl -sS -o /dev/null -w '%{http_code}' "${page}x") == 404 ]]
	[[ $(curl -sS -o /dev/null -w '%{http_code}' --data-binary @"$BLACKHOLE" -H Expect: "$page") == 405 ]]
	[[ $(head_of 'GET /metrics HTTP/1.1\r\n\r\n') == "HTTP/1.1 400 Bad Request" ]]
	[[ $(head_of 'GET /metrics HTTP/3.0\r\nHost: a\r\n\r\n') == "HTTP/1.1 505 HTTP Version Not Supported" ]]
	[[ $(head_of "GET /$(printf 'x%.0s' {1..9000}) HTTP/1.1\r\n\r\n") == "HTTP/1.1 431 "* ]]
	[[ $(head_of '\x16\x03\x01\x02\x00\x01\x00\n') == "HTTP/1.1 400 Bad Request" ]] # TLS
	head -c 1000000 /dev/urandom | timeout 20 socat -u - "TCP:127.0.0.1:$port" || true
	# Twice as many clients as are served at a time say nothing.
	python3 -c "
import socket, time
held = [socket.create_connection(('127.0.0.1', $port)) for _ in range(32)]
time.sleep(60)" 3>&- &
	local silent=$!
	curl -sS --max-time 40 "$page" | grep -q '^blackhole_build_info{'
	kill "$silent"
	bhs status >/dev/null
	is_state a running
}
