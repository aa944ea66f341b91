package hooks

import (
	"errors"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// openHandle opens a socket for routes and links into a network namespace, or, with
// netns.None(), into that of this thread.
//
// Where bind(2) fails, the library (getNetlinkSocket in nl/nl_linux.go of v1.3.1)
// closes the socket by its number, and leaves an os.File that has the same to the
// garbage collector, which closes it again: by then it is somebody else's, another
// container's network or pidfd. So the number is kept from others until that is done.
func openHandle(namespace netns.NsHandle) (*netlink.Handle, error) {
	h, err := netlink.NewHandleAt(namespace, unix.NETLINK_ROUTE)
	if err != nil {
		outlive()
	}
	return h, err
}

// openSocket opens one into this thread's network namespace, for a request that
// another thread makes.
func openSocket() (*nl.NetlinkSocket, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		outlive()
		return nil, err
	}
	if err := s.SetReceiveTimeout(&nl.SocketTimeoutTv); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// execute sends a request through a socket of its own, with the same care where the
// error may have been bind's.
func execute(request *nl.NetlinkRequest, answer uint16) ([][]byte, error) {
	answers, err := request.Execute(unix.NETLINK_ROUTE, answer)
	for _, of := range []unix.Errno{unix.ENOMEM, unix.ENOBUFS, unix.EADDRINUSE, unix.EBUSY, unix.EINTR} {
		if errors.Is(err, of) {
			outlive()
		}
	}
	return answers, err
}

// outlive takes the lowest numbers that are free, of which one is that of a file that
// was closed behind its back, and has the garbage collector close it once more. Where
// there is no such file they are given back.
func outlive() {
	var pipe [2]int // which has an inode of its own
	if unix.Pipe2(pipe[:], unix.O_CLOEXEC) != nil {
		return
	}
	var ours unix.Stat_t
	_ = unix.Fstat(pipe[0], &ours)
	held := pipe[:]
	for range 14 {
		if fd, err := unix.FcntlInt(uintptr(pipe[0]), unix.F_DUPFD_CLOEXEC, 0); err == nil {
			held = append(held, fd)
		}
	}
	closed := -1
	for try := 0; try < 20 && closed < 0; try++ {
		runtime.GC()
		time.Sleep(time.Millisecond) // the collector's own goroutine closes it
		for _, fd := range held {
			var now unix.Stat_t
			if unix.Fstat(fd, &now) != nil || now.Ino != ours.Ino || now.Dev != ours.Dev {
				closed = fd // and not ours any more, whosever it is now
			}
		}
	}
	for _, fd := range held {
		if fd != closed {
			unix.Close(fd)
		}
	}
}
