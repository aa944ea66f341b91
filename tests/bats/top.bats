# top on a real terminal (tmux), in batches, and status, its one-shot form; on
# containers that really use what is shown.
# shellcheck shell=bash disable=SC2154,SC2016

load helpers
load supervisor

setup() {
	not_runc "has no such view"
	up_setup
	pre=t$$ # names that are not cut at 80 columns
	bundle=$work/bundle id=${pre}own
	export LC_ALL=C.UTF-8
}

teardown() {
	terminal kill-server 2>/dev/null || true
	if [[ -d $root/$id ]]; then bhs delete --force "$id"; fi
	up_teardown
}

terminal() { tmux -L "$pre" -f /dev/null "$@" 3>&-; }

# on_terminal WIDTH HEIGHT COMMAND: what stty says of the terminal before and
# after goes to $work/before and $work/after, the exit code to $work/code.
on_terminal() {
	rm -f "$work/code"
	terminal new-session -d -x "$1" -y "$2" "stty -g >$work/before; $3; echo \$? >$work/code; stty -g >$work/after; echo ended; sleep 600"
}

top_on() { on_terminal "$1" "$2" "exec 2>$work/stderr; $BLACKHOLE --root $root top -d 0.5 ${3-}"; }

# end_terminal waits, too: until its server is gone, a new one cannot begin.
end_terminal() {
	local server
	server=$(terminal display-message -p '#{pid}')
	terminal kill-server
	wait_until ended "$server"
}

keys() { terminal send-keys "$@"; }
pane() { terminal capture-pane -p; }

# shows PATTERN: the terminal does, within 20 s.
shows() { wait_pane "$1" 1; }
hides() { wait_pane "$1" 0; }
wait_pane() {
	local end=$((SECONDS + 20)) now
	while ((SECONDS < end)); do
		now=$(pane)
		# shellcheck disable=SC2053
		if [[ $now == $1 ]]; then (($2)) && return; else (($2)) || return 0; fi
		sleep 0.1
	done
	echo "never ($2): $1"
	pane
	return 1
}

# cell NAME TITLE: what the row of a service has below a title. Cells end where
# the title does, but STATE's begin there.
cell() {
	pane | awk -v name="$pre$1" -v title=" $2" '
		/^SERVICE/ { at = index($0 " ", title " ") }
		$1 == name && at {
			if (title == " STATE") {
				s = substr($0, at + 1)
				sub(/ .*/, "", s)
			} else {
				s = substr($0, 1, at + length(title) - 1)
				sub(/.* /, "", s)
			}
			print s
		}'
}

# at_least NAME TITLE NUMBER
at_least() {
	local now
	now=$(cell "$1" "$2")
	[[ $now =~ ^[0-9.]+$ ]] && ((${now%.*} >= $3))
}

# has NAME TITLE VALUE…: within 20 s; a picture is not drawn all at once.
has() {
	local name=$1
	shift
	while (($#)); do
		wait_for 20 is_cell "$name" "$1" "$2"
		shift 2
	done
}

is_cell() { [[ $(cell "$1" "$2") == "$3" ]]; }

load_config() {
	write_config <<-'Y'
		resource_isolation: {defaults: {network: {mode: none}}, monitor: {interval: 1s}}
		services:
		  @burn:
		    executable: /bin/sh
		    args: [-c, "echo a line of its own; while :; do :; done"]
		    resources: {memory: {limit: 64M, soft: 48M}}
		    stop: {timeout: 0s}
		  @idle: {executable: /bin/sleep, args: ["1000"], resources: {pids: {limit: 10}}, stop: {timeout: 0s}}
		  @bad: {executable: /bin/sh, args: [-c, "exit 3"], restart: {max_retries: 1, backoff: 50ms}}
	Y
	run up
	# From the beginning it would hold for the start of the container too.
	bhs update --cpu-period 100000 --cpu-quota 3000 "${pre}burn"
}

@test "top shows real load, at 80 columns and at 200" {
	load_config
	make_bundle "$bundle" sleep 1000
	bhs run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	top_on 80 14
	shows "*4*SERVICE*STATE*CPU%*THR%*MEM*MEM%*PSI%*RST*ALRT*HISTORY*"
	# 3 % of a processor, which a busy host has too, held back by the quota in nearly
	# every period.
	wait_for 20 at_least burn CPU% 2
	wait_for 20 at_least burn THR% 50
	run at_least burn CPU% 10
	[[ $status == 1 ]]
	has idle THR% - STATE running
	# Not running is not zero; without a supervisor restarts are unknown.
	has bad MEM - RST 1 ALRT 1 STATE failed
	has own RST - ALRT - STATE running
	shows "*HISTORY"$'\n'"${pre}burn*[0-9] of [0-9]*columns*" # most CPU first
	hides "*SOFT*"
	# No room for these; they are reached with the right arrow.
	keys Right Right Right Right Right Right
	shows "*MEM%*SOFT*LIMIT*"
	has burn SOFT 48.0M LIMIT 64.0M
	keys Left Left Left Left Left Left
	terminal resize-window -x 200 -y 30
	shows "*STATE*SOFT*LIMIT*FDS*PIDS*PCPU*WHAT*HISTORY*"
	has burn SOFT 48.0M LIMIT 64.0M
	has idle PID% 10 SOFT -
	shows "*${pre}bad*failed*"
	terminal resize-window -x 30 -y 5
	shows "*SERVICE*rows 1-2 of 4*"
}

@test "top: keys sort, turn round, filter, and show one container" {
	load_config
	make_bundle "$bundle" sleep 1000
	bhs run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	top_on 80 100 # room for all of its page
	shows "*${pre}burn*${pre}bad*"
	keys s
	shows "*${pre}bad*${pre}burn*${pre}idle*${pre}own*"
	keys r
	shows "*${pre}own*${pre}idle*${pre}burn*${pre}bad*"
	keys /
	keys -l BUR
	hides "*${pre}idle*"
	shows "*${pre}burn*filter: BUR*"
	keys Enter Enter
	shows "*${pre}burn  running*cpu quota*0.03 CPUs*EVENTS*running*LOG*a line of its own*"
	shows "*HISTORY*cpu %*MEMORY*soft limit*48.0M*"
	keys Escape
	shows "*filter \"BUR\"*"
	keys Escape
	shows "*${pre}idle*"
	# One that vanishes while it is looked at: said so, and gone from the table.
	keys Home Enter
	shows "*${pre}own  running*not supervised*"
	bhs delete --force "$id"
	shows "*gone since*"
	keys Escape
	hides "*${pre}own*"
	# And the supervisor.
	shows "*alerts [1-9]*"
	kill -QUIT "$(supervisor_pid)"
	shows "*no supervisor*"
	has burn RST - STATE running
	keys '?'
	shows "*KEYS*COLUMNS*"
	keys q
	wait_until test -s "$work/code"
	[[ $(<"$work/code") == 0 ]]
}

# restored CODE: the view has ended so, and left the terminal as it was.
restored() {
	wait_until test -s "$work/after"
	shows "*ended*"
	[[ $(<"$work/code") == "$1" && $(<"$work/after") == "$(<"$work/before")" ]]
	[[ $(terminal display-message -p '#{alternate_on} #{cursor_flag}') == "0 1" && $(pane) != *SERVICE* ]]
	end_terminal
	rm -f "$work"/{before,after,code}
}

# view_pid: the live view's process, which has this test's state folder.
view_pid() { pgrep -f -- "^$BLACKHOLE-top --root $root "; }

no_view() { ! view_pid; }

@test "top gives the terminal back: q, Ctrl-C, signals, Ctrl-Z and fg" {
	mkdir -p "$root"
	top_on 80 10
	shows "*nothing runs here*"
	[[ $(terminal display-message -p '#{alternate_on}') == 1 ]]
	keys C-z '?' # without a shell to bring it back it goes on
	shows "*KEYS*"
	keys q
	restored 0
	top_on 80 10
	shows "*nothing runs here*"
	keys C-c
	restored 0
	for signal in TERM HUP INT; do
		top_on 80 10
		shows "*nothing runs here*"
		kill -"$signal" "$(view_pid)"
		restored $((128 + $(kill -l "$signal")))
	done
	# By the key and by the signal: the shell has a usable terminal meanwhile, and
	# the view goes on.
	terminal new-session -d -x 80 -y 10 "env PS1='ready> ' bash --norc -i"
	shows "*ready>*"
	for stop in "keys C-z" 'kill -TSTP "$(view_pid)"'; do
		keys "stty -g >$work/before; $BLACKHOLE --root $root top" Enter
		shows "*nothing runs here*"
		eval "$stop"
		shows "*Stopped*"
		[[ $(terminal display-message -p '#{alternate_on} #{cursor_flag}') == "0 1" ]]
		keys "clear; stty -g >$work/after" Enter
		wait_until test -s "$work/after"
		[[ $(<"$work/after") == "$(<"$work/before")" ]]
		rm "$work/after"
		keys "fg" Enter
		shows "*nothing runs here*q quit*"
		keys '?'
		shows "*KEYS*"
		keys q
		shows "*ready>*"
		keys "clear" Enter
		hides "*nothing*"
	done
	# A terminal that goes away, while it is shown or stopped, takes it along.
	for stop in true "keys C-z"; do
		keys "$BLACKHOLE --root $root top" Enter
		shows "*nothing runs here*"
		eval "$stop"
		[[ $stop == true ]] || shows "*Stopped*"
		end_terminal
		wait_until no_view
		terminal new-session -d -x 80 -y 10 "env PS1='ready> ' bash --norc -i"
		shows "*ready>*"
	done
}

@test "top has colours, and none with NO_COLOR; ASCII where there is no more" {
	load_config
	colours() { terminal capture-pane -p -e | grep -cE $'\e\\[([0-9;]*;)?[34][0-7](;|m)'; }
	top_on 80 14
	shows "*${pre}burn*▁*"
	(($(colours) > 1))
	end_terminal
	export NO_COLOR=1
	top_on 80 14
	shows "*${pre}bad*failed*"
	[[ $(colours) == 0 ]]
	end_terminal
	unset NO_COLOR
	LC_ALL=C top_on 80 14 "--sort name"
	wait_for 20 at_least burn CPU% 1
	run ! grep -qP "[^\\x00-\\x7f]" <(pane)
	wait_for 20 ascii_history
}

ascii_history() { [[ $(pane | grep "^${pre}burn") == *[_.:=+*#-] ]]; }

@test "top refuses what it cannot do, with a hint" {
	mkdir -p "$root"
	fails "cannot show a live view: *not a terminal; blackhole status*" bhs top
	fails 'cannot use --delay "0.01"*' bhs top -b -d 0.01
	fails 'cannot use --delay "soon"*' bhs top -b -d soon
	fails 'cannot use --sort "cpi": there is no column "cpi"; there are name, state,*' bhs top -b --sort cpi
	fails 'cannot use --width 3: *' bhs top -b -w 3
	fails 'cannot use --iterations -1: *' bhs top -b -n -1
	fails "cannot use --width without --batch" bhs top -w 90
	fails 'cannot use --format "xml"*' bhs top -b --format xml
	fails 'cannot show "nobody": *' bhs top -b nobody
	# On a terminal too it says so before it takes the terminal.
	on_terminal 80 10 "$BLACKHOLE --root $root top nobody"
	shows '*cannot show "nobody": *ended*'
	[[ $(<"$work/code") == 1 ]]
	end_terminal
	on_terminal 80 10 "TERM=nonsense $BLACKHOLE --root $root top"
	shows '*cannot use the terminal (TERM="nonsense")*ended*'
	end_terminal
	mkdir "$work/alone"
	cp "$BLACKHOLE" "$BLACKHOLE-services" "$work/alone"
	on_terminal 120 10 "$work/alone/blackhole --root $root top"
	shows '*cannot show a live view: the program blackhole-top is neither*ended*'
}

# batch_is NAME JQ: a sample says so; on a busy host not each one does.
batch_is() {
	bhs top -b -n 1 -d 0.5 --format json |
		jq -e --arg n "$pre$1" '.supervisor_pid > 0 and (.containers[] | select(.name == $n) | '"$2)" >/dev/null
}

@test "top --batch prints tables, or JSON, and stops with its reader" {
	load_config
	run -0 bhs top -b -n 2 -d 0.5
	[[ $(grep -c ^SERVICE <<<"$output") == 2 && $(grep -c "^${pre}burn " <<<"$output") == 2 ]]
	[[ $(grep "^${pre}burn " <<<"$output" | tail -1) == *48.0M*64.0M* ]]
	[[ $output != *" columns"* ]] # all of them
	run -0 bhs top -b -n 1 -w 60 -d 0.5
	[[ $output == *"of"*columns && $output == *SERVICE* ]]
	awk 'length($0) > 60 { exit 1 }' <<<"$output"
	run -0 bhs top -b -n 1 -d 0.5 "${pre}idle"
	[[ $output == *"${pre}idle"* && $output != *"${pre}burn"* ]]
	bhs top -b -n 2 -d 0.5 --format json >"$work/out"
	[[ $(jq -s length "$work/out") == 2 ]]
	wait_for 60 batch_is burn '.rates.cpu_cores > 0.01 and .rates.cpu_cores < 0.1 and .rates.throttled_share > 0.5
		and .stats.memory.soft == 50331648 and .service.restarts == 0'
	jq -es --arg n "${pre}bad" '.[1].containers[] | select(.name == $n) | .state == "failed" and (has("rates") or has("stats") | not)' "$work/out"
	[[ $(bhs top -b -d 0.2 | head -n 1) == *running* ]]
	bhs top -b -n 1 --sort name -d 0.2 | awk '/^SERVICE/ { on = 1; next } on { print $1 }' >"$work/names"
	sort -c "$work/names"
}

@test "top goes on while the supervisor does not answer" {
	load_config
	kill -STOP "$(supervisor_pid)"
	run bhs top -b -n 1 -d 0.2
	kill -CONT "$(supervisor_pid)"
	[[ $status == 0 && $output == *"${pre}burn"*running* && $output == *"problem: the supervisor does not answer"* ]]
}

@test "status has the figures, of containers that are no services too" {
	load_config
	make_bundle "$bundle" sleep 1000
	bhs run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	run -3 bhs status # one is failed
	[[ $output == *SERVICE*STATE*RST*THR%*MEM*SOFT*LIMIT*FDS*PSI%*REASON* && $output == *"${pre}burn"*48.0M*64.0M* && $output == *"$id"*running* ]]
	[[ $output == *"gave up after 1 restarts: exit code 3"* && $output == *"${pre}bad: alert: failed since"* ]]
	run -0 bhs status "$id" "${pre}burn"
	[[ $output != *"${pre}bad"* && $output == *"$id"* ]]
	bhs status --format json >"$work/out" || [[ $? == 3 ]]
	[[ $(jq -r '.containers[].name' "$work/out") == "$id" && $(jq '.containers[0].stats.pids.current' "$work/out") == 1 ]]
	[[ $(jq '.services | length' "$work/out") == 3 ]]
	fails '*cannot find service "nobody"*' bhs status nobody
	on_terminal 70 20 "$BLACKHOLE --root $root status"
	shows "*SERVICE*STATE*columns*" 
	bhs kill "$id" KILL
	wait_until not_running
	run -3 bhs status "$id"
}

not_running() { [[ $(bhs state "$id" | jq -r .status) == stopped ]]; }

@test "top sees the network, its limit and its drops" {
	write_config <<-'Y'
		services:
		  @net:
		    executable: /usr/bin/socat
		    args: [-u, "OPEN:/dev/zero", "TCP-LISTEN:7000,fork,reuseaddr"]
		    resources: {network: {bandwidth: {ingress_rate: 10mbit, egress_rate: 4mbit}}}
		    stop: {timeout: 0s}
	Y
	unshare -n -m --propagation private bash -euo pipefail -c "
		mount -t tmpfs tmpfs /run
		ip link set lo up
		bh() { timeout 60 $BLACKHOLE --root $root \"\$@\"; }
		bh up -d -c $config
		address=\$(ip netns exec ${pre}net ip -4 -br addr show eth0 | awk '{ sub(\"/.*\", \"\", \$3); print \$3 }')
		timeout 20 busybox nc \$address 7000 </dev/null >/dev/null & reader=\$!
		sleep 1
		bh top -b -n 2 -d 1 --format json >$work/out
		bh top -b -n 1 -d 1 >$work/text
		bh status --format json >$work/status
		kill \$reader || true
		bh down" 3>&-
	# 4 mbit are 500000 bytes a second of what programs send; on the wire some more.
	jq -es '.[1].containers[0] | .rates.tx_bytes_per_second > 300000 and .rates.tx_bytes_per_second < 700000
		and .stats.network.egress_shaping.rate_bytes_per_second == 500000' "$work/out"
	grep -q "^${pre}net " "$work/text"
	jq -e '.services[0].stats.network.tx_bytes > 100000' "$work/status"
}
