// load puts a known load on one resource, and says how far it came:
//
//	load VERB [ARGUMENT…] VERB …
//
// The verbs run one after the other. Each prints one line (limits: several),
// its name first. In C, because Go's runtime raises its own soft limit of open
// files before main, starts threads, and keeps memory of its own.
//
//	limits            what the kernel holds for this process: rlimits, I/O
//	                  priority, and the lines of /proc/self/status, as they
//	                  were when the program began
//	cat FILE          each line of a file, behind the file's name
//	sleep MS          milliseconds of wall time
//	at MS             until the clock (CLOCK_MONOTONIC) is a multiple of this: to begin
//	                  together with another
//	wait FILE         until it exists
//	burn MS N         keeps N processes busy for MS milliseconds of wall time;
//	                  prints their CPU time and the wall time, microseconds
//	work MS           is busy until MS milliseconds of its own CPU time are used;
//	                  prints the wall time that took, microseconds
//	cpus MS           is busy for MS milliseconds; prints the CPUs it was seen on
//	alloc MIB         touches so much memory and keeps it; prints microseconds
//	touch             reads all of it again; prints microseconds
//	child VERB …      the rest in a child; prints its exit code, as shells do
//	fork N            starts up to N children that wait; prints how many, and why no more
//	open N            opens up to N descriptors; prints how many, and why no more
//	nofile SOFT HARD  sets its own RLIMIT_NOFILE; prints ok or why not
//	file FILE BYTES   writes a file; prints how many bytes, and why no more
//	sync FILE         writes it to the disk; prints microseconds since file began
//	map MIB           maps memory without touching it
//	lock KIB          locks memory
//	calls             makes one harmless call each of a table; prints ok or why not
//	realtime          asks for realtime scheduling, sched(7); prints ok or why not
//	run FILE          becomes the program FILE with the argument "ids"
//	ids               real and effective user
//
// Why is the name of an errno (errno(3)), or - where nothing failed.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *why(int err) { return err == 0 ? "-" : strerrorname_np(err); }

static int64_t clock_us(clockid_t clock) {
	struct timespec t;
	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t now(void) { return clock_us(CLOCK_MONOTONIC); }

static void sleep_us(int64_t us) {
	struct timespec t = {us / 1000000, us % 1000000 * 1000};
	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}

static int64_t cpu_of(int who) {
	struct rusage r;
	getrusage(who, &r);
	return (int64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
}

static void copy(const char *path, const char *prefix) {
	FILE *f = fopen(path, "r");
	char line[4096];
	if (f == NULL) {
		printf("%s %s\n", prefix, why(errno));
		return;
	}
	while (fgets(line, sizeof line, f) != NULL)
		printf("%s%s%s", prefix, *prefix == 0 ? "" : " ", line);
	fclose(f);
}

static void limits(void) {
	static const struct {
		const char *name;
		int resource;
	} all[] = {
		{"as", RLIMIT_AS}, {"core", RLIMIT_CORE}, {"cpu", RLIMIT_CPU}, {"data", RLIMIT_DATA},
		{"fsize", RLIMIT_FSIZE}, {"locks", RLIMIT_LOCKS}, {"memlock", RLIMIT_MEMLOCK},
		{"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE}, {"nofile", RLIMIT_NOFILE},
		{"nproc", RLIMIT_NPROC}, {"rss", RLIMIT_RSS}, {"rtprio", RLIMIT_RTPRIO},
		{"rttime", RLIMIT_RTTIME}, {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK},
	};
	// First of all read, then print.
	struct rlimit held[sizeof all / sizeof *all];
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		getrlimit(all[i].resource, &held[i]);
	long priority = syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		printf("rlimit %s %lld %lld\n", all[i].name, (long long)held[i].rlim_cur, (long long)held[i].rlim_max);
	// ioprio_set(2): the class above the 13 bits of the level.
	printf("ioprio %ld:%ld\n", priority >> 13, priority & 0x1fff);
	copy("/proc/self/oom_score_adj", "oom_score_adj");
	copy("/proc/self/status", "");
}

static void burn(int64_t ms, int n) {
	int64_t start = now();
	for (int i = 0; i < n; i++)
		if (fork() == 0) {
			while (now() - start < ms * 1000)
				;
			_exit(0);
		}
	int64_t before = cpu_of(RUSAGE_CHILDREN);
	while (wait(NULL) != -1)
		;
	printf("burn %lld %lld\n", (long long)(cpu_of(RUSAGE_CHILDREN) - before), (long long)(now() - start));
}

static void work(int64_t ms) {
	int64_t start = now(), cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	while (clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu < ms * 1000)
		;
	printf("work %lld\n", (long long)(now() - start));
}

static void cpus(int64_t ms) {
	cpu_set_t seen;
	CPU_ZERO(&seen);
	for (int64_t start = now(); now() - start < ms * 1000;)
		CPU_SET(sched_getcpu(), &seen);
	printf("cpus");
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &seen))
			printf(" %d", i);
	printf("\n");
}

static volatile char *memory;
static size_t memory_size;

static void alloc(size_t size) {
	int64_t start = now();
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		printf("alloc %s\n", why(errno));
		return;
	}
	memory_size = size;
	madvise((void *)memory, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		memory[i] = (char)(i >> 12) | 1;
	printf("alloc %lld\n", (long long)(now() - start));
}

static void touch(void) {
	int64_t start = now();
	for (size_t i = 0; i < memory_size; i += 4096)
		(void)memory[i];
	printf("touch %lld\n", (long long)(now() - start));
}

static void forks(long n) {
	pid_t *children = calloc((size_t)n, sizeof *children);
	long i;
	int err = 0;
	for (i = 0; i < n; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			pause();
			_exit(0);
		}
		if (children[i] == -1) {
			err = errno;
			break;
		}
	}
	printf("fork %ld %s\n", i, why(err));
	for (n = i, i = 0; i < n; i++)
		kill(children[i], SIGKILL);
	while (wait(NULL) != -1)
		;
}

static void opens(long n) {
	long i;
	int err = 0;
	for (i = 0; i < n; i++)
		if (open("/dev/null", O_RDONLY) == -1) {
			err = errno;
			break;
		}
	printf("open %ld %s\n", i, why(err));
	for (int fd = 3; fd < i + 3; fd++)
		close(fd);
}

static int64_t file_began;

static void file(const char *path, size_t size) {
	static char block[4096];
	size_t done = 0;
	int err = 0, fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	signal(SIGXFSZ, SIG_IGN);
	file_began = now();
	while (fd != -1 && done < size) {
		ssize_t n = write(fd, block, size - done < sizeof block ? size - done : sizeof block);
		if (n <= 0) {
			err = errno;
			break;
		}
		done += (size_t)n;
	}
	printf("file %zu %s\n", done, why(fd == -1 ? errno : err));
}

// Calls that do no harm where they are allowed. Their arguments are wrong on
// purpose where a right one would do something: without a filter the kernel
// says so (EFAULT, EINVAL, EBADF), not EPERM, as long as the privileges are there.
static void call(const char *name, long result) { printf("call %s %s\n", name, result == -1 ? why(errno) : "ok"); }

#ifdef __x86_64__
// in_child makes a call by another entry into the kernel, in a child: it may be
// the last that the child does. The number is what call_32 or call_x32 takes.
static void in_child(const char *name, long (*entry)(long, long, long, long), long number, long a, long b, long c) {
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		long result = entry(number, a, b, c);
		// Not by printf: under a filter its calls would do, but the entry is what is asked.
		_exit(result >= 0 ? 0 : (int)-result);
	}
	int status;
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("call %s SIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
	else
		printf("call %s %s\n", name, WEXITSTATUS(status) ? why(WEXITSTATUS(status)) : "ok");
}

// call_32 enters by int $0x80, as 32-bit programs do; numbers are i386's.
static long call_32(long number, long a, long b, long c) {
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

// call_x32 makes a call of the x32 ABI: 64-bit, with bit 30 in its number.
static long call_x32(long number, long a, long b, long c) {
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number | 0x40000000), "D"(a), "S"(b), "d"(c) : "memory", "rcx", "r11");
	return result;
}

// other_entries makes calls by the kernel's two other entries. socketcall(2) is
// how old 32-bit libraries make sockets; its arguments lie in memory, where no
// filter sees them.
static void other_entries(void) {
	enum { i386_getpid = 20, i386_socketcall = 102, i386_socket = 359, i386_mount = 21 };
	enum { call_socket = 1, call_connect = 3, call_socketpair = 8 }; // linux/net.h
	int *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (args == MAP_FAILED) return;
	in_child("32-getpid", call_32, i386_getpid, 0, 0, 0);
	in_child("32-mount", call_32, i386_mount, 0, 0, 0);
	in_child("32-socket-inet", call_32, i386_socket, AF_INET, SOCK_STREAM, 0);
	in_child("32-socket-alg", call_32, i386_socket, AF_ALG, SOCK_SEQPACKET, 0);
	args[0] = AF_INET, args[1] = SOCK_STREAM;
	in_child("32-socketcall-inet", call_32, i386_socketcall, call_socket, (long)args, 0);
	args[0] = AF_ALG, args[1] = SOCK_SEQPACKET;
	in_child("32-socketcall-alg", call_32, i386_socketcall, call_socket, (long)args, 0);
	args[0] = AF_UNIX, args[1] = SOCK_STREAM, args[3] = (int)(long)(args + 8);
	in_child("32-socketcall-pair", call_32, i386_socketcall, call_socketpair, (long)args, 0);
	args[0] = -1;
	in_child("32-socketcall-connect", call_32, i386_socketcall, call_connect, (long)args, 0);
	in_child("x32-getpid", call_x32, SYS_getpid, 0, 0, 0);
}
#endif

static void calls(void) {
	int fds[2];
	call("read", syscall(SYS_read, -1, NULL, 0));
	call("openat", close((int)syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY)));
	call("pipe2", syscall(SYS_pipe2, fds, 0));
	call("futex", syscall(SYS_futex, NULL, -1, 0, NULL, NULL, 0));
	call("getrandom", syscall(SYS_getrandom, fds, 4, 0));
	call("mmap", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
	call("epoll_create1", syscall(SYS_epoll_create1, 0));
	call("socket-unix", socket(AF_UNIX, SOCK_STREAM, 0));
	call("socket-inet", socket(AF_INET, SOCK_STREAM, 0));
	call("socket-raw", socket(AF_INET, SOCK_RAW, 1));
	call("socket-packet", socket(AF_PACKET, SOCK_RAW, 0));
	call("socket-alg", socket(AF_ALG, SOCK_SEQPACKET, 0));
	call("socket-vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
	call("setuid", syscall(SYS_setuid, -1));
	call("chown", syscall(SYS_chown, NULL, 0, 0));
	call("mount", syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
	call("umount2", syscall(SYS_umount2, NULL, 0));
	call("pivot_root", syscall(SYS_pivot_root, NULL, NULL));
	call("chroot", syscall(SYS_chroot, NULL));
	call("unshare-user", syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWTIME | 1));
	call("setns", syscall(SYS_setns, -1, 0));
	call("clone3", syscall(SYS_clone3, NULL, 0));
	call("ptrace", syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, -1, NULL, NULL));
	call("process_vm_readv", syscall(SYS_process_vm_readv, -1, NULL, 0, NULL, 0, 0));
	call("memfd_create", syscall(SYS_memfd_create, NULL, 0));
	call("keyctl", syscall(SYS_keyctl, -1, 0, 0, 0, 0));
	call("add_key", syscall(SYS_add_key, NULL, NULL, NULL, 0, 0));
	call("bpf", syscall(SYS_bpf, -1, NULL, 0));
	call("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	call("userfaultfd", syscall(SYS_userfaultfd, -1));
	call("io_uring_setup", syscall(SYS_io_uring_setup, 0, NULL));
	call("init_module", syscall(SYS_init_module, NULL, 0, NULL));
	call("kexec_load", syscall(SYS_kexec_load, 0, -1, NULL, -1));
	call("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
	call("clock_settime", syscall(SYS_clock_settime, -1, NULL));
	call("syslog", syscall(SYS_syslog, -1, NULL, 0));
	call("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, NULL, 0));
	call("name_to_handle_at", syscall(SYS_name_to_handle_at, -1, NULL, NULL, NULL, 0));
	call("personality", syscall(SYS_personality, 0x0040000 /* ADDR_NO_RANDOMIZE */));
	call("mbind", syscall(SYS_mbind, NULL, 0, -1, NULL, 0, 0));
	call("mknod-device", syscall(SYS_mknodat, -1, "x", S_IFBLK, 0));
	call("adjtimex", syscall(SYS_adjtimex, NULL));
#ifdef SYS_ioperm
	call("ioperm", syscall(SYS_ioperm, -1, -1, 0));
	call("iopl", syscall(SYS_iopl, 99));
#endif
#ifdef __x86_64__
	other_entries();
#endif
}

static char **words;

static const char *next(const char *verb) {
	if (*words == NULL) {
		fprintf(stderr, "load: %s lacks an argument\n", verb);
		exit(2);
	}
	return *words++;
}

static long number(const char *verb) {
	char *end;
	const char *word = next(verb);
	long n = strtol(word, &end, 10);
	if (*word == 0 || *end != 0) {
		fprintf(stderr, "load: %s %s: not a number\n", verb, word);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv) {
	(void)argc;
	words = argv + 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (*words != NULL) {
		const char *verb = *words++;
		if (strcmp(verb, "limits") == 0) {
			limits();
		} else if (strcmp(verb, "cat") == 0) {
			const char *path = next(verb);
			copy(path, path);
		} else if (strcmp(verb, "sleep") == 0) {
			sleep_us(number(verb) * 1000);
		} else if (strcmp(verb, "at") == 0) {
			int64_t us = number(verb) * 1000;
			sleep_us(us - now() % us);
		} else if (strcmp(verb, "wait") == 0) {
			for (const char *path = next(verb); access(path, F_OK) == -1;)
				sleep_us(5000);
		} else if (strcmp(verb, "burn") == 0) {
			long ms = number(verb);
			burn(ms, (int)number(verb));
		} else if (strcmp(verb, "work") == 0) {
			work(number(verb));
		} else if (strcmp(verb, "cpus") == 0) {
			cpus(number(verb));
		} else if (strcmp(verb, "alloc") == 0) {
			alloc((size_t)number(verb) << 20);
		} else if (strcmp(verb, "touch") == 0) {
			touch();
		} else if (strcmp(verb, "child") == 0) {
			int status;
			pid_t pid = fork();
			if (pid == 0)
				continue;
			waitpid(pid, &status, 0);
			printf("child %d\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
			return 0;
		} else if (strcmp(verb, "fork") == 0) {
			forks(number(verb));
		} else if (strcmp(verb, "open") == 0) {
			opens(number(verb));
		} else if (strcmp(verb, "nofile") == 0) {
			struct rlimit r;
			r.rlim_cur = (rlim_t)number(verb);
			r.rlim_max = (rlim_t)number(verb);
			printf("nofile %s\n", setrlimit(RLIMIT_NOFILE, &r) == -1 ? why(errno) : "ok");
		} else if (strcmp(verb, "file") == 0) {
			const char *path = next(verb);
			file(path, (size_t)number(verb));
		} else if (strcmp(verb, "sync") == 0) {
			int fd = open(next(verb), O_RDONLY);
			int err = fsync(fd) == -1 ? errno : 0;
			printf("sync %lld %s\n", (long long)(now() - file_began), why(err));
		} else if (strcmp(verb, "map") == 0) {
			void *p = mmap(NULL, (size_t)number(verb) << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			printf("map %s\n", p == MAP_FAILED ? why(errno) : "ok");
		} else if (strcmp(verb, "lock") == 0) {
			size_t size = (size_t)number(verb) << 10;
			void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			printf("lock %s\n", mlock(p, size) == -1 ? why(errno) : "ok");
		} else if (strcmp(verb, "calls") == 0) {
			calls();
		} else if (strcmp(verb, "realtime") == 0) {
			struct sched_param fifo = {.sched_priority = 1};
			printf("realtime %s\n", sched_setscheduler(0, SCHED_FIFO, &fifo) == 0 ? "ok" : why(errno));
		} else if (strcmp(verb, "run") == 0) {
			const char *path = next(verb);
			execl(path, path, "ids", NULL);
			printf("run %s\n", why(errno));
		} else if (strcmp(verb, "ids") == 0) {
			printf("ids %d %d\n", (int)getuid(), (int)geteuid());
		} else {
			fprintf(stderr, "load: no verb %s\n", verb);
			return 2;
		}
	}
	return 0;
}
