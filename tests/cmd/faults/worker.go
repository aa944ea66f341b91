package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// worker tries the faults of one kind in one command, in pid, mount and network
// namespaces of its own.
type worker struct {
	job
	session *session
	reaper  *reaper

	device       string          // of /run, as /proc/locks has it
	residents    []int           // processes that are there between two cases
	clean        map[string]bool // what there is then
	foreign      map[string]bool // mounts of others, which go when their makers remove them
	neighbour    state
	address      string // of the neighbour
	limitsBefore string // the neighbour's
}

// job is what the parent asks of a worker.
type job struct {
	Binary, Hooks, Prefix, Command, Fault, Call string
	From, Stride, Only                          int

	binary, prefix string
}

// report is one line from a worker to its parent.
type report struct {
	Count   int    // calls of a clean run, in the first one
	N       int    // a case
	Hit     string // the call that the fault happened at, empty when it did not
	Problem string // the worker ends after one
	Broken  string // nothing can be tried
	Done    bool
}

func work(j job, out io.Writer) error {
	enc := json.NewEncoder(out)
	j.binary, j.prefix = j.Binary, j.Prefix
	w := &worker{job: j, session: &session{}, reaper: newReaper()}
	i := slices.IndexFunc(scenes(), func(s scene) bool { return s.name == j.Command })
	sc := scenes()[i]
	if err := w.setUp(); err != nil {
		return enc.Encode(report{Broken: err.Error()})
	}
	count, _, problem := w.try(sc, fault{kind: j.Fault, call: j.Call})
	if problem != "" {
		return enc.Encode(report{Broken: "without a fault: " + problem})
	}
	// Threads interleave, so another run may make some calls more.
	last := count + count/20 + 3
	if err := enc.Encode(report{Count: count}); err != nil {
		return err
	}
	if j.Only > 0 {
		j.From, last = j.Only, j.Only
	}
	for n := j.From; n <= last; n += j.Stride {
		_, hit, problem := w.try(sc, fault{kind: j.Fault, call: j.Call, n: n})
		if err := enc.Encode(report{N: n, Hit: hit, Problem: problem}); err != nil || problem != "" {
			return err
		}
	}
	return enc.Encode(report{Done: true})
}

// try is one case. It returns how many calls there were, the one that the fault
// happened at, and what is wrong afterwards.
func (w *worker) try(sc scene, f fault) (count int, hit, problem string) {
	if err := sc.prepare(w); err != nil {
		return 0, "", "cannot prepare: " + err.Error()
	}
	if err := os.RemoveAll(compiled); err != nil { // it is to be made, not only read
		return 0, "", "cannot prepare: " + err.Error()
	}
	w.session.arm(f)
	stdin := sc.stdin
	if stdin == "" {
		stdin = os.DevNull
	}
	code, said, err := w.run(stdin, sc.args(w)...)
	count, hit = w.session.disarm()
	w.session.awaitKilled()
	var errs []error
	switch {
	case err != nil:
		errs = append(errs, err)
	case hit == "" && code != 0:
		errs = append(errs, fmt.Errorf("exit code %d: %s", code, said))
	case hit != "" && errorNamed(f.kind) != 0:
		errs = append(errs, oneClearLine(code, said, sc.talks))
	}
	if sc.holds != nil && err == nil {
		errs = append(errs, sc.holds(w, code))
	}
	if err := sc.remove(w, f.n); err != nil {
		errs = append(errs, fmt.Errorf("cannot remove what is left: %w", err))
	}
	if left := w.settle(); left != "" {
		errs = append(errs, errors.New(left))
	}
	errs = append(errs, w.checkNeighbour())
	if err := errors.Join(errs...); err != nil {
		return count, hit, err.Error()
	}
	return count, hit, ""
}

// setUp makes the worker's own world, and the neighbour in it.
func (w *worker) setUp() error {
	for _, m := range []struct {
		from, to, kind string
		flags          uintptr
	}{
		{"", "/", "", unix.MS_REC | unix.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		{"tmpfs", "/run", "tmpfs", 0},
	} {
		if err := unix.Mount(m.from, m.to, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("cannot mount %s: %w", m.to, err)
		}
	}
	w.foreign = map[string]bool{}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		w.foreign[strings.Fields(line)[4]] = true
	}
	var stat unix.Stat_t
	if err := unix.Stat("/run", &stat); err != nil {
		return err
	}
	w.device = fmt.Sprintf("%02x:%02x:", unix.Major(stat.Dev), unix.Minor(stat.Dev))
	for _, dir := range []string{outputs, bundles} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	err = errors.Join(
		w.must("/usr/sbin/ip", "link", "set", "lo", "up"),
		w.writeBundle("neighbour", true), w.writeBundle(box, true), w.writeBundle("bare", false), w.writeBundle(half, true),
	)
	if err != nil {
		return err
	}
	if err := w.must(w.bh("run", "-d", "-b", bundleOf("neighbour"), "neighbour")...); err != nil {
		return err
	}
	if w.neighbour, err = w.state("neighbour"); err != nil {
		return err
	}
	w.limitsBefore = w.limits("neighbour")
	if w.address, err = addressOf("neighbour"); err != nil {
		return err
	}
	time.Sleep(20 * time.Millisecond) // what the bridge learns and IPv6 says once
	w.residents = processes()
	w.clean, err = w.snapshot()
	return err
}

// addressOf reads the book of the hooks.
func addressOf(id string) (string, error) {
	data, err := os.ReadFile("/run/blackhole-network/book.json")
	if err != nil {
		return "", err
	}
	var book struct {
		Containers map[string]struct {
			Address string `json:"address"`
		} `json:"containers"`
	}
	if err := json.Unmarshal(data, &book); err != nil {
		return "", err
	}
	return book.Containers[id].Address, nil
}
