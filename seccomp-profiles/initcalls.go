package profiles

// initCalls lists what libcontainer's init, and Go's runtime in it, does or may
// do between the loading of the filter and the program's first instruction. A
// recording sees most of them, but not those of a Go runtime that happened not
// to start a thread or to wait for a lock, nor those of an exec that was not made.
func initCalls() []string {
	return []string{
		// Its own work: the start's FIFO is reopened through /proc, told of, and
		// everything that the program does not get is closed. Without no_new_privs the
		// filter comes earlier, and an exec then looks for its program under it.
		"openat", "openat2", "fstat", "fstatfs", "statx", "readlinkat", "fcntl", "epoll_ctl", "read", "write", "getdents64",
		"close", "close_range", "faccessat", "faccessat2", "execve", "exit", "exit_group", "rt_sigreturn",
		// Go's scheduler and memory.
		"epoll_create1", "epoll_pwait", "eventfd2", "futex", "getpid", "gettid", "madvise", "mmap", "munmap", "nanosleep",
		"rt_sigaction", "rt_sigprocmask", "sched_yield", "sigaltstack", "tgkill",
		// A new thread of glibc's, which Go takes where C code is linked in.
		"clone", "clone3", "mprotect", "rseq", "set_robust_list",
	}
}
