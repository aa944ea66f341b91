package supervisor

import (
	"os"
	"path/filepath"
	"testing"

	"blackhole/runtime"
)

// A supervisor that was killed while it wrote its state leaves a file beside it,
// and down takes that along.
func TestDownAfterKilledWriter(t *testing.T) {
	p := Paths{Root: t.TempDir(), Logs: t.TempDir()}
	if err := os.Mkdir(p.dir(), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".state.json.tmp1", ".applied.yaml.tmp2"} {
		if err := os.WriteFile(filepath.Join(p.dir(), name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.StopUnsupervised(&runtime.Runtime{Root: p.Root}, nil); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(p.Root); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}
