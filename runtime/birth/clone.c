// What nsexec.c of libcontainer calls clone(2) for is the second of the three
// processes of which the last becomes a container's first one. It is made in the cgroup of
// version 2 that a note names (birth.go), and the third with it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char magic[] = "blackhole cgroup 1\n";

// linux/sched.h, which does not go with sched.h in all versions of both.
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
struct arguments {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

int __real_clone(int (*)(void *), void *, int, void *, ...);

static int number(const char *name)
{
	const char *value = getenv(name);

	return value ? atoi(value) : INT_MAX;
}

// The cgroup's descriptor, or -1 without a note, which is the last descriptor before
// those of libcontainer.
static int cgroup(void)
{
	const int seals = F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	int pipe = number("_LIBCONTAINER_INITPIPE"), console = number("_LIBCONTAINER_CONSOLE");
	int fd = (pipe < console ? pipe : console) - 1;
	char text[sizeof magic + PATH_MAX];
	ssize_t size;
	int have;

	if (fd < 3 || fd == INT_MAX - 1)
		return -1;
	have = fcntl(fd, F_GET_SEALS);
	if (have < 0 || (have & seals) != seals)
		return -1;
	size = pread(fd, text, sizeof text - 1, 0);
	if (size < (ssize_t)sizeof magic || memcmp(text, magic, sizeof magic - 1))
		return -1;
	text[size] = 0;
	close(fd); // it tells a path of the host's
	return open(text + sizeof magic - 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int __wrap_clone(int (*run)(void *), void *stack, int flags, void *argument, ...)
{
	static int asked; // by the first of the three processes; the others have a copy
	struct arguments a = {.flags = CLONE_PARENT | CLONE_INTO_CGROUP};
	int fd, error;
	long pid;

	// Where nsexec passes more than these four, it is another nsexec.
	if (flags != (CLONE_PARENT | SIGCHLD) || asked++ || (fd = cgroup()) < 0)
		return __real_clone(run, stack, flags, argument);
	a.cgroup = fd;
	// With CLONE_PARENT the signal at its end is that of this process, SIGCHLD. The
	// child goes on with a copy of this stack, which it leaves by longjmp(3).
	pid = syscall(SYS_clone3, &a, sizeof a);
	error = errno;
	close(fd);
	if (pid == 0)
		_exit(run(argument));
	if (pid > 0)
		return pid;
	// EAGAIN and ENOMEM will be the answer again, and are nsexec's to tell.
	errno = error;
	return __real_clone(run, stack, flags, argument);
}
