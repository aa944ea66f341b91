package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// scene is a command under test.
type scene struct {
	name    string
	prepare func(w *worker) error
	args    func(w *worker) []string
	// talks: stderr is the container's as well, or tells what becomes of services.
	talks bool
	// stdin is a file; /dev/null when empty.
	stdin string
	// holds is asked after a fault and before anything is removed; may be nil.
	holds func(w *worker, code int) error
	// remove is what an operator does to be rid of what is left.
	remove func(w *worker, n int) error
}

const box = "box" // the container under test

// half is the bundle of a container that is never made to its end.
const half = "half"

// pidFile is in a folder that nobody sweeps.
const pidFile = "/run/faults/pid"

func scenes() []scene {
	oci := func(args ...string) func(*worker) []string {
		return func(w *worker) []string { return w.bh(args...) }
	}
	nothing := func(*worker) error { return nil }
	created := func(w *worker) error { return w.mustFiltered(w.bh("create", "-b", bundleOf(box), box)...) }
	running := func(w *worker) error { return w.must(w.bh("run", "-d", "-b", bundleOf(box), box)...) }
	stopped := func(w *worker) error {
		if err := errors.Join(running(w), w.must(w.bh("kill", box, "KILL")...)); err != nil {
			return err
		}
		return w.await(box, "stopped")
	}
	bare := func(w *worker) error {
		return errors.Join(w.must(w.bh("create", "-b", bundleOf("bare"), box)...), w.writeState())
	}
	up := func(w *worker) error {
		return errors.Join(w.writeServices(1), w.mustFiltered(w.bh("up", "-d", "-c", servicesFile)...))
	}
	return []scene{
		{name: "create", talks: true, prepare: nothing, args: oci("create", "--pid-file", pidFile, "-b", bundleOf(box), box), remove: removeBox},
		{name: "start", prepare: created, args: oci("start", box), remove: removeBox},
		{name: "run", talks: true, prepare: nothing, args: oci("run", "-d", "-b", bundleOf(box), box), remove: removeBox},
		{name: "exec", prepare: running, args: oci("exec", box, "true"), holds: boxRuns("running"), remove: removeBox},
		{
			name: "update", prepare: running, holds: oldOrNew, remove: removeBox,
			args: oci("update", "--pids-limit", "60", "--memory", "64M", "--ingress-rate", "2M", box),
		},
		{name: "pause", prepare: running, args: oci("pause", box), holds: boxRuns("running", "paused"), remove: removeBox},
		{name: "delete", prepare: stopped, args: oci("delete", box), remove: removeBox},
		{name: "delete-force", prepare: running, args: oci("delete", "--force", box), remove: removeBox},
		{
			name: "gc", args: oci("gc"), remove: func(w *worker, _ int) error { return w.must(w.bh("gc")...) },
			prepare: func(w *worker) error {
				code, _, err := w.plain(w.bh("create", "-b", bundleOf(half), box)...)
				if err == nil && code == 0 {
					err = errors.New("create was not killed")
				}
				return err
			},
		},
		{name: "hook-up", prepare: bare, args: oci("hook", "createRuntime"), stdin: stateFile, remove: removeNetwork},
		{
			name: "hook-down", stdin: stateFile, remove: removeNetwork, args: oci("hook", "poststop"),
			prepare: func(w *worker) error {
				return errors.Join(bare(w), succeeded([]string{"", "hook"})(w.runs(false, stateFile, w.bh("hook", "createRuntime"))))
			},
		},
		{
			name: "up", talks: true, args: oci("up", "-d", "-c", servicesFile), remove: removeServices,
			prepare: func(w *worker) error { return w.writeServices(1) },
		},
		{
			// Its end, its backoff and the creation of the next container beside it are
			// part of what up waits for.
			name: "crash", talks: true, args: oci("up", "-d", "-c", servicesFile), prepare: (*worker).writeCrashing,
			remove: func(w *worker, n int) error { return errors.Join(removeServices(w, n), os.RemoveAll(marks)) },
		},
		{
			name: "apply", talks: true, args: oci("apply"), remove: removeServices,
			prepare: func(w *worker) error { return errors.Join(up(w), w.writeServices(2)) },
		},
		{name: "down", talks: true, prepare: up, args: oci("down"), remove: removeServices},
	}
}

// removeBox is delete --force, or gc, which leaves a container that is whole.
func removeBox(w *worker, n int) error {
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if n%2 == 0 {
		return w.must(w.bh("delete", "--force", box)...)
	}
	if err := w.must(w.bh("gc")...); err != nil {
		return err
	}
	if w.lists(box) {
		return w.must(w.bh("delete", "--force", box)...)
	}
	return nil
}

// removeNetwork is what the runtime does when a hook failed, or gc after it.
func removeNetwork(w *worker, n int) error {
	remove := func() error { return w.must(w.bh("delete", "--force", box)...) }
	if n%2 == 0 {
		return errors.Join(succeeded([]string{"", "hook"})(w.runs(false, stateFile, w.bh("hook", "poststop"))), remove())
	}
	return errors.Join(remove(), w.must(w.bh("gc")...))
}

// removeServices ends them, with a supervisor or without.
func removeServices(w *worker, n int) error {
	if err := w.must(w.bh("down")...); err != nil {
		return err
	}
	if n%2 == 0 {
		return errors.Join(w.must(w.bh("delete", "--force", w.service("a"))...), w.must(w.bh("delete", "--force", w.service("b"))...))
	}
	return w.must(w.bh("gc")...)
}

// boxRuns: what is done to a container does not end it.
func boxRuns(as ...string) func(*worker, int) error {
	return func(w *worker, _ int) error {
		state, err := w.state(box)
		if err != nil {
			return err
		}
		if slices.Contains(as, state.Status) {
			return nil
		}
		return fmt.Errorf("the container is %s, not %s", state.Status, strings.Join(as, " or "))
	}
}

// oldOrNew: an update that fails leaves all limits as they were.
func oldOrNew(w *worker, code int) error {
	now := w.limits(box)
	has := func(pids, memory string) bool {
		return strings.Contains(now, "pids.max "+pids) && strings.Contains(now, " "+memory)
	}
	switch {
	case code > 125: // killed
		return nil
	case code == 0 && !has("60", "67108864"):
		return fmt.Errorf("update succeeded, and the limits are %q", now)
	case code != 0 && !has("50", "134217728"):
		return fmt.Errorf("update failed, and the limits are %q", now)
	}
	return nil
}

// state is what the binary tells of a container.
type state struct {
	Status string `json:"status"`
	Pid    int    `json:"pid"`
}

func (w *worker) state(id string) (s state, err error) {
	if err := w.must(w.bh("state", id)...); err != nil {
		return s, err
	}
	data, err := os.ReadFile(outputs + "out")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(data, &s)
}

func (w *worker) lists(id string) bool {
	_, _, _ = w.plain(w.bh("list", "-q")...)
	data, _ := os.ReadFile(outputs + "out")
	return slices.Contains(strings.Fields(string(data)), id)
}

func (w *worker) await(id, status string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		s, err := w.state(id)
		if err != nil || s.Status == status {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("container %s does not become %s", id, status)
		}
	}
}
