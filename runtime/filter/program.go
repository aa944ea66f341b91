package filter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Program is a compiled profile.
type Program struct {
	calls []byte // by which libseccomp was told of it
	code  []byte // classic BPF, struct sock_filter after the other (bpf(4) of the kernel's networking)
}

// magic begins a program that is handed on, and changes with what follows: the size of
// the calls in four bytes, the calls, the code.
const magic = "blackhole seccomp program 1\n"

var errFormat = errors.New("no seccomp program of this version")

// Bytes is the program as Parse reads it.
func (p *Program) Bytes() []byte {
	b := []byte(magic)
	b = binary.NativeEndian.AppendUint32(b, uint32(len(p.calls)))
	b = append(b, p.calls...)
	return append(b, p.code...)
}

// Parse reads what Bytes wrote.
func Parse(b []byte) (*Program, error) {
	b, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok || len(b) < 4 {
		return nil, errFormat
	}
	size := int(binary.NativeEndian.Uint32(b))
	if b = b[4:]; size > len(b) {
		return nil, errFormat
	}
	return &Program{calls: b[:size], code: b[size:]}, nil
}

// seals: who was given a program cannot change what another one is given.
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW

// File is the program in memory, for another process to take.
func (p *Program) File() (_ *os.File, err error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("seccomp", flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("seccomp", flags)
	}
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "seccomp program")
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if _, err := f.Write(p.Bytes()); err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return f, nil
}

// Take reads the program that is in a descriptor which File made. Any other descriptor
// is left as it is. One that is, is not for programs that are executed later; it stays
// open until then, and its number taken.
func Take(fd int) (*Program, bool) {
	if have, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0); err != nil || have&seals != seals {
		return nil, false
	}
	// By its own offset, for the file may be shared with other takers.
	b, err := io.ReadAll(io.NewSectionReader(descriptor(fd), 0, 1<<30))
	if err != nil {
		return nil, false
	}
	p, err := Parse(b)
	if err != nil {
		return nil, false
	}
	unix.CloseOnExec(fd)
	return p, true
}

type descriptor int

func (d descriptor) ReadAt(b []byte, at int64) (int, error) {
	n, err := unix.Pread(int(d), b, at)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}
