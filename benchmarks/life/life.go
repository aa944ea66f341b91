package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// live takes containers through their whole lives: all are created by commands
// in parallel, then all are started, and so on. With count false nothing is kept.
func (b *bench) live(p *peer, v variant, number, lives int, count bool) (err error) {
	id := fmt.Sprintf("bench%d-%d-@", os.Getpid(), number)
	pids := filepath.Join(b.folder, "pid-@")
	var whole, cpu float64
	do := func(measure string, words ...string) error {
		if b.stopped() {
			return errStopped
		}
		t, err := b.measure.run(nil, 0, lives, p.args(words...))
		if err != nil {
			return err
		}
		used := float64(t.cpu.Microseconds()) / 1000
		switch measure {
		case mCreate, mStart, mDelete:
			whole += t.ms()
			cpu += used
		}
		if count {
			b.results.add(key{v.name, lives, measure, p.name}, t.ms())
			b.results.add(key{v.name, lives, cpuMeasure + measure, p.name}, used)
		}
		return nil
	}
	defer func() {
		if err != nil {
			_, derr := b.measure.run(nil, 0, lives, p.args("delete", "--force", id))
			err = errors.Join(err, derr)
		}
	}()
	if err := do(mCreate, "create", "--bundle", v.bundle, "--pid-file", pids, id); err != nil {
		return err
	}
	if err := do(mStart, "start", id); err != nil {
		return err
	}
	if lives == 1 {
		if err := do(mState, "state", id); err != nil {
			return err
		}
		if err := do(mExec, "exec", id, "/bin/true"); err != nil {
			return err
		}
	}
	if err := do(mKill, "kill", id, "KILL"); err != nil {
		return err
	}
	first, err := b.reap(0, lives)
	if err != nil {
		return err
	}
	cpu += first
	if err := do(mDelete, "delete", id); err != nil {
		return err
	}
	if count {
		b.results.add(key{v.name, lives, mWhole, p.name}, whole)
		b.results.add(key{v.name, lives, mCPU, p.name}, cpu)
	}
	return nil
}

// reap waits until the containers' programs are gone, and tells the processor
// time in ms that they used since they were cloned. They are children of this
// process (a subreaper) as soon as the command that made them has ended.
func (b *bench) reap(first, lives int) (used float64, err error) {
	for i := first; i < first+lives; i++ {
		pid, err := b.pid(i)
		if err != nil {
			return 0, err
		}
		var u unix.Rusage
		if _, err := unix.Wait4(pid, nil, 0, &u); err != nil {
			return 0, fmt.Errorf("cannot wait for process %d: %w", pid, err)
		}
		used += float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
	}
	return used, nil
}

func (b *bench) pid(i int) (int, error) {
	data, err := os.ReadFile(filepath.Join(b.folder, fmt.Sprintf("pid-%d", i)))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}
