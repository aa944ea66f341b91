package collect

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"blackhole/supervisor"
	"blackhole/top"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü": "plain ü", "a\tb": "a b", "\x1b[31mred": ".[31mred", "bad\xffbyte": "bad.byte", "c1\u009bm": "c1.m", "del\x7f": "del.",
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestOtherLimits(t *testing.T) {
	write := func(dir string, files map[string]string) string {
		t.Helper()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	v2 := write(t.TempDir(), map[string]string{"cpu.max": "150000 100000\n", "io.max": "254:0 rbps=1048576\n254:16 wbps=5\n", "cpuset.cpus.effective": "\n"})
	want := []top.Setting{{Name: "cpu quota", Value: "1.5 CPUs (150000 µs of 100000)"}, {Name: "io.max", Value: "254:0 rbps=1048576, 254:16 wbps=5"}}
	if got := otherLimits(map[string]string{"": v2}); !slices.Equal(got, want) {
		t.Errorf("v2: %v", got)
	}
	cpu := write(t.TempDir(), map[string]string{"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n", "cpu.shares": "512\n"})
	want = []top.Setting{{Name: "cpu quota", Value: "none"}, {Name: "cpu.shares", Value: "512"}}
	if got := otherLimits(map[string]string{"cpu": cpu, "memory": t.TempDir()}); !slices.Equal(got, want) {
		t.Errorf("v1: %v", got)
	}
}

func TestQuotaText(t *testing.T) {
	for _, c := range [][3]string{
		{"max", "100000", "none"}, {"-1", "100000", "none"}, {"5000", "10000", "0.5 CPUs (5000 µs of 10000)"}, {"", "", ""}, {"1", "0", ""},
	} {
		if got := quotaText(c[0], c[1]); got != c[2] {
			t.Errorf("%s %s: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// A supervisor that accepts and says nothing costs a sample its patience, not
// more, and is not asked again until it answers.
func TestSilentSupervisor(t *testing.T) {
	paths := supervisor.Paths{Root: t.TempDir()}
	var a asker
	if reply, err := a.ask(paths); reply != nil || err != nil {
		t.Fatalf("none: %v, %v", reply, err)
	}
	if err := os.Mkdir(filepath.Join(paths.Root, "@supervisor"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(paths.Root, "@supervisor", "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	clients := make(chan net.Conn, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			clients <- c
		}
	}()
	for range 2 {
		if _, err := a.ask(paths); !errors.Is(err, errSilent) {
			t.Fatalf("silent: %v", err)
		}
	}
	if len(clients) != 1 {
		t.Errorf("asked %d times", len(clients))
	}
	c := <-clients
	if _, err := c.Write([]byte(`{"version":1,"pid":7,"services":[{"name":"a","state":"running"}]}` + "\n")); err != nil {
		t.Fatal(err)
	}
	c.Close()
	for deadline := time.Now().Add(20 * time.Second); ; {
		reply, err := a.ask(paths)
		if err == nil && reply.Pid == 7 {
			break
		}
		if !errors.Is(err, errSilent) || time.Now().After(deadline) {
			t.Fatalf("answered: %v, %v", reply, err)
		}
	}
}

// A folder that nothing was ever created in is no error; a name that nothing has
// is one.
func TestNothing(t *testing.T) {
	c := New(filepath.Join(t.TempDir(), "none"), nil)
	s, err := c.Sample()
	if err != nil || len(s.Containers) != 0 || len(s.Problems) != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	c.Names = []string{"x"}
	if err := c.Missing(s); !errors.Is(err, ErrUnknown) {
		t.Errorf("missing: %v", err)
	}
}
