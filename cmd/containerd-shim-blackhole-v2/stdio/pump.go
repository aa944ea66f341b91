package stdio

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pumped is how much one splice(2) may move: the size of a pipe is the limit.
const pumped = 1 << 20

// pump hands on everything from one pipe to another, or to a file, until there
// is no more or one of them is closed. splice(2) moves it inside the kernel, so
// that a shim needs no buffers; what it cannot do, such as appending to a file,
// is copied.
func pump(to, from *os.File) error {
	in, err := from.SyscallConn()
	if err != nil {
		return err
	}
	out, err := to.SyscallConn()
	if err != nil {
		return err
	}
	for {
		// Splice does not say which end it would wait for, so both are.
		if err := in.Read(func(fd uintptr) bool { return ready(fd, unix.POLLIN) }); err != nil {
			return err
		}
		if err := out.Write(func(fd uintptr) bool { return ready(fd, unix.POLLOUT) }); err != nil {
			return err
		}
		var n int64
		var serr error
		var werr error
		rerr := in.Control(func(r uintptr) {
			werr = out.Control(func(w uintptr) {
				n, serr = unix.Splice(int(r), nil, int(w), nil, pumped, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
			})
		})
		switch {
		case rerr != nil || werr != nil: // closed meanwhile
			return errors.Join(rerr, werr)
		case serr == unix.EINVAL:
			_, err := io.CopyBuffer(onlyWriter{to}, onlyReader{from}, make([]byte, 4096))
			return err
		case serr == unix.EAGAIN || serr == unix.EINTR:
		case serr != nil:
			return os.NewSyscallError("splice", serr)
		case n == 0:
			return nil
		}
	}
}

// ready tells whether a call would not block: also where all that is left is an
// end or an error.
func ready(fd uintptr, events int16) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: events}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0
}

// os.File has copies of its own, with larger buffers.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)
