package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// patience is more than any command needs, on a busy machine and built for the
// race detector: one that takes longer hangs.
const patience = 90 * time.Second

type container struct{ runtime, bundle, root, id string }

// outcome is how a command ended.
type outcome struct {
	code   int // -1: it was ended
	stderr string
}

// run runs a command of the runtime. Its standard error is a file: what the
// container inherits of it must not keep anybody waiting.
func (c *container) run(args ...string) outcome {
	f, err := os.CreateTemp(filepath.Dir(c.root), "stderr")
	if err != nil {
		return outcome{-1, err.Error()}
	}
	defer os.Remove(f.Name())
	defer f.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.runtime, append([]string{"--root", c.root}, args...)...)
	cmd.Stderr = f
	cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1")
	err = cmd.Run()
	text, rerr := os.ReadFile(f.Name())
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || rerr != nil {
		return outcome{-1, errors.Join(err, rerr).Error()}
	}
	return outcome{cmd.ProcessState.ExitCode(), string(text)}
}

// judge says what is wrong with how a command ended. Exit code 2 is the Go
// runtime's when it crashes, 66 the race detector's.
func (c *container) judge(name string, o outcome) []string {
	lines := strings.Split(strings.TrimRight(o.stderr, "\n"), "\n")
	switch {
	case o.code < 0, o.code == 2, o.code == 66, o.code >= 128 && !strings.HasPrefix(name, "exec"):
	case o.code != 0 && strings.HasPrefix(name, "exec") && o.stderr == "": // the program's own, or that it was killed
		return nil
	case strings.Contains(o.stderr, "DATA RACE"), strings.Contains(o.stderr, "goroutine "):
	case o.code != 0 && (len(lines) != 1 || lines[0] == ""):
	case name == "delete --force" && (o.code != 0 || o.stderr != ""):
	default:
		return nil
	}
	return []string{fmt.Sprintf("%s: exit code %d: %q", name, o.code, o.stderr)}
}

// left says what is left of a container that is deleted.
func (c *container) left() (left []string) {
	for _, path := range []string{filepath.Join(c.root, c.id), filepath.Join(c.root, "@"+c.id+".json")} {
		if _, err := os.Lstat(path); err == nil {
			left = append(left, "left: "+path)
		}
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == c.id {
			left = append(left, "left: "+path)
		}
		return nil // others come and go
	})
	mounts, _ := filepath.Glob("/proc/[0-9]*/mountinfo")
	for _, path := range mounts {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), c.bundle+"/") {
			left = append(left, "left: process "+filepath.Base(filepath.Dir(path)))
		}
	}
	os.RemoveAll(c.root + "-images")
	return left
}
