package supervisor

import (
	"os"
	"path/filepath"
	"testing"
)

// What a supervisor that was killed while it wrote left is gone, and no more.
func TestSweep(t *testing.T) {
	p := Paths{Root: t.TempDir(), Logs: t.TempDir()}
	left := map[string]bool{ // whether it stays
		p.saved(): true, filepath.Join(p.dir(), ".state.json.tmp1"): false, filepath.Join(p.dir(), ".applied.yaml.tmp2"): false,
		filepath.Join(p.History().Dir, "web.jsonl"): true, filepath.Join(p.History().Dir, ".web.jsonl.tmp3"): false,
		filepath.Join(p.History().Dir, ".current.json.tmp4"): false,
	}
	for path := range left {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.sweep(); err != nil {
		t.Fatal(err)
	}
	for path, stays := range left {
		if _, err := os.Lstat(path); (err == nil) != stays {
			t.Errorf("%s: %v", path, err)
		}
	}
}
