/*
 * bare ROOTFS net|nonet CGROUP… -- COMMAND ARGUMENT…
 *
 * The least that a container's whole life takes: its cgroups, namespaces,
 * mounts, devices and pivot_root by bare system calls, exec of COMMAND in it,
 * then its death and the removal of all of it. It checks no path, sets no limit,
 * drops no privilege and keeps no state: a yardstick, not a runtime.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "bare: cannot %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void must(int result, const char *what)
{
	if (result < 0)
		die(what);
}

static void mounted(const char *type, const char *at, unsigned long flags, const char *data)
{
	if (mkdir(at, 0755) < 0 && errno != EEXIST)
		die(at);
	must(mount(type, at, type, flags, data), at);
}

static void device(const char *name, int major, int minor)
{
	must(mknod(name, S_IFCHR | 0666, makedev(major, minor)), name);
}

/* hidden covers what shows too much of the host, as the runtimes' default does. */
static void hidden(const char *path)
{
	struct stat s;
	if (stat(path, &s) < 0)
		return;
	if (S_ISDIR(s.st_mode))
		must(mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0"), path);
	else
		must(mount("/dev/null", path, NULL, MS_BIND, NULL), path);
}

static void readonly(const char *path)
{
	if (access(path, F_OK) < 0)
		return;
	must(mount(path, path, NULL, MS_BIND | MS_REC, NULL), path);
	must(mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), path);
}

static void inside(const char *rootfs, char **command)
{
	must(setsid(), "make a session");
	must(sethostname("bare", 4), "set the host name");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make the mounts private");
	must(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), rootfs);
	must(chdir(rootfs), rootfs);
	mounted("proc", "proc", 0, NULL);
	mounted("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	mounted("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
	mounted("tmpfs", "dev/shm", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k");
	mounted("mqueue", "dev/mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	if (mkdir("sys", 0755) < 0 && errno != EEXIST)
		die("sys");
	must(mount("/sys", "sys", NULL, MS_BIND | MS_REC, NULL), "sys");
	umask(0);
	device("dev/null", 1, 3);
	device("dev/zero", 1, 5);
	device("dev/full", 1, 7);
	device("dev/random", 1, 8);
	device("dev/urandom", 1, 9);
	device("dev/tty", 5, 0);
	must(symlink("/proc/self/fd", "dev/fd"), "dev/fd");
	must(symlink("pts/ptmx", "dev/ptmx"), "dev/ptmx");
	must(syscall(SYS_pivot_root, ".", "."), "change the root");
	must(umount2(".", MNT_DETACH), "leave the old root");
	must(chdir("/"), "/");
	const char *hide[] = {"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
		"/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"};
	for (size_t i = 0; i < sizeof hide / sizeof *hide; i++)
		hidden(hide[i]);
	const char *keep[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
	for (size_t i = 0; i < sizeof keep / sizeof *keep; i++)
		readonly(keep[i]);
	execv(command[0], command);
	die(command[0]);
}

/* copied gives a cgroup its parent's value: a new cpuset of v1 has none. */
static void copied(const char *cgroup, const char *file)
{
	char path[4096], value[4096];
	snprintf(path, sizeof path, "%s/../%s", cgroup, file);
	int from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return;
	ssize_t n = read(from, value, sizeof value);
	snprintf(path, sizeof path, "%s/%s", cgroup, file);
	int to = open(path, O_WRONLY | O_CLOEXEC);
	must(to, path);
	must(write(to, value, n), path);
	close(from);
	close(to);
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	int first = 3, last = first, go[2], run[2];
	while (last < argc && strcmp(argv[last], "--"))
		last++;
	for (int i = first; i < last; i++) {
		must(mkdir(argv[i], 0755), argv[i]);
		if (strstr(argv[i], "/cpuset/")) {
			copied(argv[i], "cpuset.cpus");
			copied(argv[i], "cpuset.mems");
		}
	}
	must(pipe2(go, O_CLOEXEC), "make a pipe");
	must(pipe2(run, O_CLOEXEC), "make a pipe");
	int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | SIGCHLD;
	if (!strcmp(argv[2], "net"))
		flags |= CLONE_NEWNET;
	pid_t pid = syscall(SYS_clone, flags, NULL, NULL, NULL, 0);
	must(pid, "make namespaces");
	char byte = 0;
	if (pid == 0) {
		close(go[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		inside(argv[1], argv + last + 1);
	}
	close(run[1]);
	for (int i = first; i < last; i++) {
		char path[4096], number[16];
		snprintf(path, sizeof path, "%s/cgroup.procs", argv[i]);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		must(fd, path);
		must(write(fd, number, snprintf(number, sizeof number, "%d", pid)), path);
		close(fd);
	}
	must(write(go[1], &byte, 1), "let it go on");
	must(read(run[0], &byte, 1), "wait for the program"); /* its exec closes the other end */
	must(kill(pid, SIGKILL), "end the program");
	int status;
	must(waitpid(pid, &status, 0), "wait for the program's end");
	for (int i = first; i < last; i++)
		while (rmdir(argv[i]) < 0) {
			if (errno != EBUSY)
				die(argv[i]);
			sched_yield();
		}
	return WIFSIGNALED(status) ? 0 : 1;
}
