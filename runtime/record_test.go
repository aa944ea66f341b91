package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
)

func TestRecord(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	want := recordData{
		Bundle:      "/b",
		Cgroup:      &cgroups.Cgroup{Name: "x", Resources: &cgroups.Resources{}},
		CgroupPaths: map[string]string{"": "/c"},
		Poststop:    []*configs.Command{{Path: "/hook", Args: []string{"hook", "a"}}},
	}
	rec, err := r.newRecord("x", want)
	if err != nil {
		t.Fatal(err)
	}
	if !r.locked("x") {
		t.Error("a record is not locked while its container is created")
	}
	if _, err := r.newRecord("x", want); !errors.Is(err, libcontainer.ErrExist) {
		t.Errorf("a second creation: %v", err)
	}
	rec.unlock()
	if r.locked("x") {
		t.Error("the lock outlives its holder")
	}

	rec, err = r.openRecord("x")
	if err != nil {
		t.Fatal(err)
	}
	if rec.Bundle != "/b" || rec.CgroupPaths[""] != "/c" || rec.Poststop[0].Args[1] != "a" || rec.Cgroup.Resources == nil || rec.destroying {
		t.Errorf("read back: %+v", rec.recordData)
	}
	if err := rec.markDestroying(); err != nil {
		t.Fatal(err)
	}
	rec.unlock()
	rec, err = r.openRecord("x")
	if err != nil || !rec.destroying || rec.Bundle != "/b" {
		t.Errorf("marked: %+v, %v", rec, err)
	}
	for range 2 { // twice is no error
		if err := rec.remove(); err != nil {
			t.Error(err)
		}
	}
	if rec, err := r.openRecord("x"); rec != nil || err != nil {
		t.Errorf("removed: %v, %v", rec, err)
	}
}

// A creation that was killed while it wrote its record has made nothing.
func TestRecordCutShort(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	for _, text := range []string{"", "{", `{"bundle":"/b","cgroup_pa`} {
		if err := os.WriteFile(r.recordPath("x"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.Delete("x", false); !errors.Is(err, libcontainer.ErrNotExist) {
			t.Errorf("%q: %v", text, err)
		}
		if r.leftovers(t) != 0 {
			t.Errorf("%q is left", text)
		}
	}
}

// A record without a folder, of before the folder was made: the cgroups may be
// another container's, and stay.
func TestDeleteBeforeFolder(t *testing.T) {
	r := &Runtime{Root: t.TempDir(), Warn: func(err error) { t.Error(err) }}
	foreign := t.TempDir()
	hook := filepath.Join(t.TempDir(), "ran")
	rec, err := r.newRecord("x", recordData{
		Cgroup:      &cgroups.Cgroup{Path: "/x", Resources: &cgroups.Resources{}},
		CgroupPaths: map[string]string{"": foreign},
		Poststop:    []*configs.Command{{Path: "/bin/touch", Args: []string{"touch", hook}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rec.unlock()
	if err := r.Delete("x", true); err != nil {
		t.Fatal(err)
	}
	if missing(foreign) || !missing(hook) {
		t.Error("what was never made was removed")
	}
	if r.leftovers(t) != 0 {
		t.Error("the record is left")
	}
}

func TestDeleteWaitsForLock(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	rec, err := r.newRecord("x", recordData{})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := r.Delete("x", true); err != nil {
			t.Error(err)
		}
	})
	time.Sleep(50 * time.Millisecond)
	if missing(r.recordPath("x")) {
		t.Error("deleted under the lock of another")
	}
	rec.unlock()
	wait.Wait()
	if r.leftovers(t) != 0 {
		t.Error("not deleted when the lock was free")
	}
}

// Many creations of one id, in threads of one process as in several.
func TestOneRecordWins(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	var wait sync.WaitGroup
	won := make(chan *record, 50)
	for range 50 {
		wait.Go(func() {
			rec, err := r.newRecord("x", recordData{})
			if err == nil {
				won <- rec
			} else if !errors.Is(err, libcontainer.ErrExist) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if len(won) != 1 {
		t.Errorf("%d creations won", len(won))
	}
}

func TestRootLock(t *testing.T) {
	dir := t.TempDir()
	r := &Runtime{Root: filepath.Join(dir, "a", "b")}
	one, err := r.lockRoot()
	if err != nil {
		t.Fatal(err)
	}
	two, err := r.lockRoot()
	if err != nil {
		t.Fatal(err)
	}
	ran := false
	r.alone(nil, func() { ran = true })
	r.alone(one, func() { ran = true })
	if ran {
		t.Error("alone beside a creation")
	}
	two.unlock()
	r.alone(one, func() { ran = true })
	if !ran {
		t.Error("a holder of the lock is not alone")
	}
	one.unlock()
	ran = false
	r.alone(nil, func() { ran = true })
	if !ran {
		t.Error("not alone without a creation")
	}
	// The second found the folder there, so the first alone takes it away.
	_ = two.removeMade()
	if missing(r.Root) {
		t.Error("removed what another made")
	}
	_ = one.removeMade()
	if !missing(filepath.Join(dir, "a")) || missing(dir) {
		t.Error("not exactly what was made was removed")
	}
	if _, err := (&Runtime{Root: "relative"}).lockRoot(); err == nil {
		t.Error("a relative state folder is taken")
	}
}
