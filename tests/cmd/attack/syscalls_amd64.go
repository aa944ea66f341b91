package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// int80 makes a system call by the 32-bit entry, which a 64-bit program has as
// well; its numbers are those of i386.
func int80(nr, a1, a2, a3 uint32) int32

// numbers are a system call's: number and up to six arguments.
func numbers(args []string) (n [7]uintptr, err error) {
	for i, arg := range args {
		value, err := strconv.ParseInt(arg, 0, 64)
		if err != nil {
			return n, err
		}
		n[i] = uintptr(value)
	}
	return n, nil
}

// tellErrno prints what came of a system call.
func tellErrno(errno syscall.Errno) {
	if errno == 0 {
		fmt.Println("ok")
		return
	}
	fmt.Println(unix.ErrnoName(errno))
}

// rawSyscall prints what comes of the system call NUMBER ARGS….
func rawSyscall(args []string) error {
	n, err := numbers(args)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(n[0], n[1], n[2], n[3], n[4], n[5], n[6])
	tellErrno(errno)
	return nil
}

// compatSyscall is rawSyscall by the 32-bit entry.
func compatSyscall(args []string) error {
	n, err := numbers(args)
	if err != nil {
		return err
	}
	if r := int80(uint32(n[0]), uint32(n[1]), uint32(n[2]), uint32(n[3])); r < 0 {
		tellErrno(syscall.Errno(-r))
	} else {
		tellErrno(0)
	}
	return nil
}

// x32Bit marks the numbers of the x32 ABI.
const x32Bit = 0x40000000

// x32Syscall is rawSyscall with the number of the x32 ABI.
func x32Syscall(args []string) error {
	n, err := numbers(args)
	if err != nil {
		return err
	}
	var errno syscall.Errno
	if !survives(func() { _, _, errno = unix.Syscall6(n[0]|x32Bit, n[1], n[2], n[3], n[4], n[5], n[6]) }) {
		fmt.Println("killed")
		return nil
	}
	tellErrno(errno)
	return nil
}

// The process's first thread stays with main, or a call that a filter kills its
// thread for would leave a process that is a zombie and does not end.
func init() { runtime.LockOSThread() }

// survives runs f in a thread of its own and tells whether that came back: a
// filter may kill the one thread that makes a call (SECCOMP_RET_KILL_THREAD), and
// nobody is told.
func survives(f func()) bool {
	back := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		f()
		close(back)
	}()
	select {
	case <-back:
		return true
	case <-time.After(2 * time.Second):
		return false
	}
}

// unknownSyscalls prints each errno that numbers give which no kernel has yet,
// of all three kinds of numbers, and negative ones.
func unknownSyscalls([]string) error {
	seen := map[string]bool{}
	note := func(kind string, errno syscall.Errno) {
		text := kind + " " + unix.ErrnoName(errno)
		if errno == 0 {
			text = kind + " ok"
		}
		if !seen[text] {
			seen[text] = true
			fmt.Println(text)
		}
	}
	x32 := true // until a thread was killed for it
	for nr := uintptr(600); nr < 5000; nr++ {
		_, _, errno := unix.RawSyscall6(nr, 0, 0, 0, 0, 0, 0)
		note("64", errno)
		if x32 && !survives(func() { _, _, errno = unix.Syscall6(nr|x32Bit, 0, 0, 0, 0, 0, 0) }) {
			fmt.Println("x32 killed")
			x32 = false
		} else if x32 {
			note("x32", errno)
		}
		if r := int80(uint32(nr), 0, 0, 0); r < 0 {
			note("32", syscall.Errno(-r))
		} else {
			note("32", 0)
		}
	}
	for _, nr := range []uintptr{1 << 31, 1<<31 - 1, ^uintptr(1)} {
		var errno syscall.Errno
		if !survives(func() { _, _, errno = unix.Syscall6(nr, 0, 0, 0, 0, 0, 0) }) { // two have x32's bit
			fmt.Printf("%#x killed\n", nr)
			continue
		}
		note("64", errno)
	}
	return nil
}

// rewriteSyscall lets a child make a harmless system call, getpid(2), and as its
// tracer turns it into the one that is asked for after the filter might have
// looked (before Linux 4.8 it had). It prints what came of that.
func rewriteSyscall(args []string) error {
	if len(args) > 0 && args[0] == "child" {
		for {
			_, _, _ = unix.RawSyscall6(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0)
		}
	}
	n, err := numbers(args)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	child := exec.Command("/proc/self/exe", "rewrite", "child")
	child.Stderr = os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: unix.SIGKILL}
	if err := child.Start(); err != nil {
		return err
	}
	pid := child.Process.Pid
	defer func() { _ = child.Process.Kill() }()
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
		return err
	}
	if err := unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL); err != nil {
		return err
	}
	var regs unix.PtraceRegs
	for rewritten := false; ; {
		if err := unix.PtraceSyscall(pid, 0); err != nil {
			return err
		}
		if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
			return err
		}
		if status.Exited() || status.Signaled() {
			return errors.New("the child has gone")
		}
		if !status.Stopped() || status.StopSignal() != unix.SIGTRAP|0x80 {
			continue
		}
		if err := unix.PtraceGetRegs(pid, &regs); err != nil {
			return err
		}
		if rewritten {
			errno := syscall.Errno(0)
			if result := int64(regs.Rax); result < 0 && result > -4096 {
				errno = syscall.Errno(-result)
			}
			tellErrno(errno)
			return nil
		}
		if regs.Orig_rax != unix.SYS_GETPID || int64(regs.Rax) != -int64(unix.ENOSYS) {
			continue // not at its entry
		}
		regs.Orig_rax, regs.Rdi, regs.Rsi, regs.Rdx = uint64(n[0]), uint64(n[1]), uint64(n[2]), uint64(n[3])
		if err := unix.PtraceSetRegs(pid, &regs); err != nil {
			return err
		}
		rewritten = true
	}
}

// growStdout leaves its standard output with a size that nobody wrote: a hole
// of so many bytes, or less than there was.
func growStdout(args []string) error {
	for _, arg := range args {
		if size, err := strconv.ParseInt(arg, 0, 64); err == nil {
			if err := unix.Ftruncate(1, size); err != nil {
				return fmt.Errorf("cannot truncate to %d: %w", size, err)
			}
			continue
		}
		if arg == "direct" { // reads of it must be aligned from now on
			flags, err := unix.FcntlInt(1, unix.F_GETFL, 0)
			if err == nil {
				_, err = unix.FcntlInt(1, unix.F_SETFL, flags|unix.O_DIRECT)
			}
			if err != nil {
				return err
			}
			continue
		}
		fmt.Println(arg)
	}
	return nil
}
