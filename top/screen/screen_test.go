package screen

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"blackhole/runtime/stats"
	"blackhole/top"
)

// terminal is a screen in memory that remembers whether it was given back.
type terminal struct {
	tcell.SimulationScreen
	mu    sync.Mutex
	ended int
	frame string
}

// Show keeps what is to be seen.
func (s *terminal) Show() {
	s.SimulationScreen.Show()
	width, height := s.Size()
	var text strings.Builder
	for y := range height {
		for x := range width {
			cell, _, _ := s.Get(x, y)
			text.WriteString(cell)
		}
		text.WriteByte('\n')
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frame = text.String()
}

func (s *terminal) Fini() {
	s.mu.Lock()
	s.ended++
	s.mu.Unlock()
	s.SimulationScreen.Fini()
}

// source gives samples of three containers, or what the test says.
type source struct {
	mu    sync.Mutex
	n     uint64
	gone  string
	panic bool
	err   error
}

func (s *source) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *source) Sample() (*top.Sample, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panic {
		panic("the cgroup bit")
	}
	s.n++
	now := time.Now()
	out := &top.Sample{Time: now}
	for i, name := range []string{"alpha", "beta", "gamma"} {
		if name == s.gone {
			continue
		}
		usage, memory := uint64(i)*s.n*1e6, uint64(3-i)<<20
		out.Containers = append(out.Containers, &top.Container{
			Name: name, State: "running", Pid: 10 + i, At: now,
			Stats: &stats.Stats{CPU: &stats.CPU{UsageNS: &usage}, Memory: &stats.Memory{Current: &memory}},
		})
	}
	return out, s.err
}

func (s *source) More(name string) *top.More {
	return &top.More{Log: []string{"a line of " + name, strings.Repeat("日本", 30), strings.Repeat("é", 10)}}
}

// bench is a view on a terminal in memory.
type bench struct {
	t      *testing.T
	s      *terminal
	source *source
	done   chan error
}

func open(t *testing.T, width, height int) *bench {
	t.Helper()
	s := &terminal{SimulationScreen: tcell.NewSimulationScreen("UTF-8")}
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	s.SetSize(width, height)
	b := &bench{t, s, &source{}, make(chan error, 1)}
	go func() { b.done <- run(Options{Source: b.source, Delay: 60 * time.Millisecond, Sort: "name"}, s) }()
	t.Cleanup(func() {
		s.InjectKey(tcell.KeyCtrlC, 0, 0)
		select {
		case <-b.done:
		case <-time.After(20 * time.Second):
			t.Error("it did not end")
		}
	})
	return b
}

// frame is what is to be seen.
func (b *bench) frame() string {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	return b.s.frame
}

// sees waits for a frame.
func (b *bench) sees(what string, is func(frame string) bool) {
	b.t.Helper()
	frame := ""
	for range 400 {
		if frame = b.frame(); is(frame) {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	b.t.Fatalf("never seen: %s; last:\n%s", what, frame)
}

func (b *bench) has(text string) {
	b.t.Helper()
	b.sees(text, func(frame string) bool { return strings.Contains(frame, text) })
}

func (b *bench) hasNot(text string) {
	b.t.Helper()
	b.sees("without "+text, func(frame string) bool { return !strings.Contains(frame, text) })
}

func (b *bench) keys(keys ...any) {
	for _, k := range keys {
		switch k := k.(type) {
		case tcell.Key:
			b.s.InjectKey(k, 0, 0)
		case string:
			for _, r := range k {
				b.s.InjectKey(tcell.KeyRune, r, 0)
			}
		}
	}
}

// before is that one text comes above another.
func before(a, b string) func(string) bool {
	return func(frame string) bool {
		i, j := strings.Index(frame, a), strings.Index(frame, b)
		return i >= 0 && j >= 0 && i < j
	}
}

func TestKeys(t *testing.T) {
	b := open(t, 80, 12)
	b.sees("by name", before("alpha ", "gamma "))
	b.keys("c")
	b.sees("by CPU", before("gamma ", "alpha "))
	b.keys("r")
	b.sees("turned round", before("alpha ", "gamma "))
	b.keys("m")
	b.sees("by memory", before("alpha ", "gamma "))
	b.keys("m")
	b.sees("by memory, round", before("gamma ", "alpha "))
	b.keys("/bet")
	b.hasNot("alpha ")
	b.has("filter: bet")
	b.keys(tcell.KeyBackspace2, tcell.KeyBackspace2, tcell.KeyBackspace2, "zz")
	b.has(`nothing has "zz" in its name or state`)
	b.keys(tcell.KeyEscape)
	b.has("alpha ")
	b.keys("?")
	b.has("KEYS")
	b.keys("G")
	b.has("of 10 % if that is")
	b.keys(tcell.KeyEscape)
	b.has("alpha ")
	b.hasNot("SOFT")
	b.keys(tcell.KeyRight, tcell.KeyRight, tcell.KeyRight, tcell.KeyRight, tcell.KeyRight, tcell.KeyRight)
	b.has("SOFT")
}

// Until the user chooses a row, the selection is the first one, whichever that is.
func TestSelection(t *testing.T) {
	b := open(t, 80, 12)
	b.has("gamma ")
	b.keys("c")
	b.sees("by CPU", before("gamma ", "alpha "))
	b.keys(tcell.KeyEnter)
	b.has("gamma  running")
	b.keys(tcell.KeyEscape, tcell.KeyDown)
	b.keys("s")
	b.sees("by name", before("alpha ", "gamma "))
	b.keys("s")
	b.sees("by name, round", before("gamma ", "alpha "))
	b.keys(tcell.KeyEnter)
	b.has("beta  running") // it moved with its row
}

func TestDetailFollowsAndSurvives(t *testing.T) {
	b := open(t, 80, 40)
	b.has("gamma ")
	b.keys(tcell.KeyDown, tcell.KeyEnter)
	b.has("beta  running")
	b.has("a line of beta")
	// A line of characters of two cells ends at the edge, with a sign; the next is whole.
	b.sees("wide characters", func(frame string) bool {
		for line := range strings.SplitSeq(frame, "\n") {
			if strings.Contains(line, "日 本") {
				return strings.HasSuffix(line, "…") && strings.Contains(frame, "éééééééééé ")
			}
		}
		return false
	})
	b.source.set(func() { b.source.gone = "beta" })
	b.has("gone since")
	b.keys(tcell.KeyEscape)
	b.has("alpha ")
	b.hasNot("beta")
}

func TestResize(t *testing.T) {
	b := open(t, 200, 12)
	b.has("SOFT")
	b.s.SetSize(80, 5)
	b.hasNot("SOFT")
	b.has("rows 1-2 of 3")
	b.keys(tcell.KeyDown, tcell.KeyDown)
	b.has("rows 2-3 of 3")
	// Nothing has to fit, but nothing breaks either.
	for _, size := range [][2]int{{1, 1}, {5, 2}, {3, 30}, {0, 0}} {
		b.s.SetSize(size[0], size[1])
		b.keys(tcell.KeyEnter)
		time.Sleep(50 * time.Millisecond)
		b.keys(tcell.KeyEscape, "?", tcell.KeyEscape)
		time.Sleep(50 * time.Millisecond)
	}
	b.s.SetSize(80, 12)
	b.has("alpha ")
}

func TestSampleThatFails(t *testing.T) {
	b := open(t, 80, 12)
	b.has("alpha ")
	b.source.set(func() { b.source.err = errors.New("no such cgroup") })
	b.has("no such cgroup")
	b.has("alpha ") // what was seen last stays
	b.source.set(func() { b.source.err, b.source.panic = nil, true })
	b.has("cannot take a sample: the cgroup bit")
	b.source.set(func() { b.source.panic = false })
	b.hasNot("cannot take a sample")
}

func TestEnd(t *testing.T) {
	for name, end := range map[string]func(*bench){
		"q":      func(b *bench) { b.keys("q") },
		"Ctrl-C": func(b *bench) { b.keys(tcell.KeyCtrlC) },
	} {
		b := open(t, 80, 12)
		b.has("alpha ")
		end(b)
		select {
		case err := <-b.done:
			b.done <- err
			if err != nil || b.s.ended != 1 {
				t.Errorf("%s: %v, the terminal was given back %d times", name, err, b.s.ended)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s does not end it", name)
		}
	}
}

// faulty is a screen on which drawing panics.
type faulty struct{ *terminal }

func (f faulty) Show() { panic("cannot draw") }

func TestPanicGivesTheTerminalBack(t *testing.T) {
	s := &terminal{SimulationScreen: tcell.NewSimulationScreen("UTF-8")}
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); fmt.Sprint(p) != "cannot draw" || s.ended != 1 {
			t.Errorf("%v; the terminal was given back %d times", p, s.ended)
		}
	}()
	_ = run(Options{Source: &source{}, Delay: time.Second, Sort: "name"}, faulty{s})
}

func TestSamples(t *testing.T) {
	s := &terminal{SimulationScreen: tcell.NewSimulationScreen("UTF-8")}
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	from := &source{}
	if err := run(Options{Source: from, Delay: time.Millisecond, Samples: 3, Sort: "name"}, s); err != nil || from.n != 3 {
		t.Errorf("%v after %d samples", err, from.n)
	}
}
