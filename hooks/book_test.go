package hooks

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The last to leave removes the folder, and with it the lock that others wait
// for: still only one has it at a time.
func TestOneHasTheBook(t *testing.T) {
	n := &Network{Folder: filepath.Join(t.TempDir(), "book"), Names: t.TempDir()}
	var inside atomic.Int32
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 200 {
				b, err := n.open(true)
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two have the book at once")
				}
				time.Sleep(50 * time.Microsecond) // for others to come in
				inside.Add(-1)
				b.close()
			}
		})
	}
	wait.Wait()
	if _, err := os.Stat(n.Folder); err == nil {
		t.Error("the folder of an empty book is left")
	}
}

// A book that cannot be read is not taken for an empty one: its addresses
// would be given twice.
func TestUnreadableBook(t *testing.T) {
	n := &Network{Folder: t.TempDir(), Names: t.TempDir()}
	path := filepath.Join(n.Folder, bookName)
	if err := os.WriteFile(path, []byte(`{"boot": `), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and the lock is free again
		if _, err := n.open(true); err == nil || !strings.HasPrefix(err.Error(), "cannot read "+path+": ") {
			t.Errorf("got %v", err)
		}
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != `{"boot": ` {
		t.Errorf("the book is changed: %q %v", data, err)
	}
}

func TestStartTime(t *testing.T) {
	if start := startTime(os.Getpid()); start == 0 || start != startTime(os.Getpid()) {
		t.Errorf("of this process: %d", start)
	}
	if start := startTime(1 << 22); start != 0 {
		t.Errorf("of no process: %d", start)
	}
}
