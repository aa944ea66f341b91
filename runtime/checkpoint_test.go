package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestExplain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.log")
	criu := errors.New("criu failed: type DUMP errno 0")
	for _, row := range []struct{ log, want string }{
		{"(00.1) Error (criu/net.c:3071): Locking network failed: iptables\n(00.2) Error (criu/util.c:642): exited, status=1\n" +
			"(00.3) Unlock network\n(00.4) Error (criu/cr-dump.c:2053): Dumping FAILED.\n",
			"criu failed: type DUMP errno 0: Locking network failed: iptables (" + path + ")"},
		{"(00.1) all is well\n", "criu failed: type DUMP errno 0"},
		{"Error (", "criu failed: type DUMP errno 0"},
		{"", "criu failed: type DUMP errno 0"},
	} {
		if err := os.WriteFile(path, []byte(row.log), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, o := range []CriuOptions{{Images: dir}, {Images: "/nowhere", Work: dir}} {
			got := o.explain(criu, "dump.log")
			if got.Error() != row.want || !errors.Is(got, criu) {
				t.Errorf("%q: %v, want %s", row.log, got, row.want)
			}
		}
	}
	if got := (&CriuOptions{Images: "/nowhere"}).explain(criu, "dump.log"); got.Error() != criu.Error() {
		t.Errorf("without a log: %v", got)
	}
}

func TestPageServer(t *testing.T) {
	for in, want := range map[string]bool{"": true, "10.0.0.1:80": true, "[::1]:80": true, "x": false, ":80": false, "a:0": false, "a:65536": false, "a:b": false} {
		if _, err := pageServer(in); (err == nil) != want {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestSubCgroups(t *testing.T) {
	for _, row := range []struct {
		in   []string
		want map[string]string
	}{
		{nil, nil},
		{[]string{"below/it"}, map[string]string{"": "below/it"}},
	} {
		got, err := subCgroups(row.in)
		if err != nil || len(got) != len(row.want) || got[""] != row.want[""] {
			t.Errorf("%v: %v, %v", row.in, got, err)
		}
	}
	for _, in := range [][]string{{"a", "b"}, {":a"}, {"cpu,:a"}} {
		if got, err := subCgroups(in); err == nil {
			t.Errorf("%v: %v", in, got)
		}
	}
}

func TestKeepPids(t *testing.T) {
	table := "UID PID CMD\nroot 1 init\nroot 12 a b\nroot 2 c\n\n"
	got, err := keepPids(table, []int{12, 2})
	if want := "UID PID CMD\nroot 12 a b\nroot 2 c\n"; got != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "UID CMD\n", "PID\nx\n"} {
		if got, err := keepPids(bad, nil); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}
