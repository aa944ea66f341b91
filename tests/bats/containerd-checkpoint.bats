#!/usr/bin/env bats
# Checkpoints through containerd, both ways, where criu works.

load helpers
load containerd

setup() {
	# criu knows the kernels of its day; Debian's 3.17 fails on newer ones.
	criu check >/dev/null 2>&1 || skip "criu does not work with this kernel"
	containerd_setup
}
teardown() { [[ -z ${work:-} ]] || containerd_teardown; }

# count ID: a container that counts, so that going on can be told from starting
# again.
count() {
	ctr_run --detach --null-io "$1" sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/new; busybox mv /tmp/new /tmp/count; sleep 0.05; done'
	wait_until counted "$1" 5
}

# counted ID N: it has come beyond N.
counted() { (($(ctr_ task exec --exec-id "e$RANDOM" "$1" cat /tmp/count) > $2)); }

@test "a checkpoint that leaves the task running, and one that ends it" {
	export way
	for way in runc blackhole; do
		count "$way"
		task_call checkpoint "$way"
		is_task "$way" RUNNING
		counted "$way" 5
		count "$way-2" # containerd 1.6 does not save one container's specification twice
		task_call checkpoint "$way-2" exit
		wait_until is_task "$way-2" STOPPED
	done
}

@test "a container is saved with its processes, and another goes on with them" {
	export way
	for way in runc blackhole; do
		count "$way"
		wait_until counted "$way" 60
		ctr_ container checkpoint --rw --image --task "$way" "example.org/$way:1"
		ctr_ task rm --force "$way" >/dev/null 2>&1 || true # it tells the exit code
		ctr_ container rm "$way"
		ctr_ container restore --rw --live "$way-again" "example.org/$way:1"
		is_task "$way-again" RUNNING
		counted "$way-again" 60 # which a new start would take three seconds for
	done
}
