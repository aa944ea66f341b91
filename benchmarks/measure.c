/*
 * measure OUTPUT FIRST COUNT COMMAND ARGUMENT… [+ COMMAND ARGUMENT…]…
 *
 * Runs COUNT copies of the commands at a time, each copy one command after the
 * other, and waits for all. "@" within an argument is the copy's number, from
 * FIRST on. What they write goes to OUTPUT. Prints one line:
 *
 *	when the first began (CLOCK_REALTIME, ns), how long all took (ns),
 *	user and system time of all and of the children they waited for (us),
 *	the most that one process of them had resident (KiB), how many failed
 *
 * It is a small C program because what a big one starts looks big: until its
 * exec a child counts the memory of its parent as its own (ru_maxrss).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* numbered replaces each "@" of an argument. */
static char *numbered(const char *argument, const char *number)
{
	size_t size = strlen(argument) + 1;
	for (const char *p = argument; *p; p++)
		if (*p == '@')
			size += strlen(number);
	char *out = malloc(size), *to = out;
	if (!out)
		_exit(126);
	for (const char *p = argument; *p; p++)
		if (*p == '@')
			to = stpcpy(to, number);
		else
			*to++ = *p;
	*to = 0;
	return out;
}

/* begin starts one command; posix_spawn copies no memory, as vfork. */
static pid_t begin(char **argv, int output)
{
	pid_t pid;
	posix_spawn_file_actions_t files;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, output, 1);
	posix_spawn_file_actions_adddup2(&files, output, 2);
	int error = posix_spawn(&pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (error) {
		dprintf(output, "%s: %s\n", argv[0], strerror(error));
		return -1;
	}
	return pid;
}

/* several runs the commands one after the other and ends with their success. */
static void several(char **argv, int output)
{
	for (;;) {
		char **end = argv;
		int status, last;
		while (*end && strcmp(*end, "+"))
			end++;
		last = !*end;
		*end = NULL;
		pid_t pid = begin(argv, output);
		if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
			_exit(1);
		if (last)
			_exit(0);
		argv = end + 1;
	}
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	int first = atoi(argv[2]), count = atoi(argv[3]), words = argc - 4, steps = 0;
	int output = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (output < 0)
		return 2;
	char ***commands = calloc(count, sizeof *commands);
	for (int i = 0; i < count; i++) {
		char number[16];
		snprintf(number, sizeof number, "%d", first + i);
		commands[i] = calloc(words + 1, sizeof **commands);
		for (int j = 0; j < words; j++) {
			commands[i][j] = numbered(argv[4 + j], number);
			steps += i == 0 && !strcmp(argv[4 + j], "+");
		}
	}
	long long began = now(CLOCK_REALTIME), at = now(CLOCK_MONOTONIC);
	for (int i = 0; i < count; i++) {
		pid_t pid = steps ? fork() : begin(commands[i], output);
		if (pid < 0)
			return 2;
		if (pid == 0)
			several(commands[i], output);
	}
	long long used = 0;
	long most = 0;
	int failed = 0, status;
	struct rusage u;
	while (wait4(-1, &status, 0, &u) > 0) {
		failed += status != 0;
		used += (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
		if (u.ru_maxrss > most)
			most = u.ru_maxrss;
	}
	printf("%lld %lld %lld %ld %d\n", began, now(CLOCK_MONOTONIC) - at, used, most, failed);
	return 0;
}
