package stats

import (
	"path/filepath"
	"sync"
)

// Source is where a container's figures are.
type Source struct {
	// Cgroups maps controllers to folders: "" alone on cgroup v2, else the v1
	// names (cpu, cpuacct, memory, blkio, pids…), and beside them "" where a v2
	// hierarchy without these controllers is mounted too: it has the pressure.
	Cgroups map[string]string
	// Proc and Sys are the file systems of that name, /proc and /sys if empty.
	Proc, Sys string
}

// Read takes one reading. A container that ends meanwhile gives the figures
// that could still be read: no error, but absent parts.
func Read(s Source) (*Stats, error) { return newReader(s, false).read() }

// Sampler takes readings of one container again and again. It may keep the files
// open, some twenty of them: opening one costs six times as much as reading it.
// Its methods may be called at the same time.
type Sampler struct {
	mu sync.Mutex
	r  *reader
}

// NewSampler does not open anything yet. Without keep, a reading opens and closes
// each file, as Read does.
func NewSampler(s Source, keep bool) *Sampler { return &Sampler{r: newReader(s, keep)} }

// Read takes a reading, as the function Read does. A file that was not there
// is not looked for again until it has slept.
func (s *Sampler) Read() (*Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.read()
}

// Asleep tells, for the price of one file, that nothing in the container has run
// since the last reading: so it did not ask for memory, open files, start
// processes or reach a limit. What others did to it (memory taken back, a limit
// changed) and averages that fall do not show. Of one that sleeps that file alone
// stays open: each takes five kilobytes of the kernel's memory.
func (s *Sampler) Asleep() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.asleep()
}

// Close closes what is open. A later Read keeps nothing open.
func (s *Sampler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r.close()
}

// reader is what lasts from one reading of a container to the next.
type reader struct {
	source  Source
	unified bool // on cgroup v2, not v1
	keep    bool
	folders map[string]*folder // by controller
	buf     []byte
	figures []uint64       // of this reading, see figure
	disks   []Device       // of the last one, for their names
	fds     map[string]int // /proc/PID/fd by PID, kept open
	used    *uint64        // of processor time, at the last reading
}

func newReader(s Source, keep bool) *reader {
	if s.Proc == "" {
		s.Proc = "/proc"
	}
	if s.Sys == "" {
		s.Sys = "/sys"
	}
	_, unified := s.Cgroups[""]
	r := &reader{source: s, unified: unified && len(s.Cgroups) == 1, keep: keep, folders: map[string]*folder{}, buf: make([]byte, 4096)}
	for controller, path := range s.Cgroups {
		r.folders[controller] = r.folder(path)
	}
	return r
}

func (r *reader) folder(path string) *folder { return &folder{r: r, path: path, dir: -1} }

// of is the folder of a controller, or one of which everything is absent.
func (r *reader) of(controller string) *folder {
	if d := r.folders[controller]; d != nil {
		return d
	}
	return r.folder("")
}

func (r *reader) read() (*Stats, error) {
	r.figures = nil // those before belong to who has them
	for _, d := range r.folders {
		d.err = nil
	}
	read, procs := readV1, r.of("pids")
	if r.unified {
		read, procs = readV2, r.of("")
	} else if procs.path == "" {
		procs = r.of("memory")
	}
	st, err := read(r)
	if err != nil {
		return nil, err
	}
	r.used = nil
	if st.CPU != nil {
		r.used = st.CPU.UsageNS
	}
	if st.IO != nil {
		r.nameDisks(st.IO.Devices)
	}
	st.FDs = r.readFDs(procs)
	return st, procs.err
}

func (r *reader) asleep() bool {
	r.figures = nil
	d, name, read := r.of("cpuacct"), "cpuacct.usage", cpuacctUsage
	if r.unified {
		d, name, read = r.of(""), "cpu.stat", cpuUsage
	}
	d.err = nil
	used := read(d)
	if used == nil || r.used == nil || *used != *r.used {
		return false
	}
	for _, other := range r.folders {
		if other == d {
			other.closeBut(name)
		} else {
			other.closeBut("")
		}
	}
	r.closeFDs()
	return true
}

// nameDisks follows /sys/dev/block/MAJOR:MINOR, a link to the disk's folder,
// but for disks that the last reading had too.
func (r *reader) nameDisks(disks []Device) {
	for i := range disks {
		disks[i].Name = r.diskName(disks[i])
	}
	r.disks = disks
}

func (r *reader) diskName(disk Device) string {
	for _, d := range r.disks {
		if d.Major == disk.Major && d.Minor == disk.Minor {
			return d.Name
		}
	}
	return readlinkBase(filepath.Join(r.source.Sys, "dev/block", disk.String()))
}

func (r *reader) close() {
	for _, d := range r.folders {
		d.closeBut("")
	}
	r.closeFDs()
	r.keep = false
}

func (r *reader) closeFDs() {
	for _, fd := range r.fds {
		closeFile(fd)
	}
	r.fds = nil
}
