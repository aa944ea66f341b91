package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// services measures services under up beside the same bundles run by commands
// of the other runtimes.
func (b *bench) services() error {
	for _, mode := range b.modes {
		for _, count := range b.counts {
			err := error(nil)
			switch {
			case count == 1:
				err = b.oneService(mode)
			case count > 10 && mode == b.modes[0]:
				err = b.manyServices(mode, count)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// oneService starts a service and lets it crash, again and again; the others run
// another service's bundle of the same configuration in between.
func (b *bench) oneService(mode string) error {
	s, err := b.newServices(mode, 2)
	if err != nil {
		return err
	}
	if err := s.writeBundles(1, 2); err != nil {
		return err
	}
	for i := range b.n + 1 {
		b.progress("service, network %s: %d of %d", mode, i, b.n)
		for _, p := range rotated(b.peers, i) {
			settle()
			if p == b.peers[0] {
				err = s.oneLife(i > 0)
			} else {
				err = s.byCommands(p, 1, 1, i > 0)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) manyServices(mode string, count int) error {
	s, err := b.newServices(mode, count)
	if err != nil {
		return err
	}
	b.progress("%d services: bundles", count)
	if err := s.writeBundles(0, count); err != nil {
		return err
	}
	n := b.rounds(count)
	for i := range n {
		b.progress("%d services, network %s: %d of %d", count, mode, i, n)
		for _, p := range rotated(b.peers, i) {
			if p == b.peers[0] {
				err = s.together(count, true)
			} else {
				err = s.byCommands(p, 0, count, true)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// yardstick measures the bare system calls of benchmarks/bare.c.
func (b *bench) yardstick(v variant, count bool) error {
	network := "net"
	switch v.name {
	case "plain":
		network = "nonet"
	case "netns":
	default: // it has neither filter nor hook
		return nil
	}
	groups, err := cgroupFolders(fmt.Sprintf("bench%d-bare", os.Getpid()))
	if err != nil {
		return err
	}
	command := append([]string{b.bare, filepath.Join(v.bundle, "rootfs"), network}, groups...)
	t, err := b.measure.run(nil, 0, 1, append(command, "--", "/bin/sleep", "1000"))
	if err != nil {
		return err
	}
	if count {
		b.results.add(key{v.name, 1, mWhole, "bare calls"}, t.ms())
		b.results.add(key{v.name, 1, mCPU, "bare calls"}, float64(t.cpu.Microseconds())/1000)
	}
	return nil
}

// cgroupFolders names a child of this process's own cgroup in each hierarchy.
func cgroupFolders(name string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var folders []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		if at := strings.Fields(before); strings.HasPrefix(after, "cgroup") && strings.HasPrefix(at[4], "/sys/fs/cgroup") {
			folders = append(folders, filepath.Join(at[4], name))
		}
	}
	return folders, nil
}
