package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// services are the services of one configuration, all the same: each runs
// benchmarks/stamp.c, which notes in a file when it lives. Numbers name them.
type services struct {
	b      *bench
	mode   string // network mode
	count  int
	config string
	stamps string
	root   string
	log    string // what up says
}

func (b *bench) newServices(mode string, count int) (*services, error) {
	folder := filepath.Join(b.folder, "up-"+mode)
	s := &services{
		b: b, mode: mode, count: count, config: filepath.Join(folder, "blackhole.yaml"), stamps: filepath.Join(folder, "stamps", "list"),
		root: filepath.Join(states, "up-"+mode), log: filepath.Join(folder, "log"),
	}
	if err := os.MkdirAll(filepath.Dir(s.stamps), 0o755); err != nil {
		return nil, err
	}
	var c strings.Builder
	fmt.Fprintf(&c, "resource_isolation:\n  defaults: {cpu: {quota: 1.0}, memory: {limit: 64M, soft: 48M}, pids: {limit: 32}, network: {mode: %s}}\n", mode)
	fmt.Fprintf(&c, "  network: {bridge: bench1, subnet: 10.98.0.0/16}\nservices:\n")
	for i := range count {
		fmt.Fprintf(&c, "  %s: {executable: %s, args: [%q, %q], filesystem: {writable: [%q]}, stop: {timeout: 2s},\n",
			s.name(i), b.stamp, s.stamps, s.name(i), filepath.Dir(s.stamps))
		fmt.Fprintf(&c, "    restart: {policy: always, max_retries: 0, backoff: %s, max_backoff: %[1]s}}\n", s.backoff(i))
	}
	return s, os.WriteFile(s.config, []byte(c.String()), 0o644)
}

func (s *services) name(i int) string { return fmt.Sprintf("bench%d-%d", os.Getpid(), i) }

// backoff: the last of them waits for the default backoff after a crash, the
// others not at all.
func (s *services) backoff(i int) time.Duration {
	if i == s.count-1 {
		return defaultBackoff
	}
	return 0
}

const defaultBackoff = 100 * time.Millisecond

func (s *services) bundle(i int) string {
	return filepath.Join(filepath.Dir(s.config), fmt.Sprintf("bundle-%d", i))
}

// blackhole runs one command of ours. Its output goes to a file: a pipe would
// be held open by what goes on in the background.
func (s *services) blackhole(words ...string) error {
	f, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd := exec.Command(s.b.peers[0].program, append([]string{"--root", s.root}, words...)...)
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(s.log)
		more, _ := os.ReadFile(filepath.Join(s.root, "@supervisor", "log", "supervisor.out"))
		return fmt.Errorf("blackhole %v: %w: %s %s", words, err, tail(text), tail(more))
	}
	return nil
}

// writeBundles writes the bundles from first to before last, for other runtimes.
func (s *services) writeBundles(first, last int) error {
	for i := first; i < last; i++ {
		if err := s.blackhole("bundle", "-c", s.config, s.name(i), s.bundle(i)); err != nil {
			return err
		}
	}
	return nil
}

// stamped are the last times that a program noted, in ns since 1970.
type stamped struct {
	starts   int // of all services
	lastOf   map[string]int64
	last     int64 // start of all
	lastEnds map[string]int64
}

func (s *services) read() (stamped, error) {
	t := stamped{lastOf: map[string]int64{}, lastEnds: map[string]int64{}}
	f, err := os.Open(s.stamps)
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var name, what string
		var at int64
		if _, err := fmt.Sscan(lines.Text(), &name, &what, &at); err != nil {
			return t, fmt.Errorf("%s: %q: %w", s.stamps, lines.Text(), err)
		}
		if what == "end" {
			t.lastEnds[name] = at
			continue
		}
		t.starts++
		t.lastOf[name] = at
		t.last = max(t.last, at)
	}
	return t, nil
}

// forget empties the list of times; programs that run have it open.
func (s *services) forget() error {
	err := os.Truncate(s.stamps, 0)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return err
}

// wait waits until so many programs have started.
func (s *services) wait(starts int) (stamped, error) {
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		t, err := s.read()
		switch {
		case err != nil || t.starts >= starts:
			return t, err
		case s.b.stopped():
			return t, errStopped
		case time.Now().After(end):
			return t, fmt.Errorf("%d of %d programs started in two minutes", t.starts, starts)
		}
	}
}

// decisions are the times at which the supervisor decided to start its services
// since the time from: its events "starting", which it tells as it begins.
func (s *services) decisions(from int64) ([]int64, error) {
	data, err := os.ReadFile(filepath.Join(s.root, "@supervisor", "log", "events.jsonl"))
	if err != nil {
		return nil, err
	}
	var at []int64
	for _, line := range bytes.Split(data, []byte("\n")) {
		var e struct {
			Time  time.Time
			State string
		}
		if json.Unmarshal(line, &e) == nil && e.State == "starting" && e.Time.UnixNano() >= from {
			at = append(at, e.Time.UnixNano())
		}
	}
	if len(at) == 0 {
		return nil, fmt.Errorf("the supervisor tells of no start since %s", time.Unix(0, from).Format(time.RFC3339Nano))
	}
	return at, nil
}

// oneLife starts a service, has it crash and waits until it runs again, and stops
// it; then the same with the one that has a backoff. While another runtime is
// measured, nothing of ours is there.
func (s *services) oneLife(count bool) (err error) {
	for _, i := range []int{0, s.count - 1} {
		err = s.up(1, count && i == 0, s.name(i))
		if err == nil {
			settle()
			err = s.crash(i, count)
		}
		if err = errors.Join(err, s.blackhole("down")); err != nil {
			break
		}
	}
	return err
}

// crash ends the running program of a service by a crash and waits until it
// runs again.
func (s *services) crash(i int, count bool) error {
	ours := s.b.peers[0]
	out, err := exec.Command(ours.program, "--root", s.root, "state", s.name(i)).Output()
	var state struct{ Pid int }
	if err == nil {
		err = json.Unmarshal(out, &state)
	}
	if err != nil {
		return fmt.Errorf("blackhole state: %w", err)
	}
	if err := s.forget(); err != nil {
		return err
	}
	if err := syscall.Kill(state.Pid, syscall.SIGUSR1); err != nil {
		return err
	}
	t, err := s.wait(1)
	if err != nil {
		return err
	}
	end, ok := t.lastEnds[s.name(i)]
	if !ok {
		return errors.New("the program did not note its end")
	}
	if !count {
		return nil
	}
	what := mCrash
	if s.backoff(i) > 0 {
		what = mBackoff
	}
	s.b.results.add(key{s.variant(), 1, what, ours.name}, float64(t.last-end-s.backoff(i).Nanoseconds())/1e6)
	return nil
}

func (s *services) variant() string { return "service, network " + s.mode }

// byCommands has another runtime run the bundles from first on, count of them
// at a time: create and start each.
func (s *services) byCommands(p *peer, first, lives int, count bool) (err error) {
	id := fmt.Sprintf("bench%d-@", os.Getpid())
	bundle := filepath.Join(filepath.Dir(s.config), "bundle-@")
	if err := s.forget(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, derr := s.b.measure.run(nil, first, lives, p.args("delete", "--force", id))
			err = errors.Join(err, derr)
		}
	}()
	took, err := s.b.measure.run(nil, first, lives,
		p.args("create", "--bundle", bundle, "--pid-file", filepath.Join(s.b.folder, "pid-@"), id), p.args("start", id))
	if err != nil {
		return err
	}
	t, err := s.wait(lives)
	if err != nil {
		return err
	}
	if count {
		s.b.results.add(key{s.variant(), lives, mFirst, p.name}, float64(t.last-took.began.UnixNano())/1e6)
	}
	if _, err := s.b.measure.run(nil, first, lives, p.args("kill", id, "KILL")); err != nil {
		return err
	}
	if _, err := s.b.reap(first, lives); err != nil {
		return err
	}
	_, err = s.b.measure.run(nil, first, lives, p.args("delete", id))
	return err
}

// together starts all services under up and stops them.
func (s *services) together(lives int, count bool) error {
	err := s.up(lives, count)
	return errors.Join(err, s.blackhole("down"))
}

// up starts all services, or those named, and waits for their programs' first
// instructions.
func (s *services) up(lives int, count bool, names ...string) error {
	if err := s.forget(); err != nil {
		return err
	}
	before := time.Now().UnixNano()
	err := s.blackhole(append([]string{"up", "-d", "-c", s.config}, names...)...)
	if err == nil {
		var t stamped
		if t, err = s.wait(lives); err == nil && count {
			var decided []int64
			if decided, err = s.decisions(before); err == nil {
				s.b.results.add(key{s.variant(), lives, mFirst, s.b.peers[0].name}, float64(t.last-decided[0])/1e6)
			}
		}
	}
	return err
}
