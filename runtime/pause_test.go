package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pause waits for who is on the way in, and for a creation; who comes later is
// refused.
func TestPauseWaits(t *testing.T) {
	dir, _ := newBundle(t, "sleep", "1000")
	r := &Runtime{Root: filepath.Join(t.TempDir(), "state"), Warn: func(err error) { t.Error(err) }}
	id := fmt.Sprintf("pause-%d", os.Getpid())
	if _, err := r.Create(CreateOptions{ID: id, Bundle: dir}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Delete(id, true); err != nil {
			t.Error(err)
		}
	}()
	status := func() string {
		s, err := r.State(id)
		if err != nil {
			t.Fatal(err)
		}
		return s.Status
	}
	release, started := r.lockPause(id, unix.LOCK_EX), make(chan error, 1)
	go func() { started <- r.Start(id, "") }()
	time.Sleep(200 * time.Millisecond)
	if got := status(); got != "created" {
		t.Errorf("during a pause: %s", got)
	}
	release()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	for name, hold := range map[string]func() func(){
		"a process on its way in": func() func() { return r.lockPause(id, unix.LOCK_SH) },
		"a creation": func() func() {
			rec, err := r.openRecord(id)
			if err != nil {
				t.Fatal(err)
			}
			return rec.unlock
		},
	} {
		release, paused := hold(), make(chan error)
		go func() { paused <- r.Pause(id) }()
		select {
		case err := <-paused:
			t.Errorf("%s: a pause did not wait: %v", name, err)
			paused = make(chan error, 1)
			paused <- nil
		case <-time.After(200 * time.Millisecond):
			if status() != "running" {
				t.Errorf("%s: paused meanwhile", name)
			}
		}
		release()
		if err := <-paused; err != nil || status() != "paused" {
			t.Errorf("%s: %v, and it is %s", name, err, status())
		}
		if _, err := r.Exec(ExecOptions{ID: id, Override: ProcessOverride{Args: []string{"true"}}}); err == nil || !strings.Contains(err.Error(), "container is paused") {
			t.Errorf("exec in a paused container: %v", err)
		}
		if err := r.Resume(id); err != nil {
			t.Error(err)
		}
	}
}

// One that hangs on its way in does not keep a container from being paused.
func TestPauseGoesWithout(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	if err := os.Mkdir(filepath.Join(r.Root, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	unlock := r.lockPause("x", unix.LOCK_SH)
	defer unlock()
	began := time.Now()
	r.lockPause("x", unix.LOCK_EX)()
	if took := time.Since(began); took < pausePatience {
		t.Errorf("it waited %s", took)
	}
}
