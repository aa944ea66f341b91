package runtime

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestShareLow works on a folder of files in place of cgroups.
func TestShareLow(t *testing.T) {
	for _, row := range []struct {
		name, parent, before string
		services             []string // their memory.low; "-" has none
		want                 string
	}{
		{"the sum", "blackhole", "0", []string{"100", "0", "23"}, "123"},
		{"the last one is gone", "blackhole", "100", []string{"0"}, "0"},
		{"without the controller", "blackhole", "7", []string{"-"}, "0"},
		{"all there is", "blackhole", "0", []string{"max", "100"}, "max"},
		{"more than a number holds", "blackhole", "0", []string{"9223372036854775000", "9223372036854775000"}, "max"},
		{"unreadable", "blackhole", "0", []string{"x", "5"}, "5"},
		{"not ours", "system.slice", "0", []string{"100"}, "0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			parent := filepath.Join(t.TempDir(), row.parent)
			write := func(dir, text string) {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if text == "-" {
					return
				}
				if err := os.WriteFile(filepath.Join(dir, lowFile), []byte(text+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write(parent, row.before)
			for i, low := range row.services {
				write(filepath.Join(parent, string(rune('a'+i))), low)
			}
			if err := shareLow(map[string]string{"": filepath.Join(parent, "a")}); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(parent, lowFile))
			if err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(string(got)) != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
	for name, paths := range map[string]map[string]string{
		"gone":                 {"": filepath.Join(t.TempDir(), "blackhole", "a")},
		"v1":                   {"memory": "/sys/fs/cgroup/memory/blackhole/a"},
		"no memory controller": {"": filepath.Join(noController(t), "a")},
	} {
		if err := shareLow(paths); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func noController(t *testing.T) string {
	parent := filepath.Join(t.TempDir(), "blackhole")
	if err := os.Mkdir(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	return parent
}
