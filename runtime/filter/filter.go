//go:build cgo && seccomp

// Package filter has the program of a seccomp profile compiled once, for all processes
// that are to have it.
//
// To compile Docker's profile takes libseccomp longer than all else takes a start, and
// libcontainer has each process do so, in libcontainer.Init, which takes no program that
// was compiled before. So the linker puts a few functions of ours between libcontainer
// and libseccomp (calls.c). [Compile] has libcontainer make the filter, notes the calls
// by which it does, and keeps the program instead of having it loaded. In the process
// that is to have the filter, [Expect] is given both: as long as libcontainer makes the
// very same calls, nothing is done, and at their end the program is there. At the first
// call that differs the filter is made as ever. So a program is never that of another
// profile, and what is wrong with a profile is said by libcontainer as before.
package filter

// #cgo LDFLAGS: -lseccomp
// #cgo LDFLAGS: -Wl,--wrap=seccomp_init -Wl,--wrap=seccomp_reset -Wl,--wrap=seccomp_release -Wl,--wrap=seccomp_merge
// #cgo LDFLAGS: -Wl,--wrap=seccomp_attr_set -Wl,--wrap=seccomp_arch_add -Wl,--wrap=seccomp_arch_remove
// #cgo LDFLAGS: -Wl,--wrap=seccomp_rule_add_array -Wl,--wrap=seccomp_rule_add_exact_array -Wl,--wrap=seccomp_syscall_priority
// #cgo LDFLAGS: -Wl,--wrap=seccomp_load -Wl,--wrap=seccomp_export_bpf -Wl,--wrap=seccomp_export_bpf_mem -Wl,--wrap=seccomp_export_pfc
// #include <stdlib.h>
// #include "calls.h"
import "C"

import (
	"errors"
	goruntime "runtime"
	"unsafe"

	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/seccomp"

	"blackhole/internal/memfile"
)

// Compile compiles a profile as libcontainer does. It fails where libcontainer will,
// with the same error, and where memory or descriptors are short.
func Compile(profile *configs.Seccomp) (*Program, error) {
	code, err := memfile.New("seccomp program")
	if err != nil {
		return nil, err
	}
	defer code.Close()
	goruntime.LockOSThread() // on which the calls are noted
	defer goruntime.UnlockOSThread()
	C.filter_note(C.int(code.Fd()))
	// The export fails, for the filter is not meant for this process.
	_, err = seccomp.InitSeccomp(profile)
	var (
		calls unsafe.Pointer
		size  C.size_t
	)
	if C.filter_noted(&calls, &size) != 0 {
		if err == nil {
			err = errors.New("libcontainer makes a seccomp filter in a way of which nothing is known")
		}
		return nil, err
	}
	defer C.free(calls)
	p := &Program{calls: C.GoBytes(calls, C.int(size))}
	p.code, err = memfile.Contents(int(code.Fd()))
	return p, err
}

// Expect has libcontainer given the program when this process makes the filter that it
// was compiled from.
func Expect(p *Program) {
	if len(p.calls) > 0 && len(p.code) > 0 {
		// Copies, for C keeps them.
		C.filter_expect(C.CBytes(p.calls), C.size_t(len(p.calls)), C.CBytes(p.code), C.size_t(len(p.code)))
	}
}
