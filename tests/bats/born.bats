#!/usr/bin/env bats
# First processes are born in their cgroups: on cgroup v2, where the unit tests of that
# run in the guest. On other hosts they run with all others.
# shellcheck disable=SC2154

load helpers

setup() {
	not_runc "it moves them"
	[[ -e /sys/fs/cgroup/cgroup.controllers ]] || skip "go test has run these tests here, with cgroup v1"
	tests=$repo/build/tests/runtime.test
	if in_guest; then echo "+memory +pids" >/sys/fs/cgroup/cgroup.subtree_control; fi
}

# go_test PATTERN: each of them passes, and is there.
go_test() {
	cd "$repo/runtime" || return
	run -0 "$tests" -test.v -test.run "$1"
	[[ $output == *"--- PASS: "* && $output != *"--- SKIP: "* ]]
}

@test "nobody moves a first process, its limits hold, and libcontainer knows its cgroup afterwards" { go_test '^TestBornInItsCgroups$|^TestBornHasItsCgroup$|^TestBornAboveItsLimit$'; }

@test "with hooks, and where no process can be made, libcontainer moves it" { go_test '^TestNotBornWithHooks$|^TestNotBornWhereNoProcessCanBe$'; }

@test "one whose creator was killed before there were limits cannot be started, and can be removed" { go_test '^TestKilledBeforeTheLimits$'; }
