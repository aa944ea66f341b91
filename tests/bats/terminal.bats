#!/usr/bin/env bats
# bats file_tags=beside
# Terminals: in the foreground the caller's own, else by a console socket.

load helpers

setup() {
	oci_setup
	configure '.process.terminal = true'
}
teardown() { oci_teardown; }

# on_terminal COMMAND: runs a shell command on a terminal of its own; its exit
# code is the command's.
on_terminal() { script -qec "$1" /dev/null 3>&-; }

@test "run gives the program a terminal" {
	in_sh 'tty; test -t 0 && test -t 1 && test -t 2 && echo all three; ls -l /dev/console; exit 3'
	run -3 on_terminal "$BLACKHOLE --root $root run -b $bundle $id </dev/null"
	[[ $output == */dev/pts/0* && $output == *"all three"* && $output == */dev/console* ]]
	nothing_left "$id"
}

@test "the program's terminal has the size of the caller's, and follows it" {
	not_runc "it sets the first size when the program already runs"
	program sh -c 'stty size; trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.05; done'
	# The runtime is in the background of a shell that changes the size of the
	# terminal they share.
	cat >"$work/inner" <<-END
		stty rows 33 cols 101
		$BLACKHOLE --root $root run -b $bundle $id >$work/out </dev/null &
		for i in \$(seq 200); do grep -q ready $work/out && break; sleep 0.05; done
		stty rows 44 cols 102
		wait
	END
	run on_terminal "sh $work/inner"
	grep -q "33 101" "$work/out"
	grep -q "44 102" "$work/out"
}

@test "the caller's terminal is raw meanwhile and as before afterwards" {
	program sh -c 'echo ready; sleep 0.5'
	cat >"$work/inner" <<-END
		stty -g >$work/before
		$BLACKHOLE --root $root run -b $bundle $id </dev/null >$work/out &
		for i in \$(seq 200); do grep -q ready $work/out && break; sleep 0.05; done
		stty -a >$work/meanwhile
		wait
		stty -g >$work/after
	END
	on_terminal "sh $work/inner"
	grep -q -- -icanon "$work/meanwhile"
	cmp "$work/before" "$work/after"
}

@test "what is typed reaches the program, line ends are the terminal's" {
	program cat
	run -0 bash -c "{ sleep 1; printf 'hello\n\004'; sleep 0.5; } | script -qec '$BLACKHOLE --root $root run -b $bundle $id' /dev/null 3>&-"
	[[ $output == *hello* ]]
	nothing_left "$id"
}

@test "run needs a terminal for a terminal" {
	run -1 setsid -w "$BLACKHOLE" --root "$root" run -b "$bundle" "$id" </dev/null
	[[ $output == *tty* || $output == *terminal* ]]
	nothing_left "$id"
}

@test "a container that cannot start gives the terminal its mode back" {
	program /does/not/exist
	cat >"$work/inner" <<-END
		stty -g >$work/before
		$BLACKHOLE --root $root run -b $bundle $id </dev/null >$work/out 2>$work/err && echo ran >>$work/err
		stty -g >$work/after
	END
	on_terminal "sh $work/inner"
	cmp "$work/before" "$work/after"
	grep -q /does/not/exist "$work/err"
	run ! grep -q ran "$work/err"
	nothing_left "$id"
}

@test "--console-socket receives the terminal" {
	program sh -c 'tty; read line; echo "got $line"; stty size'
	configure '.process.consoleSize = {height: 22, width: 77}'
	mkfifo "$work/in"
	"$(tool recvtty)" "$work/sock" <"$work/in" >"$work/out" 3>&- &
	background+=("$!")
	exec 9>"$work/in"
	wait_until test -S "$work/sock"
	bh create --console-socket "$work/sock" -b "$bundle" "$id" 9>&-
	bh start "$id" 9>&-
	wait_until grep -q /dev/pts/0 "$work/out"
	echo typed >&9
	wait_until grep -q "got typed" "$work/out"
	wait_until grep -q "22 77" "$work/out"
	exec 9>&-
	wait_until is_status "$id" stopped
	bh delete "$id"
}

@test "run --detach --console-socket receives the terminal" {
	program sh -c 'tty; sleep 1000'
	"$(tool recvtty)" "$work/sock" >"$work/out" </dev/null 3>&- &
	background+=("$!")
	wait_until test -S "$work/sock"
	bh run --detach --console-socket "$work/sock" -b "$bundle" "$id"
	wait_until grep -q /dev/pts/0 "$work/out"
	bh delete --force "$id"
}

@test "a relative console socket is the caller's, not the bundle's" {
	not_runc "it looks for the socket in the bundle"
	program sh -c 'tty; sleep 1000'
	"$(tool recvtty)" "$work/sock" >"$work/out" </dev/null 3>&- &
	background+=("$!")
	wait_until test -S "$work/sock"
	cd "$work"
	bh create --console-socket sock -b bundle "$id"
	bh start "$id"
	wait_until grep -q /dev/pts/0 "$work/out"
	bh delete --force "$id"
}

@test "a terminal and a console socket go together" {
	run -1 bh create -b "$bundle" "$id"
	[[ $output == *"console socket"* ]]
	run -1 bh run --detach -b "$bundle" "$id"
	[[ $output == *"console socket"* ]]
	configure '.process.terminal = false'
	run -1 bh create --console-socket "$work/sock" -b "$bundle" "$id"
	[[ $output == *"console socket"* ]]
	nothing_left "$id"
}
