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
func Read(s Source) (*Stats, error) { return newReader(s, false).take(whole) }

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
	return s.r.take(whole)
}

// Limited takes a reading of all limits and of what they limit. Peaks, the
// pressure of processors and memory and what else nothing is limited by is absent.
func (s *Sampler) Limited() (*Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.take(limited)
}

// Brief takes a reading of what moves by itself and is near a limit or not: half
// of the files. Limits are those of the last reading that had them; what Limited
// leaves out is absent here, too.
//
// What the memory is made of (memory.stat, which costs as much as ten other files)
// is taken over too while less than near, a part of the limit, is used and hardly more or less
// than when it was read. Near is 0 for a reading of it. Above 0 it also leaves
// processes that are new to the next reading.
func (s *Sampler) Brief(near float64) (*Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r.near = near
	return s.r.take(brief)
}

// Resting takes a reading of a container that is Asleep, of what others may do to
// it: its memory and its limits. The rest is as it was. Nothing stays open.
func (s *Sampler) Resting() (*Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.take(resting)
}

// Asleep tells, for the price of one file, that nothing in the container has run
// since the last reading, and that this one left nothing to the next: so it did not
// ask for memory, open files, start processes or reach a limit. What others did to it
// (memory taken back, a limit changed) and averages that fall do not show. Of one
// that sleeps that file alone stays open: each takes five kilobytes of the kernel's
// memory.
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
	figures []uint64  // of this reading, see figure
	disks   []Device  // of the last one, for their names
	procs   []process // likewise, the first of them
	last    *Stats    // reading that succeeded
	cpu     *CPU      // what asleep has read, for the reading that follows
	shut    bool      // but one file, nothing is open
	near    float64   // see Brief
	detail  uint64    // of memory used when memory.stat was read

	brief, passNew bool // of the reading that is under way, see readFDs
	passed         bool // the last one left out a process that was new

	operations []byte // v1: what the disks had done at the last reading of them
}

// depth is how much a reading takes.
type depth int

const (
	whole depth = iota
	limited
	brief
	resting
)

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

func (r *reader) take(how depth) (*Stats, error) {
	r.figures = nil // those before belong to who has them
	for _, d := range r.folders {
		d.err = nil
	}
	if r.last == nil {
		how = whole
	}
	if how == resting {
		keep := r.keep
		r.keep = false
		defer func() { r.keep = keep }()
	} else {
		r.shut = false
	}
	st, err := r.read(how)
	r.cpu = nil
	if err != nil {
		r.last = nil // of an old reading nobody can say how far it is off
		return nil, err
	}
	r.last = st
	return st, nil
}

func (r *reader) read(how depth) (*Stats, error) {
	read := readV1
	if r.unified {
		read = readV2
	}
	st, err := read(r, how)
	if err != nil {
		return nil, err
	}
	if how == resting {
		st.FDs = r.last.FDs
		return st, nil
	}
	if st.IO != nil {
		r.nameDisks(st.IO.Devices)
	}
	st.FDs, err = r.readFDs(how)
	return st, err
}

func (r *reader) asleep() bool {
	if r.passed {
		return false // what the next reading was to count has not been looked at yet
	}
	r.figures = nil
	d, name, key := r.of("cpuacct"), "cpuacct.usage", ""
	if r.unified {
		d, name, key = r.of(""), "cpu.stat", "usage_usec "
	}
	d.err = nil
	text := d.read(name)
	used, ok := firstNumber(text, key)
	if r.unified {
		used *= 1000
	}
	if !ok || r.last == nil || r.last.CPU == nil || r.last.CPU.UsageNS == nil || used != *r.last.CPU.UsageNS {
		if r.cpu = nil; ok && r.unified {
			r.cpu = cpuStat(d, text)
		} else if ok {
			r.cpu = &CPU{UsageNS: r.figure(used)}
		}
		return false
	}
	if r.shut {
		return true
	}
	for _, other := range r.folders {
		if other == d {
			other.closeBut(name)
		} else {
			other.closeBut("")
		}
	}
	r.closeProcs()
	r.shut = true
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
	r.closeProcs()
	r.keep = false
}
