package hooks

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzState: what a runtime writes on a hook's standard input is refused with one
// line, or names a container and what its network is to be.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"ociVersion":"1.2.0","id":"a","status":"creating","pid":7,"bundle":"/b","annotations":{"io.blackhole.network.mode":"isolated","io.blackhole.network.bridge":"b0","io.blackhole.network.subnet":"10.88.0.0/16","io.blackhole.network.ports":"80:80/tcp"}}`))
	f.Add([]byte(`{"id":"a","pid":-1,"bundle":"` + "BUNDLE" + `"}`))
	f.Add([]byte(`{"id":"../../x","annotations":{"kubernetes.io/egress-bandwidth":"1M"}}`))
	f.Add([]byte(`null`))
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"annotations":{"io.blackhole.network.mode":"none"}}`), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.ReplaceAll(data, []byte("BUNDLE"), []byte(dir))
		state, err := readState(bytes.NewReader(data))
		if err != nil {
			if strings.Contains(oneLine(err).Error(), "\n") {
				t.Fatalf("not one line: %q", oneLine(err))
			}
			return
		}
		if state.ID == "" {
			t.Fatal("no container")
		}
		p, err := parameters(state)
		if err != nil {
			if strings.Contains(oneLine(err).Error(), "\n") {
				t.Fatalf("not one line: %q", oneLine(err))
			}
			return
		}
		// This process is in the host's network: what follows may be refused, but what
		// is not is an entry that the book can keep.
		e, err := newEntry(Container{ID: state.ID, PID: os.Getpid(), Bundle: state.Bundle}, p)
		if err != nil || e.Bundle != "" && e.Bundle != filepath.Clean(e.Bundle) || !filepath.IsAbs(e.Bundle) {
			return
		}
		text, err := json.Marshal(&book{Version: bookVersion, Containers: map[string]*entry{e.ID: e}})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := decodeBook("book", text); err != nil {
			if !bytes.ContainsRune(data, '\\') && strings.ToValidUTF8(state.ID, "") == state.ID { // JSON cannot hold every id
				t.Fatalf("%s is refused: %v", text, err)
			}
		} else if len(b.Containers) != 1 {
			t.Fatalf("%s has %d containers", text, len(b.Containers))
		}
	})
}

// FuzzBook: a book is refused as a whole, with its name in one line, and left as
// it is; or read, and then nothing in it leads out of the folders or to links
// that are not ours. That of an earlier boot takes nothing away but empty names.
func FuzzBook(f *testing.F) {
	f.Add([]byte(`{"version":1,"boot":"BOOT","containers":{"a":{"id":"a","pid":7,"start":1,"bundle":"/b","mode":"isolated","name":"a","namespace":{"dev":4,"inode":5},"named":true,"group":1651245057,"bridge":"b0","subnet":"10.88.0.0/16","address":"10.88.0.2","gateway":"10.88.0.1","ports":[{"HostIP":"","Host":80,"Container":80,"Protocol":"tcp"}],"bandwidth":{"IngressRate":1}}},"names_mounted":true}`))
	f.Add([]byte(`{"boot":"x","containers":{"a":{"id":"a","name":"../outside","named":true},"b":null}}`))
	f.Add([]byte(`{"version":1,"boot":"x","containers":{"a":{"id":"a","name":"mine","named":true}}}`))
	f.Add([]byte(`{"version":9,"containers":[]}`))
	boot, err := bootID()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.ReplaceAll(data, []byte("BOOT"), []byte(boot))
		dir := t.TempDir()
		n := &Network{Folder: filepath.Join(dir, "book"), Names: filepath.Join(dir, "names")}
		outside, mine, path := filepath.Join(dir, "outside"), filepath.Join(n.Names, "mine"), filepath.Join(n.Folder, bookName)
		if err := errors.Join(os.Mkdir(n.Folder, 0o700), os.Mkdir(n.Names, 0o700), os.WriteFile(outside, nil, 0o600),
			os.WriteFile(mine, nil, 0o600), os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
		b, err := n.open(false)
		if _, lost := os.Stat(outside); lost != nil {
			t.Fatal("a file outside the folder of names was removed")
		}
		if err != nil {
			if now, rerr := os.ReadFile(path); rerr != nil || !bytes.Equal(now, data) {
				t.Fatalf("a book that is refused (%v) was changed", err)
			}
			if !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("not one line with the file's name: %q", err)
			}
			return
		}
		defer b.close()
		for _, e := range b.sorted() {
			if strings.Contains(e.Name, "/") || e.Name == ".." || e.Group != 0 && e.Group>>16 != groupMark || b.Containers[e.ID] != e {
				t.Fatalf("%+v", e)
			}
			b.hostsOf(e, b.sorted(), nil)
			b.takeGroup(e.ID)
			if e.Bridge != "" {
				_, _ = b.takeAddress("new", e.Subnet, e.Gateway)
			}
			_ = b.checkPorts(e.Ports)
		}
		first, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeBook(path, first)
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second, _ := json.Marshal(again); !bytes.Equal(first, second) {
			t.Fatalf("%s\nis read as\n%s", first, second)
		}
		if _, err := os.Stat(mine); errors.Is(err, fs.ErrNotExist) && len(b.Containers) > 0 {
			t.Fatal("a name of this boot was removed")
		}
	})
}
