#!/usr/bin/env bats
# bats file_tags=beside
# Shell completion and manual pages.

load helpers

setup() {
	oci_setup
	not_runc "has its own"
	PATH=${BLACKHOLE%/*}:$PATH
}
teardown() { oci_teardown; }

# completed WORDS…: what bash offers for the last word.
completed() {
	bash -c 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _blackhole; printf "%s\n" "${COMPREPLY[@]}"' \
		"$repo/completions/blackhole.bash" "$@"
}

@test "bash completes commands, flags and files" {
	run -0 completed blackhole cre
	[[ $output == create ]]
	run -0 completed blackhole seccomp re
	[[ $output == record ]]
	run -0 completed blackhole --root "$root" --debug chec
	[[ $output == checkpoint ]]
	run -0 completed blackhole exec --add
	[[ $output == --additional-gids ]]
	run -0 completed blackhole delete --f
	[[ $output == --force ]]
	run -0 completed blackhole plan --he
	[[ $output == $'--headroom\n--help' ]]
	run -0 completed blackhole recommend --mi
	[[ $output == --min-evidence ]]
	run -0 completed blackhole audit --th
	[[ $output == --threshold ]]
	run -0 completed blackhole doctor --sa
	[[ $output == --sample ]]
	run -0 completed blackhole up --met
	[[ $output == --metrics ]]
	run -0 completed blackhole --sys
	[[ $output == --systemd-cgroup ]]
	run -0 completed blackhole run --bundle "$work/bun"
	[[ $output == "$work/bundle" ]]
	run -0 completed blackhole --log-format j
	[[ $output == json ]]
}

@test "bash completes the ids of the state folder in use" {
	bh create -b "$bundle" "$id"
	run -0 completed blackhole --root "$root" start t
	[[ $output == "$id" ]]
	run -0 completed blackhole --root "$root" top t
	[[ $output == "$id" ]]
	run -0 completed blackhole top --it
	[[ $output == --iterations ]]
	run -0 completed blackhole --root "$work/none" start t
	[[ -z $output ]]
}

@test "each command is completed by every shell's file" {
	local command
	for command in $("$BLACKHOLE" --generate-bash-completion); do
		run -0 completed blackhole "$command"
		[[ $command == h || $command == help || " ${lines[*]} " == *" $command "* ]]
	done
	for command in start state kill delete exec ps pause resume update events checkpoint; do
		grep -q "$command" "$repo/completions/_blackhole" && grep -q "$command" "$repo/completions/blackhole.fish"
		"$BLACKHOLE" "$command" --help | grep -q CONTAINER-ID
	done
}

@test "the manual pages are written, one a command" {
	"$BLACKHOLE" man "$work/man"
	[[ -s $work/man/blackhole.8 && -s $work/man/blackhole-seccomp-record.8 && -s $work/man/blackhole-exec.8 && ! -e $work/man/blackhole-man.8 ]]
	grep -q additional "$work/man/blackhole-exec.8"
	touch "$work/file"
	fails "cannot write the manual pages: *$work/file: not a directory" "$BLACKHOLE" man "$work/file"
	fails "blackhole man: takes one argument, not none*" "$BLACKHOLE" man
}
