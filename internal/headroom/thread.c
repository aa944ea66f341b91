// A Go program whose runtime cannot have a thread aborts with a hundred lines of
// registers and stacks, which say nothing to whoever has run out of processes. So
// the linker puts this in the place of pthread_create(3), see threads.go.
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

// The pipe by which a container's first process tells its creator what is wrong
// (libcontainer); its environment is soon cleared, and its number used again.
static struct stat log_pipe;
static int log_fd = -1;

__attribute__((constructor)) static void remember_log_pipe(void)
{
	const char *number = getenv("_LIBCONTAINER_LOGPIPE");
	int fd = number ? atoi(number) : -1;

	if (fd > 2 && fstat(fd, &log_pipe) == 0 && S_ISFIFO(log_pipe.st_mode))
		log_fd = fd;
}

// Go starts its threads by C, of which each would have a heap of its own in the C library
// as soon as it frees what it was started with: three system calls, and pages. What calls C
// here does not do so in many threads at a time.
__attribute__((constructor)) static void one_heap(void)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
}

static void say(int fd, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (write(fd, line, strlen(line)) < 0)
		_exit(2);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
	static const char why[] = "the limit of processes is reached (pids.max of its cgroup, or ulimit -u)";
	static atomic_flag told = ATOMIC_FLAG_INIT;
	struct stat now;
	int error, try;

	// What has just ended counts for some milliseconds more.
	for (try = 1; (error = __real_pthread_create(thread, attributes, start, argument)) == EAGAIN && try <= 20; try++) {
		struct timespec pause = {.tv_nsec = try * 1000000};
		nanosleep(&pause, NULL);
	}
	if (error != EAGAIN)
		return error;
	// Of several threads that want another at a time, one tells and ends them all.
	while (atomic_flag_test_and_set(&told))
		pause();
	if (log_fd >= 0 && fstat(log_fd, &now) == 0 && now.st_dev == log_pipe.st_dev && now.st_ino == log_pipe.st_ino)
		say(log_fd, "{\"level\":\"fatal\",\"msg\":\"cannot start a thread: %s: %s\"}\n", strerror(error), why);
	else
		say(2, "cannot start a thread: %s: %s\n", strerror(error), why);
	_exit(1);
}
