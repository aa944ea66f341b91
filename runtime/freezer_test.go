package runtime

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestEndFreezing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "freezer.state")
	for before, after := range map[string]string{"FREEZING\n": "THAWED", "FROZEN\n": "FROZEN\n", "THAWED\n": "THAWED\n"} {
		if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := endFreezing(dir); err != nil {
			t.Fatal(err)
		}
		if now, err := os.ReadFile(file); err != nil || string(now) != after {
			t.Errorf("%q became %q %v, not %q", before, now, err, after)
		}
	}
	// What is frozen in time is left so.
	if err := os.WriteFile(file, []byte("FREEZING\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	frozen := filepath.Join(dir, "frozen")
	if err := os.WriteFile(frozen, []byte("FROZEN\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, func() { os.Rename(frozen, file) })
	if err := endFreezing(dir); err != nil {
		t.Fatal(err)
	}
	if now, _ := os.ReadFile(file); string(now) != "FROZEN\n" {
		t.Errorf("it is %q", now)
	}
	if err := endFreezing(t.TempDir()); err != nil {
		t.Errorf("without a freezer: %v", err)
	}
}
