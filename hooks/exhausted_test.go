package hooks

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// exhaust takes all descriptors; what it returns gives them back.
func exhaust(t *testing.T) (giveBack func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	low := old
	low.Cur = 128
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	var taken []int
	for {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	return func() {
		for _, fd := range taken {
			unix.Close(fd)
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
	}
}

// Nobody can tell whether a container runs: then it may.
func TestDescriptorsExhausted(t *testing.T) {
	e := entry{PID: os.Getpid(), Start: startTime(os.Getpid())}
	giveBack := exhaust(t)
	alive := e.alive()
	giveBack()
	if !alive {
		t.Error("a container counts as dead when nobody can tell")
	}
}

// Nor is the book taken for another boot's, which would be emptied.
func TestUnknownBoot(t *testing.T) {
	n := &Network{Folder: t.TempDir(), Names: t.TempDir()}
	b, err := n.open(true)
	if err != nil {
		t.Fatal(err)
	}
	b.Containers["storage"] = &entry{ID: "storage", Mode: "none", Name: "storage"}
	if err := b.save(); err != nil {
		t.Fatal(err)
	}
	b.close()
	old := bootFile
	bootFile = "/nonexistent"
	b, err = n.open(true)
	bootFile = old
	if err == nil {
		b.close()
		t.Error("the book is read")
	}
	if b, err = n.open(true); err != nil || b.Containers["storage"] == nil {
		t.Errorf("the container is forgotten: %v", err)
	}
	b.close()
}

// A hook that was killed while it wrote the book leaves a file beside it, which
// the next one removes.
func TestKilledWriter(t *testing.T) {
	n := &Network{Folder: filepath.Join(t.TempDir(), "folder"), Names: t.TempDir()}
	if err := os.Mkdir(n.Folder, 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(n.Folder, "."+bookName+".tmp123")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := n.open(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("it is still there")
	}
	b.close()
	if _, err := os.Stat(n.Folder); err == nil {
		t.Error("the folder is still there")
	}
}
