package profiles

// initCalls lists what libcontainer's init, and Go's runtime in it, does or may
// do between the loading of the filter and the program's first instruction. A
// recording sees most of them, but not those of a Go runtime that happened not
// to start a thread or to wait for a lock, nor those of an exec that was not made.
func initCalls() []string {
	return append([]string{
		// Its own work: the start's FIFO is reopened through /proc, told of, and
		// everything that the program does not get is closed. Without no_new_privs the
		// filter comes earlier, and an exec then looks for its program under it.
		"openat", "openat2", "fstat", "fstatfs", "statx", "readlinkat", "fcntl", "epoll_ctl", "read", "getdents64",
		"close", "close_range", "faccessat", "faccessat2", "execve", "exit", "exit_group",
		// What Go's runtime sets up once, or takes down for the program.
		"epoll_create1", "eventfd2", "rt_sigaction",
	}, unheard()...)
}

// unheard are those of initCalls that cannot be told, for libcontainer's init may make
// them before its parent has the listener's descriptor, and would wait for an answer
// for ever: the write(2) that tells the parent of it, and what Go's runtime does when
// it likes (a thread that is preempted ends its signal's handler by rt_sigreturn).
func unheard() []string {
	return []string{
		"write",
		// Go's scheduler and memory.
		"epoll_pwait", "futex", "getpid", "gettid", "madvise", "mmap", "munmap", "nanosleep",
		"rt_sigprocmask", "rt_sigreturn", "sched_yield", "sigaltstack", "tgkill",
		// A new thread of glibc's, which Go takes where C code is linked in.
		"clone", "clone3", "mprotect", "rseq", "set_robust_list",
	}
}
