// Package recorder listens to the system calls of a container whose seccomp
// filter tells of them (seccomp_unotify(2)), and answers them.
package recorder

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Seen hears of each call before it is made: its name as libseccomp has it and
// its six arguments. It is called from several goroutines.
type Seen func(arch specs.Arch, name string, args []uint64) unix.Errno

// Recorder is a listener of linux.seccomp.listenerPath. A runtime hands it the
// descriptor of each filter that it loads: the container's, and one for each
// process that exec puts into it.
type Recorder struct {
	seen     Seen
	socket   *net.UnixListener
	accepted chan struct{} // closed when no more filters come
	filters  sync.WaitGroup

	mu  sync.Mutex
	err error
}

// Listen listens at path, which must not exist; Close removes it. It fails where
// the kernel (5.5 has the continue flag, libseccomp wants API level 6: 5.7) has no notifications.
func Listen(path string, seen Seen) (*Recorder, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("cannot listen for seccomp notifications: %w", err)
	}
	r := &Recorder{seen: seen, socket: socket, accepted: make(chan struct{})}
	go r.accept()
	return r, nil
}

// Close waits until no process is left under a filter, so the container must have
// ended, and tells the first error that kept calls from being heard.
func (r *Recorder) Close() error {
	err := r.socket.Close()
	<-r.accepted
	r.filters.Wait()
	return errors.Join(r.err, err)
}

func (r *Recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = fmt.Errorf("cannot hear all system calls: %w", err)
	}
}

func (r *Recorder) accept() {
	defer close(r.accepted)
	for {
		conn, err := r.socket.AcceptUnix()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				r.fail(err)
			}
			return
		}
		filter, err := receive(conn)
		conn.Close()
		if err != nil {
			r.fail(err)
			continue
		}
		r.filters.Go(func() {
			defer filter.Close()
			if err := r.hear(int(filter.Fd())); err != nil {
				r.fail(err)
			}
		})
	}
}

// maxState is more than the container's state that comes with the descriptor has.
const maxState = 64 << 10

// receive takes the filter's descriptor (runtime-spec, config-linux.md,
// "containerprocessstate"). The state beside it is not needed.
func receive(conn *net.UnixConn) (*os.File, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, maxState), oob)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return nil, err
	}
	if len(messages) != 1 {
		return nil, errors.New("the runtime sent no descriptor of its filter")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "seccomp filter"), nil
}

// hear answers one filter's notifications until its last process is gone.
func (r *Recorder) hear(fd int) error {
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return os.NewSyscallError("poll", err)
		}
		switch events := poll[0].Revents; {
		case events&unix.POLLIN != 0:
			if err := r.answer(fd); err != nil {
				return err
			}
		case events&unix.POLLHUP != 0: // since Linux 5.8: no process has the filter
			return nil
		default:
			return fmt.Errorf("poll of the filter's descriptor: events %#x", events)
		}
	}
}
