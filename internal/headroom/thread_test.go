package headroom

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Threads that all want another at the same moment, where there are no more.
const crowd = `
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *p) { return EAGAIN; }

static pthread_barrier_t together;

static void *want(void *none)
{
	pthread_t another;
	pthread_barrier_wait(&together);
	__wrap_pthread_create(&another, NULL, want, NULL);
	return NULL;
}

int main(void)
{
	pthread_t threads[8];
	pthread_barrier_init(&together, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, want, NULL);
	for (;;)
		pause();
}
`

func TestOneThreadTellsForAll(t *testing.T) {
	folder := t.TempDir()
	source, program := filepath.Join(folder, "main.c"), filepath.Join(folder, "crowd")
	if err := os.WriteFile(source, []byte(crowd), 0o600); err != nil {
		t.Fatal(err)
	}
	//nolint:gosec // the compiler that cgo needs, on files of our own
	if out, err := exec.Command("gcc", "-pthread", "-o", program, source, "thread.c").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	const line = "cannot start a thread: Resource temporarily unavailable: the limit of processes is reached (pids.max of its cgroup, or ulimit -u)\n"
	for range 10 {
		cmd := exec.Command(program) //nolint:gosec // just built
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 1 || string(out) != line {
			t.Fatalf("exit code %d:\n%s", code, out)
		}
	}
}
