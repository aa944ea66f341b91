package supervisor

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watcher waits in one thread for what the kernel tells of the services' memory:
// on cgroup v2 a change of memory.events and pressure (PSI triggers), on v1 an
// out-of-memory and the passing of a threshold, both through eventfds. Go's own
// poller knows neither inotify's descriptors beside files nor EPOLLPRI.
type watcher struct {
	epoll, inotify, wake int
	tell, updated        func(service string)

	mu      sync.Mutex
	fds     map[int32]string   // descriptors of a service, but inotify's
	files   map[int32]string   // inotify's watches
	folders map[int32]string   // likewise, of containers' folders
	logs    map[int32]*logFile // likewise, of logs that are quiet
	closed  chan struct{}
}

// newWatcher: what it tells of a service is that its memory is to be looked at,
// or that its container was updated.
func newWatcher(tell, updated func(service string)) (_ *watcher, err error) {
	w := &watcher{
		epoll: -1, inotify: -1, wake: -1, tell: tell, updated: updated,
		fds: map[int32]string{}, files: map[int32]string{}, folders: map[int32]string{}, logs: map[int32]*logFile{}, closed: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			w.closeAll()
		}
	}()
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if w.inotify, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	if w.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	if err = errors.Join(w.poll(w.inotify, unix.EPOLLIN), w.poll(w.wake, unix.EPOLLIN)); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

func (w *watcher) poll(fd int, events uint32) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}))
}

func (w *watcher) closeAll() {
	for _, fd := range []int{w.epoll, w.inotify, w.wake} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	for fd := range w.fds {
		unix.Close(int(fd))
	}
}

func (w *watcher) close() {
	_, _ = unix.Write(w.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-w.closed
	w.closeAll()
}

func (w *watcher) run() {
	defer close(w.closed)
	events := make([]unix.EpollEvent, 32)
	for {
		n, err := unix.EpollWait(w.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return
		}
		for _, e := range events[:max(n, 0)] {
			switch int(e.Fd) {
			case w.wake:
				return
			case w.inotify:
				w.readInotify()
			default:
				w.ready(e.Fd, e.Events)
			}
		}
	}
}

// ready: an eventfd was written to, or a pressure trigger fired.
func (w *watcher) ready(fd int32, events uint32) {
	w.mu.Lock()
	service, ok := w.fds[fd]
	if ok && events&unix.EPOLLIN != 0 {
		var count [8]byte
		_, _ = unix.Read(int(fd), count[:])
	}
	if ok && events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 { // its cgroup is gone; it would be ready for ever
		_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, int(fd), nil)
	}
	w.mu.Unlock()
	if ok {
		w.tell(service)
	}
}

func (w *watcher) readInotify() {
	var buf [4096]byte
	n, err := unix.Read(w.inotify, buf[:])
	if err != nil {
		return
	}
	told := map[string]bool{}
	for at := 0; at+unix.SizeofInotifyEvent <= n; {
		e := (*unix.InotifyEvent)(unsafe.Pointer(&buf[at]))
		at += unix.SizeofInotifyEvent + int(e.Len)
		w.mu.Lock()
		service, ok := w.files[e.Wd]
		container, updated := w.folders[e.Wd]
		w.wakeLogs(e)
		if e.Mask&unix.IN_IGNORED != 0 { // the file is gone
			delete(w.files, e.Wd)
			delete(w.folders, e.Wd)
			ok, updated = false, false
		}
		w.mu.Unlock()
		if ok && !told[service] {
			told[service] = true
			w.tell(service)
		}
		if updated {
			w.updated(container)
		}
	}
}

// add watches a service, whose container has this folder. critical is the memory
// in bytes at which it is to be told on cgroup v1; 0 is none.
func (w *watcher) add(service, container string, cgroups map[string]string, critical uint64) error {
	err := w.addFolder(service, container)
	dir, v2 := memoryCgroup(cgroups)
	switch {
	case dir == "":
		return err
	case v2:
		return errors.Join(err, w.addFile(service, filepath.Join(dir, "memory.events")), w.addPressure(service, filepath.Join(dir, "memory.pressure")))
	}
	err = errors.Join(err, w.addEventfd(service, dir, "memory.oom_control", ""))
	if critical > 0 {
		err = errors.Join(err, w.addEventfd(service, dir, "memory.usage_in_bytes", strconv.FormatUint(critical, 10)))
	}
	return err
}

func (w *watcher) addFile(service, path string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	wd, err := unix.InotifyAddWatch(w.inotify, path, unix.IN_MODIFY)
	if err != nil {
		return fmt.Errorf("cannot watch %s: %w", path, err)
	}
	w.files[int32(wd)] = service
	return nil
}

// addFolder asks to be told when the runtime writes a container's state anew, which
// it does by renaming: after an update of its limits.
func (w *watcher) addFolder(service, path string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	wd, err := unix.InotifyAddWatch(w.inotify, path, unix.IN_MOVED_TO|unix.IN_ONLYDIR)
	if err != nil {
		return fmt.Errorf("cannot watch %s: %w", path, err)
	}
	w.folders[int32(wd)] = service
	return nil
}

// addPressure asks to be told when tasks wait for memory for a tenth of a
// second within one, at most once a second. See Documentation/accounting/psi.rst.
// A kernel without pressure accounting tells nothing.
func (w *watcher) addPressure(service, path string) error {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		_, err = unix.Write(fd, []byte("some 100000 1000000\x00"))
		if err != nil {
			unix.Close(fd)
		}
	}
	switch err {
	case nil:
		return w.keep(service, fd, unix.EPOLLPRI)
	case unix.ENOENT, unix.EOPNOTSUPP:
		return nil
	}
	return fmt.Errorf("cannot watch %s: %w", path, err)
}

// addEventfd asks cgroup v1 for notifications, see section 9 of
// Documentation/admin-guide/cgroup-v1/memory.rst.
func (w *watcher) addEventfd(service, dir, name, argument string) error {
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer file.Close() // the kernel keeps what it needs
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	line := fmt.Sprintf("%d %d %s", fd, file.Fd(), argument)
	if err := os.WriteFile(filepath.Join(dir, "cgroup.event_control"), []byte(line), 0); err != nil {
		unix.Close(fd)
		return err
	}
	return w.keep(service, fd, unix.EPOLLIN)
}

func (w *watcher) keep(service string, fd int, events uint32) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.poll(fd, events); err != nil {
		unix.Close(fd)
		return err
	}
	w.fds[int32(fd)] = service
	return nil
}

// await asks to be told of a log's next change, once.
func (w *watcher) await(l *logFile) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	wd, err := unix.InotifyAddWatch(w.inotify, "/proc/self/fd/"+strconv.Itoa(l.fd), unix.IN_MODIFY|unix.IN_ONESHOT)
	if err == nil {
		w.logs[int32(wd)] = l
	}
	return err
}

// wakeLogs: a log has changed, or, where events were lost, any of them may have.
func (w *watcher) wakeLogs(e *unix.InotifyEvent) {
	changed := []int32{e.Wd}
	if e.Mask&unix.IN_Q_OVERFLOW != 0 {
		changed = slices.Collect(maps.Keys(w.logs))
	}
	for _, wd := range changed {
		if l := w.logs[wd]; l != nil {
			l.quiet.Store(false)
			delete(w.logs, wd)
		}
	}
}

// forget stops watching a log.
func (w *watcher) forget(l *logFile) {
	if l == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for wd, other := range w.logs {
		if other == l {
			_, _ = unix.InotifyRmWatch(w.inotify, uint32(wd))
			delete(w.logs, wd)
		}
	}
}

// remove stops watching a service.
func (w *watcher) remove(service string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for fd, of := range w.fds {
		if of == service {
			unix.Close(int(fd)) // which takes it out of the epoll too
			delete(w.fds, fd)
		}
	}
	for _, watches := range []map[int32]string{w.files, w.folders} {
		for wd, of := range watches {
			if of == service {
				_, _ = unix.InotifyRmWatch(w.inotify, uint32(wd)) // gone with its file, mostly
				delete(watches, wd)
			}
		}
	}
}
