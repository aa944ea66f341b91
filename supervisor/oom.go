package supervisor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"blackhole/runtime/stats"
)

// oomLevel is how often the limit of one cgroup made the kernel look for a
// process to kill.
type oomLevel struct {
	path string
	hits uint64
	full bool // v1: it was at its limit at some time
}

// oomLevels reads the counters of a service's cgroup and of those above it, the
// service's own first: an out-of-memory kill in it may come from a limit of any of
// them, and if none counted one, from the host as a whole.
//
// memory.events.local counts for the cgroup whose limit it was (kernel 5.2);
// v1 has but failcnt, which also counts where reclaim was enough, another of
// memory and swap together, and kernels that count in neither: there it is the
// first cgroup that was full.
func oomLevels(cgroups map[string]string) []oomLevel {
	files, key := []string{"memory.failcnt", "memory.memsw.failcnt"}, ""
	dir, v2 := memoryCgroup(cgroups)
	if v2 {
		files, key = []string{"memory.events.local"}, "oom"
	}
	var levels []oomLevel
	for ; dir != "" && dir != "/"; dir = filepath.Dir(dir) {
		level, found := oomLevel{path: dir}, false
		for _, file := range files {
			if data, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
				level.hits += counter(string(data), key)
				found = true
			}
		}
		if !found {
			break // above the hierarchy's root, which has no counters itself
		}
		if !v2 {
			limit, peak := number(dir, "memory.limit_in_bytes"), number(dir, "memory.max_usage_in_bytes")
			level.full = limit < noLimit && peak >= limit/100*98
		}
		levels = append(levels, level)
	}
	return levels
}

// memoryCgroup is the folder that holds a service's memory limit, and whether it
// is of cgroup v2. On a host with both kinds of hierarchies memory is on one.
func memoryCgroup(cgroups map[string]string) (dir string, v2 bool) {
	if dir, ok := cgroups["memory"]; ok {
		return dir, false
	}
	return cgroups[""], true
}

// number reads a file of one number, 0 if it is not there.
func number(dir, name string) uint64 {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0
	}
	return counter(string(data), "")
}

// counter reads one number of a file, behind a key if there is one.
func counter(text, key string) uint64 {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if key != "" && len(fields) == 2 && fields[0] == key {
			fields = fields[1:]
		}
		if len(fields) == 1 {
			if n, err := strconv.ParseUint(fields[0], 10, 64); err == nil {
				return n
			}
		}
	}
	return 0
}

// oomCause names the cgroup whose limit was hit between two readings.
func oomCause(before, now []oomLevel) string {
	for _, l := range now {
		hits := uint64(0)
		for _, b := range before {
			if b.path == l.path {
				hits = b.hits
			}
		}
		if l.hits > hits {
			return l.path
		}
	}
	for _, l := range now {
		if l.full {
			return l.path
		}
	}
	return ""
}

func oomKills(st *stats.Stats) uint64 {
	if st == nil || st.Memory == nil || st.Memory.Events == nil || st.Memory.Events.OOMKill == nil {
		return 0
	}
	return *st.Memory.Events.OOMKill
}

// checkOOM tells whether the kernel killed a process of a service since the last
// look, and raises the alert.
func (s *Supervisor) checkOOM(sv *service, st *stats.Stats, levels []oomLevel) bool {
	u := sv.usage
	if u == nil {
		return false
	}
	kills := oomKills(st)
	if kills <= u.oomKills {
		// The levels stay: v1 counts hits of a limit from long before a kill.
		return false
	}
	cause := oomCause(u.levels, levels)
	sv.oomKills += kills - u.oomKills
	s.raise(sv, oomAlert(sv, kills-u.oomKills, cause))
	s.recordKills(sv, kills-u.oomKills, time.Now())
	u.oomKills, u.levels, u.oomAt = kills, levels, time.Now()
	return true
}
