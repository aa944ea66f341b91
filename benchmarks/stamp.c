/*
 * stamp FILE [NAME]: a service's program that notes when it lives. At its
 * first instructions it reads the clock (CLOCK_REALTIME, in ns) and adds a line
 * "NAME start TIME" to FILE; SIGUSR1 adds "NAME end TIME" and crashes it with exit
 * code 1; SIGTERM ends it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *name = "stamp";

static void note(int fd, const char *what, const struct timespec *t)
{
	char line[256];
	int n = snprintf(line, sizeof line, "%s %s %lld\n", name, what, t->tv_sec * 1000000000LL + t->tv_nsec);
	if (write(fd, line, n) != n)
		_exit(3);
}

int main(int argc, char **argv)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (argc < 2)
		return 2;
	if (argc > 2)
		name = argv[2];
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644), caught;
	if (fd < 0) {
		perror(argv[1]);
		return 3;
	}
	note(fd, "start", &t);
	while (sigwait(&set, &caught))
		;
	if (caught == SIGTERM)
		return 0;
	clock_gettime(CLOCK_REALTIME, &t);
	note(fd, "end", &t);
	_exit(1);
}
