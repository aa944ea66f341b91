package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memory measures what creating a container takes, in two ways: the resident
// memory of the largest process (ru_maxrss of the command and of the children it
// waited for, shared pages included), and the peak of everything that the
// kernel charges to a cgroup in which the command and all it starts run: what
// its processes have at the same time, their page tables and sockets, and the files
// that they were the first to read or write. Charges come in portions of up to
// 64 pages for each processor.
func (b *bench) memory(p *peer, v variant, number int, count bool) (err error) {
	group, peak, err := memoryCgroup(fmt.Sprintf("bench%d-memory", os.Getpid()))
	if err != nil {
		return err
	}
	id := fmt.Sprintf("bench%d-%d-0", os.Getpid(), number)
	defer func() {
		if err != nil {
			_, derr := b.measure.run(nil, 0, 1, p.args("delete", "--force", id))
			err = errors.Join(err, derr)
		}
		err = errors.Join(err, os.Remove(group))
	}()
	inside := []string{"/bin/sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, group}
	t, err := b.measure.run(inside, 0, 1, p.args("create", "--bundle", v.bundle, "--pid-file", filepath.Join(b.folder, "pid-0"), id))
	if err != nil {
		return err
	}
	charged, err := os.ReadFile(filepath.Join(group, peak))
	if err != nil {
		return err
	}
	bytes, err := strconv.ParseFloat(strings.TrimSpace(string(charged)), 64)
	if err != nil {
		return err
	}
	if count {
		b.results.add(key{v.name, 1, mResident, p.name}, t.resident)
		b.results.add(key{v.name, 1, mCharged, p.name}, bytes/(1<<20))
	}
	if _, err := b.measure.run(nil, 0, 1, p.args("kill", id, "KILL")); err != nil {
		return err
	}
	if _, err := b.reap(0, 1); err != nil {
		return err
	}
	_, err = b.measure.run(nil, 0, 1, p.args("delete", id))
	return err
}

// memoryCgroup makes a cgroup below this process's own, on v1 or v2, and names
// the file that keeps the peak. On v2 it is a child of the root, where
// controllers can be handed on.
func memoryCgroup(name string) (folder, peak string, err error) {
	f, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if part := strings.SplitN(lines.Text(), ":", 3); part[1] == "memory" {
			folder = filepath.Join("/sys/fs/cgroup/memory", part[2], name)
			return folder, "memory.max_usage_in_bytes", os.Mkdir(folder, 0o755)
		}
	}
	if err := os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory"), 0); err != nil {
		return "", "", err
	}
	folder = filepath.Join("/sys/fs/cgroup", name)
	return folder, "memory.peak", os.Mkdir(folder, 0o755)
}
