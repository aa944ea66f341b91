package filter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"blackhole/internal/memfile"
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

// File is the program in memory, for another process to take.
func (p *Program) File() (*os.File, error) {
	return memfile.Sealed("seccomp program", p.Bytes())
}

// Take reads the program that is in a descriptor which File made. Any other descriptor
// is left as it is. One that is, is not for programs that are executed later; it stays
// open until then, and its number taken.
func Take(fd int) (*Program, bool) {
	if !memfile.IsSealed(fd) {
		return nil, false
	}
	b, err := memfile.Contents(fd)
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
