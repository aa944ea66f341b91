// Package memfile makes files that are in memory alone (memfd_create(2)), for handing
// something to another process as a descriptor.
package memfile

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// seals: who was given a file cannot change what another one is given.
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW

// New is an empty file, which cannot be executed where the kernel has that.
func New(name string) (*os.File, error) {
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

// Sealed is a file with these contents, which nobody can change any more.
func Sealed(name string, contents []byte) (_ *os.File, err error) {
	f, err := New(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if _, err := f.Write(contents); err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, os.NewSyscallError("fcntl F_ADD_SEALS", err)
	}
	return f, nil
}

// IsSealed tells that a descriptor is a file which Sealed made, or one like it.
func IsSealed(fd int) bool {
	have, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	return err == nil && have&seals == seals
}

// Contents is all that is in a file, wherever its offset is, which others may share.
func Contents(fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	b := make([]byte, st.Size)
	n, err := unix.Pread(fd, b, 0)
	if err != nil {
		return nil, os.NewSyscallError("pread", err)
	}
	if n < len(b) {
		return nil, fmt.Errorf("pread: %d of %d bytes: %w", n, len(b), io.ErrUnexpectedEOF)
	}
	return b, nil
}
