package hooks

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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

// By a damaged book no file outside the folders and no link of somebody else's
// would be taken away: it is refused, and stays. That of a newer version is too.
func TestDamagedBook(t *testing.T) {
	for text, want := range map[string]string{
		`{"containers":{"a":null}}`:                                              `container "a" is null`,
		`{"containers":{"a":{"id":"b"}}}`:                                        `container "a" has the id "b"`,
		`{"containers":{"a":{"id":"a","name":"../../etc/x","named":true}}}`:      `"../../etc/x" cannot be the name`,
		`{"containers":{"a":{"id":"a","named":true}}}`:                           `"" cannot be the name`,
		`{"containers":{"a":{"id":"a","group":1}}}`:                              "1 is not a group of a container's links",
		`{"containers":{"a":{"id":"a","group":1651245056}}}`:                     "1651245056 is not a group", // all bridges
		`{"containers":{"a":{"id":"a","bundle":"../x"}}}`:                        `"../x" is not a bundle`,
		`{"containers":{"a":{"id":"a","bridge":"a/b","subnet":"10.0.0.0/8"}}}`:   `"a/b" cannot be an interface's name`,
		`{"containers":{"a":{"id":"a","bridge":"b0"}}}`:                          "no subnet",
		`{"version":2,"containers":{"a":{"id":"a","address":["another type"]}}}`: "it was written by a newer blackhole: its version is 2, and this one reads up to 1",
	} {
		n := &Network{Folder: t.TempDir(), Names: t.TempDir()}
		path := filepath.Join(n.Folder, bookName)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := n.open(true); err == nil || !strings.HasPrefix(err.Error(), "cannot read "+path+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != text {
			t.Errorf("the book is changed: %q, %v", data, err)
		}
		if e := n.peek("a"); e.ID != "a" || e.Group != 0 || e.Name != "" {
			t.Errorf("%s is read as %+v", text, e)
		}
	}
}

// The hosts file of a bundle is written, and no other: a damaged book may name
// any folder, and the host's own file is called the same.
func TestHostsFileOfABundleAlone(t *testing.T) {
	bundle, etc := t.TempDir(), t.TempDir()
	linked := t.TempDir()
	for _, path := range []string{bundle + "/config.json", bundle + "/hosts", etc + "/hosts", linked + "/config.json"} {
		if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(etc+"/hosts", linked+"/hosts"); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{bundle, etc, linked} {
		if err := overwrite(dir+"/hosts", "after"); (err != nil) != (dir == linked) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	for path, want := range map[string]string{bundle + "/hosts": "after", etc + "/hosts": "before"} {
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", path, data, err)
		}
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

// Who gave up waiting for the book does not get it later, behind everybody's back.
func TestLockIsGivenUp(t *testing.T) {
	folder := t.TempDir()
	holder, err := lockFolder(folder, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	if dir, err := lockFolder(folder, false, 20*time.Millisecond); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("%v %v", dir, err)
	}
	waits := make(chan error)
	go func() {
		dir, err := lockFolder(folder, false, time.Minute)
		if err == nil {
			dir.Close()
		}
		waits <- err
	}()
	time.Sleep(20 * time.Millisecond)
	holder.Close()
	if err := <-waits; err != nil {
		t.Error(err)
	}
	again, err := lockFolder(folder, false, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
