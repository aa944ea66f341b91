package runtime

import (
	"os"
	"strings"
	"sync"
)

// expectAttach tells the kernel that soon a process will be moved into a cgroup,
// and returns at once. It is for a creation whose first process is not born in its cgroups
// (package birth), and which has other things to do first; beside one that is born there the
// move would keep it waiting, for it holds cgroup_mutex.
//
// Each move takes cgroup_threadgroup_rwsem for writing. When nothing was moved
// for a while, that first waits for an RCU grace period (percpu_down_write,
// rcu_sync_enter in kernel/rcu/sync.c), 4 to 12 ms at 250 Hz: half of the time
// that a container's creation takes. For about one more after a move, others do
// not wait. So this process is moved to where it is: nothing changes, and the
// wait runs beside all that is done before there is a process to be moved.
//
// It is a hint: what keeps it from working costs that time, nothing else.
func expectAttach() { go moveToOwn("/proc/self/cgroup", cgroupMount) }

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
