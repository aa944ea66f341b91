package supervisor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a service writes while its log is rotated is neither lost nor torn.
func TestRotationLosesNothing(t *testing.T) {
	p := Paths{Logs: t.TempDir()}
	l, err := openLog(p.log("a"), 10_000, 1000, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	// As a service has it: a descriptor of its own.
	out, err := os.OpenFile(p.log("a"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	const lines = 20_000
	var writer sync.WaitGroup
	writer.Go(func() {
		defer out.Close()
		for i := range lines {
			fmt.Fprintf(out, "line %d\n", i)
		}
	})
	done := make(chan struct{})
	go func() { writer.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if err := l.tend(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(l.rotated(3)); err != nil {
		t.Fatalf("never rotated: %v", err)
	}
	got := readAll(t, p, LogOptions{Lines: -1})
	for i, line := range got {
		if want := fmt.Sprintf("line %d", i); line != want {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	if len(got) != lines {
		t.Errorf("%d lines, want %d", len(got), lines)
	}
	if info, err := os.Stat(p.log("a")); err != nil || l.start < info.Size()-10_000 {
		t.Errorf("the file holds more than its size allows: from %d to %d, %v", l.start, info.Size(), err)
	}
	if last := readAll(t, p, LogOptions{Lines: 3}); strings.Join(last, ",") != "line 19997,line 19998,line 19999" {
		t.Errorf("the last three lines are %q", last)
	}

	// A supervisor that starts again finds where the hole ends.
	again, err := openLog(p.log("a"), 10_000, 1000, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if again.start != l.start {
		t.Errorf("after reopening the data begin at %d, want %d", again.start, l.start)
	}
}

func TestRotationKeepsAsManyFiles(t *testing.T) {
	p := Paths{Logs: t.TempDir()}
	l, err := openLog(p.log("a"), 1000, 3, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for i := range 1000 {
		fmt.Fprintf(l.f, "line %d\n", i)
	}
	if err := l.tend(time.Now()); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(p.log("a") + "*")
	if err != nil || len(names) != 4 { // the log, its index, and two of before
		t.Errorf("files: %v %v", names, err)
	}
	got := readAll(t, p, LogOptions{Lines: -1})
	if len(got) == 0 || got[len(got)-1] != "line 999" || len(got) > 3000/8 {
		t.Errorf("%d lines, from %q", len(got), got[:min(3, len(got))])
	}
}

func TestSince(t *testing.T) {
	p := Paths{Logs: t.TempDir()}
	l, err := openLog(p.log("a"), 1000, 3, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	begin := time.Now().Truncate(time.Second)
	for i := range 5 {
		fmt.Fprintf(l.f, "second %d\n", i)
		if err := l.tend(begin.Add(time.Duration(i) * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintln(l.f, "not looked at yet")
	for _, row := range []struct {
		since time.Time
		first string
		lines int
	}{
		{begin.Add(-time.Hour), "second 0", 6},
		{begin.Add(2 * time.Second), "second 2", 4},
		{begin.Add(time.Hour), "not looked at yet", 1},
	} {
		got := readAll(t, p, LogOptions{Lines: -1, Since: row.since})
		if len(got) != row.lines || got[0] != row.first {
			t.Errorf("since %s: %q, want %d from %q", row.since, got, row.lines, row.first)
		}
	}
}

func readAll(t *testing.T, p Paths, o LogOptions) []string {
	t.Helper()
	var got []string
	err := p.ReadLogs(context.Background(), o, func(_, line string) error {
		got = append(got, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}
