#!/usr/bin/env bats
# bats file_tags=beside
# A sample of `make faults`: something goes wrong at a system call, and nothing is
# left. What fails is printed as the command that tries it again alone.

load helpers

setup() {
	not_runc "it keeps no record of what it is about to make"
	faults=$(tool faults)
}

faults() { "$faults" -blackhole "$BLACKHOLE" "$@" 3>&- 4>&-; }

@test "killed or refused at a random call of some commands: nothing is left, the neighbour is as it was" {
	faults -pairs "${PAIRS:-6}" -stride "${STRIDE:-97}"
}

@test "a hook that is killed before its book is in place leaves no file beside it" {
	run -0 faults -command hook-down,update -fault kill -call renameat
	[[ ${lines[-1]} == all* && ${lines[-1]} != *-* ]]
}

@test "killed while it writes --pid-file: no other file is beside it" {
	run -0 faults -command create -fault kill -call linkat
	[[ ${lines[-1]} == all* && ${lines[-1]} != *-* ]]
	run -0 faults -command create -fault ENOSPC -call linkat # and one whose kernel refuses that has its file
	[[ ${lines[-1]} == all* && ${lines[-1]} != *-* ]]
}

@test "a supervisor to which an error happens once leaves no container to down" {
	run -0 faults -command down -fault ENOSPC -call pwrite64
	[[ ${lines[-1]} == all* && ${lines[-1]} != *-* ]]
}

@test "a cgroup that the kernel does not remove at the first time is removed" {
	run -0 faults -command delete -fault EBUSY,ENOMEM -call unlinkat -stride 6
	[[ ${lines[-1]} == all* && ${lines[-1]} != *-* ]]
}

@test "the network of a container whose poststop hook could not be run goes by delete --force or gc" {
	cp "$BLACKHOLE" "$BATS_TEST_TMPDIR/other" # of this very program, hooks are no processes
	run -0 faults -hooks "$BATS_TEST_TMPDIR/other" -command delete -fault ENOMEM -call clone
	[[ ${lines[-1]} == all* && ${lines[-1]} != *-* ]]
}
