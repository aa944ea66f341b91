package runtime

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"blackhole/internal/atomicfile"
	"blackhole/runtime/filter"
)

// Compiled seccomp profiles are kept in Runtime.Compiled, by what they were compiled
// from, and in this process. They are for speed alone: whatever goes wrong with them is a
// debug line, and libcontainer compiles the profile as it does anyway.
const mostFilters = 32

// compiledFilter is a profile that was compiled, or cannot be. Nil is none.
type compiledFilter struct {
	path    string // empty to keep it in this process alone
	once    sync.Once
	program *filter.Program // nil if it cannot be had
	kept    bool            // there is a file
}

// inProcess are those of this process, by folder and name: a hundred services that
// start at once wait for one compilation.
var inProcess struct {
	sync.Mutex
	filters map[string]*compiledFilter
}

// DefaultCompiled is where commands keep compiled profiles for each other.
func DefaultCompiled() string { return DefaultRoot("blackhole-seccomp") }

// compiled gets the program of a profile, which may take as long as all the rest of a
// creation.
func (r *Runtime) compiled(profile *configs.Seccomp) *compiledFilter {
	if profile == nil {
		return nil
	}
	name, err := filterName(profile)
	if err != nil {
		logrus.Debugf("no compiled seccomp profile: %v", err)
		return nil
	}
	key := filepath.Join(r.Compiled, name)
	inProcess.Lock()
	f := inProcess.filters[key]
	if f == nil {
		f = &compiledFilter{}
		if r.Compiled != "" {
			f.path = key
		}
		if inProcess.filters == nil || len(inProcess.filters) >= mostFilters {
			inProcess.filters = map[string]*compiledFilter{}
		}
		inProcess.filters[key] = f
	}
	inProcess.Unlock()
	f.once.Do(func() {
		var err error
		if f.program, err = readFilter(f.path); err == nil {
			f.kept = true
			return
		}
		if f.program, err = filter.Compile(profile); err != nil {
			logrus.Debugf("no compiled seccomp profile: %v", err)
			inProcess.Lock()
			delete(inProcess.filters, key) // tried again the next time
			inProcess.Unlock()
		}
	})
	return f
}

// handOn gives the program to a process that is about to be started, after all other
// files, see init.go. What it returns is to be closed then.
func (f *compiledFilter) handOn(p *libcontainer.Process) []io.Closer {
	if f == nil || f.program == nil {
		return nil
	}
	file, err := f.program.File()
	if err != nil {
		logrus.Debugf("no compiled seccomp profile: %v", err)
		return nil
	}
	p.ExtraFiles = append(p.ExtraFiles, file)
	return []io.Closer{file}
}

// keep writes the program down for the commands that follow. It is for when the
// container is there: one that is not leaves nothing.
func (f *compiledFilter) keep() {
	if f == nil || f.program == nil || f.path == "" {
		return
	}
	inProcess.Lock()
	defer inProcess.Unlock()
	if f.kept {
		return
	}
	f.kept = true // or it cannot be
	if err := writeFilter(f.path, f.program); err != nil {
		logrus.Debugf("compiled seccomp profile is not kept: %v", err)
	}
}

// filterName names the file of a profile, for this build, kernel and libseccomp: each
// may make another program of it.
func filterName(profile *configs.Seccomp) (string, error) {
	h := sha256.New()
	build, err := os.Stat("/proc/self/exe")
	if err != nil {
		return "", err
	}
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		return "", os.NewSyscallError("uname", err)
	}
	fmt.Fprintln(h, build.Size(), build.ModTime().UnixNano(), unix.ByteSliceToString(kernel.Release[:]), SeccompVersion())
	if err := json.NewEncoder(h).Encode(profile); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// A file is the checksum of what follows, and the program: the folder may be on a disk
// that lost power.
func readFilter(path string) (*filter.Program, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) < sha256.Size {
		return nil, errors.New("too short")
	}
	if sum := sha256.Sum256(b[sha256.Size:]); !bytes.Equal(sum[:], b[:sha256.Size]) {
		return nil, errors.New("wrong checksum")
	}
	return filter.Parse(b[sha256.Size:])
}

func writeFilter(path string, p *filter.Program) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := makeRoom(dir); err != nil {
		return err
	}
	b := p.Bytes()
	sum := sha256.Sum256(b)
	return atomicfile.Create(path, append(sum[:], b...), 0o600)
}

// makeRoom removes the oldest file where there are as many as there may be.
func makeRoom(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < mostFilters {
		return err
	}
	var oldest os.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && (oldest == nil || info.ModTime().Before(oldest.ModTime())) {
			oldest = info
		}
	}
	if oldest == nil {
		return nil
	}
	return os.Remove(filepath.Join(dir, oldest.Name()))
}
