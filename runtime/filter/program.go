package filter

import (
	"bytes"
	"encoding/binary"
	"errors"
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

// memory is an empty file that is in memory alone, and cannot be executed where the
// kernel has that.
func memory(name string) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// contents is all that is in such a file, wherever its offset is, which others may share.
func contents(fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	b := make([]byte, st.Size)
	if n, err := unix.Pread(fd, b, 0); err != nil || n < len(b) {
		return nil, errors.Join(os.NewSyscallError("pread", err), errFormat)
	}
	return b, nil
}

// File is the program in memory, for another process to take.
func (p *Program) File() (_ *os.File, err error) {
	f, err := memory("seccomp program")
	if err != nil {
		return nil, err
	}
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
	b, err := contents(fd)
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
