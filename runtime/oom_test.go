package runtime

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLookTellsEachKillOnce(t *testing.T) {
	var told []uint64
	w := &KillWatch{
		file: filepath.Join(t.TempDir(), "memory.events"),
		tell: func(n uint64) { told = append(told, n) },
		seen: 1,
	}
	for _, content := range []string{"oom 9\noom_kill 1\n", "oom 9\noom_kill 3\noom_group_kill 7\n", "oom_kill 3\n", "oom_kill 4\n"} {
		if err := os.WriteFile(w.file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		w.Look()
		w.Look()
	}
	if err := os.Remove(w.file); err != nil {
		t.Fatal(err)
	}
	w.Look() // the cgroup is gone
	if want := []uint64{2, 1}; !slices.Equal(told, want) {
		t.Fatalf("told %v, want %v", told, want)
	}
}
