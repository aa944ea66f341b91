package runtime

import (
	"os"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/cgroups"
)

// ExpectAttach tells the kernel that soon a process will be moved into a cgroup,
// and returns at once. For whoever is about to Create, Run or Restore and
// has other things to do first; Exec does it itself. It is for hosts with cgroup v2 alone:
// elsewhere most first processes are born in their cgroups (package birth), which the move
// would keep waiting, and Create does it itself where one is not.
//
// Each move takes cgroup_threadgroup_rwsem for writing. When nothing was moved
// for a while, that first waits for an RCU grace period (percpu_down_write,
// rcu_sync_enter in kernel/rcu/sync.c), 4 to 12 ms at 250 Hz: half of the time
// that a container's creation takes. For about one more after a move, others do
// not wait. So this process is moved to where it is: nothing changes, and the
// wait runs beside all that is done before there is a process to be moved.
//
// It is a hint: what keeps it from working costs that time, nothing else.
func ExpectAttach() {
	if cgroups.IsCgroup2UnifiedMode() {
		expectAttach()
	}
}

func expectAttach() { go stay() }

// stay moves this process to where it is.
func stay() { moveToOwn("/proc/self/cgroup", cgroupMount) }

// Attaches is ExpectAttach for a process that creates many containers: each that is
// begun some time after the last would wait anew. As long as they are begun, and a
// little longer, this process is moved so often that the kernel stays in the
// state in which nobody waits. The zero value is ready.
type Attaches struct {
	mu    sync.Mutex
	until time.Time // zero: nobody moves it
}

// A grace period takes 4 ms at least. To move a process that often takes less than a
// hundredth of a processor.
const (
	attachInterval = 2 * time.Millisecond
	attachesLast   = 40 * time.Millisecond
)

// Expect tells that a creation has begun; see ExpectAttach for the hosts that it is for.
func (a *Attaches) Expect() {
	if cgroups.IsCgroup2UnifiedMode() {
		a.expect(stay)
	}
}

func (a *Attaches) expect(move func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until.IsZero() {
		go a.move(move)
	}
	a.until = time.Now().Add(attachesLast)
}

func (a *Attaches) move(once func()) {
	for !a.over() {
		once()
		time.Sleep(attachInterval)
	}
}

func (a *Attaches) over() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Now().Before(a.until) {
		return false
	}
	a.until = time.Time{}
	return true
}

// ownCgroup is held by whoever moves this process, from looking where it is: else it
// could be moved back to where it was before MakeRoom.
var ownCgroup sync.Mutex

// moveToOwn moves this process to where it is, in the first hierarchy in which that
// can be done.
func moveToOwn(list, root string) {
	ownCgroup.Lock()
	defer ownCgroup.Unlock()
	own, err := os.ReadFile(list) // each time: somebody may have moved it meanwhile
	if err != nil {
		return
	}
	for line := range strings.Lines(string(own)) {
		if moveSelf(root, strings.TrimSuffix(line, "\n")) == nil {
			return
		}
	}
}

// moveSelf moves this process to the cgroup that a line of /proc/self/cgroup
// (cgroups(7): number, controllers, path) says it is in, where that hierarchy is
// mounted by habit: in a folder of the controllers' names, or of cgroup v2 alone,
// which names none, in root itself.
func moveSelf(root, line string) error {
	_, line, _ = strings.Cut(line, ":")
	controllers, path, _ := strings.Cut(line, ":")
	f, err := os.OpenFile(root+"/"+strings.TrimPrefix(controllers, "name=")+path+"/cgroup.procs", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString("0")
	return err
}
