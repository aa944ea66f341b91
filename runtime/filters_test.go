//go:build cgo && seccomp

package runtime

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// said runs a container and returns what its program said.
func said(t *testing.T, r *Runtime, dir string, extra ...*os.File) string {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	id := fmt.Sprintf("filters-%d", os.Getpid())
	p := started(t, r, CreateOptions{ID: id, Bundle: dir, Stdin: null, Stdout: out, Stderr: out, ExtraFiles: extra})
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(id, true); err != nil { // there may be another one soon
		t.Fatal(err)
	}
	data, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// refusing is a bundle in which mkdir is EIO, and what its program says of that.
func refusing(t *testing.T) (dir string, config *specs.Spec, says string) {
	t.Helper()
	dir, config = newBundle(t, "sh", "-c", "mkdir /tmp/x; ls /proc/self/fd")
	eio := uint(unix.EIO)
	config.Linux.Seccomp = &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Architectures: []specs.Arch{specs.ArchX86_64},
		Syscalls:      []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActErrno, ErrnoRet: &eio}},
	}
	writeConfig(t, dir, config)
	return dir, config, "mkdir: can't create directory '/tmp/x': Input/output error\n0\n1\n2\n3\n" // 3 is ls's own
}

// forget has this process take what is kept, as the next command would.
func forget() {
	inProcess.Lock()
	defer inProcess.Unlock()
	inProcess.filters = nil
}

// What a command compiled is in a file that the next one takes, and it is the filter of
// those processes. A file that is damaged is none.
func TestCompiledFilterIsTaken(t *testing.T) {
	dir, _, says := refusing(t)
	r := &Runtime{Root: t.TempDir(), Compiled: filepath.Join(t.TempDir(), "compiled"), Warn: func(err error) { t.Error(err) }}
	forget()
	for range 2 {
		if have := said(t, r, dir); have != says {
			t.Fatalf("%q", have)
		}
	}
	files, _ := filepath.Glob(filepath.Join(r.Compiled, "*"))
	if len(files) != 1 {
		t.Fatal(files)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(files[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		forget()
	}
	// SECCOMP_RET_ERRNO | EIO becomes ENXIO.
	other := bytes.ReplaceAll(whole[sha256.Size:], []byte{6, 0, 0, 0, 5, 0, 5, 0}, []byte{6, 0, 0, 0, 6, 0, 5, 0})
	sum := sha256.Sum256(other)
	write(append(sum[:], other...))
	if have := said(t, r, dir); !strings.Contains(have, "No such device or address\n") {
		t.Errorf("the program that was kept is not taken: %q", have)
	}
	for _, b := range [][]byte{append(append([]byte(nil), whole[:sha256.Size]...), other...), whole[:len(whole)-8], whole[:40], nil} {
		write(b)
		if have := said(t, r, dir); have != says {
			t.Errorf("with a file of %d bytes that is damaged: %q", len(b), have)
		}
	}
}

// The program's descriptors are those that it is to have, and no more.
func TestCompiledFilterIsNotLeftOpen(t *testing.T) {
	dir, _, says := refusing(t)
	r := &Runtime{Root: t.TempDir(), Warn: func(err error) { t.Error(err) }}
	extra, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	for range 2 {
		if have := said(t, r, dir, extra); have != says+"4\n" {
			t.Errorf("%q", have)
		}
	}
}

// A process that joins has the filter too, and a container that cannot be made leaves
// no compiled profile.
func TestCompiledFilterOfExec(t *testing.T) {
	dir, config, says := refusing(t)
	args := config.Process.Args
	config.Process.Args = []string{"/bin/busybox", "sleep", "1000"}
	writeConfig(t, dir, config)
	r := &Runtime{Root: t.TempDir(), Warn: func(err error) { t.Error(err) }}
	id := fmt.Sprintf("filters-exec-%d", os.Getpid())
	p := started(t, r, CreateOptions{ID: id, Bundle: dir})
	t.Cleanup(func() {
		_ = p.Signal(unix.SIGKILL)
		_, _ = p.Wait()
	})
	for range 2 {
		out, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		e, err := r.ExecDetached(ExecOptions{ID: id, Override: ProcessOverride{Args: args}, Stdout: out, Stderr: out})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Wait(); err != nil {
			t.Fatal(err)
		}
		if have, err := os.ReadFile(out.Name()); err != nil || string(have) != says {
			t.Errorf("%q %v", have, err)
		}
		out.Close()
	}
	config.Process.Args = []string{"/does/not/exist"}
	writeConfig(t, dir, config)
	forget()
	fresh := &Runtime{Root: filepath.Join(t.TempDir(), "state"), Compiled: filepath.Join(t.TempDir(), "compiled")}
	if _, err := fresh.Create(CreateOptions{ID: id + "-not", Bundle: dir}); err == nil || !missing(fresh.Root) || !missing(fresh.Compiled) {
		t.Errorf("%v; left: %v %v", err, !missing(fresh.Root), !missing(fresh.Compiled))
	}
}

func TestFiltersAreFew(t *testing.T) {
	dir := t.TempDir()
	for i := range mostFilters + 5 {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := unix.NsecToTimeval(int64(i) * 1e9)
		if err := unix.Utimes(path, []unix.Timeval{at, at}); err != nil {
			t.Fatal(err)
		}
		if err := makeRoom(dir); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != mostFilters-1 {
		t.Errorf("%d, %v", len(left), err)
	}
	if !missing(filepath.Join(dir, "0")) || missing(filepath.Join(dir, fmt.Sprint(mostFilters+4))) {
		t.Error("not the oldest went")
	}
}
