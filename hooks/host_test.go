package hooks

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"blackhole/hooks/params"
)

// doEnv makes the test binary a server or client in a container, see do.
const doEnv = "HOOKS_TEST_DO"

// The main thread is kept from the tests: Go never ends it, so one that had
// entered a container's namespace would stay in it, and gc see it there.
func init() { runtime.LockOSThread() }

// TestMain runs the tests in a network and mount namespace of their own, so that
// nothing of this machine's network is ever touched. Their files are in memory,
// as /run is: a book is synced at each step.
func TestMain(m *testing.M) {
	if words := os.Getenv(doEnv); words != "" {
		do(strings.Fields(words))
		return
	}
	if os.Getenv("HOOKS_TEST_INSIDE") != "" {
		if os.Getenv(dieEnv) != "" {
			runAndDie()
			return
		}
		// A fuzzing process's worker has what it shares with it in that folder.
		if os.Getenv(partEnv) == "" && !slices.Contains(os.Args, "-test.fuzzworker") {
			if err := unix.Mount("tmpfs", os.TempDir(), "tmpfs", 0, ""); err != nil {
				fmt.Fprintf(os.Stderr, "the tests need a tmpfs: %v\n", err)
				os.Exit(1)
			}
		}
		os.Exit(m.Run())
	}
	temp, err := os.MkdirTemp("", "hooks-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), "HOOKS_TEST_INSIDE=1", "TMPDIR="+temp)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	_ = os.Remove(temp)
	if cmd.ProcessState == nil {
		fmt.Fprintf(os.Stderr, "the tests need to make namespaces: %v\n", err)
		os.Exit(1)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// partEnv tells a process which part of a test it is, see inParts.
const partEnv = "HOOKS_TEST_PART"

// inParts runs the parts of a test at the same time, each in a process of its
// own: a test mostly waits for the kernel, not for a processor, but hooks of
// several hosts cannot be in one process (google/nftables counts its sets in a
// variable of the package).
func inParts(t *testing.T, parts ...string) (part string, here bool) {
	t.Helper()
	if part := os.Getenv(partEnv); part != "" {
		return part, true
	}
	outputs := make([]bytes.Buffer, len(parts))
	commands := make([]*exec.Cmd, len(parts))
	for i, part := range parts {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprint("-test.short=", testing.Short()))
		cmd.Env = append(os.Environ(), partEnv+"="+part)
		cmd.Stdout, cmd.Stderr = &outputs[i], &outputs[i]
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		commands[i] = cmd
	}
	for i, cmd := range commands {
		err := cmd.Wait()
		if out := outputs[i].String(); err != nil || !strings.Contains(out, "--- PASS: "+t.Name()) {
			t.Errorf("%s: %v\n%s", parts[i], err, out)
		}
	}
	return "", false
}

// beside runs a test in a process of its own, beside others that do; false in the
// process that only waits for it. For those that wait more than they compute, and
// measure nothing that others could take from them.
func beside(t *testing.T) (here bool) {
	t.Helper()
	t.Parallel()
	_, here = inParts(t, "alone")
	return here
}

// testHost is a host of its own: a network namespace that the test's thread is in.
type testHost struct {
	*Network
	t *testing.T
}

func newHost(t *testing.T) *testHost {
	t.Helper()
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("cannot make a network namespace: %v", err)
	}
	// Names are mounts, and t.TempDir cannot remove a folder that is one.
	names := filepath.Join(t.TempDir(), "netns")
	h := &testHost{&Network{Folder: filepath.Join(t.TempDir(), "book"), Names: names}, t}
	t.Cleanup(func() { unix.Unmount(names, unix.MNT_DETACH) })
	h.run("ip link set lo up")
	return h
}

// try runs a shell command on the host.
func (h *testHost) try(command string) (string, error) {
	cmd := exec.Command("sh", "-c", command)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// run is try for what must succeed.
func (h *testHost) run(command string) string {
	h.t.Helper()
	out, err := h.try(command)
	if err != nil {
		h.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

// process starts what stands for a container's first process: one that sleeps
// in a network namespace of its own.
func (h *testHost) process(id string) Container {
	h.t.Helper()
	return h.start(id, syscall.CLONE_NEWNET)
}

func (h *testHost) start(id string, flags uintptr) Container {
	h.t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	bundle := h.t.TempDir()
	err := os.WriteFile(filepath.Join(bundle, "config.json"), nil, 0o644) // or it would be no bundle
	if err == nil {
		err = os.WriteFile(filepath.Join(bundle, params.HostsFile), nil, 0o644)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return Container{ID: id, PID: cmd.Process.Pid, Bundle: bundle}
}

// up starts a container with a network.
func (h *testHost) up(id string, p params.Params) Container {
	h.t.Helper()
	c := h.process(id)
	if err := h.Up(c, p); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// inside runs a shell command in a container's network.
func (h *testHost) inside(c Container, command string) string {
	h.t.Helper()
	return h.run(inside(c, command))
}

func inside(c Container, command string) string {
	return fmt.Sprintf("nsenter --net=/proc/%d/ns/net sh -c '%s'", c.PID, strings.ReplaceAll(command, "'", `'\''`))
}

func command(text string) *exec.Cmd { return exec.Command("sh", "-c", text) }

// start runs a shell command until the test ends.
func start(t *testing.T, text string) {
	t.Helper()
	cmd := command("exec " + text)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); cmd.Wait() })
}

func (h *testHost) entry(id string) *entry {
	h.t.Helper()
	b, err := h.open(false)
	if err != nil {
		h.t.Fatal(err)
	}
	defer b.close()
	if b.Containers[id] == nil {
		h.t.Fatalf("%s is not in the book", id)
	}
	return b.Containers[id]
}

// left lists everything of ours that is on the host.
func (h *testHost) left() string {
	h.t.Helper()
	var all []string
	list, err := netlink.LinkList()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, l := range list {
		if isOurs(l) {
			all = append(all, "interface "+l.Attrs().Name)
		}
	}
	if out := strings.TrimSpace(h.run("nft list tables")); out != "" {
		all = append(all, "tables:", out)
	}
	for _, folder := range []string{h.Names, h.Folder} {
		files, err := os.ReadDir(folder)
		if err == nil {
			all = append(all, "folder "+folder)
		}
		for _, f := range files {
			all = append(all, "file "+f.Name())
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	if strings.Contains(string(mounts), h.Names) {
		all = append(all, "a mount on "+h.Names)
	}
	return strings.Join(all, "\n")
}

func (h *testHost) nothingLeft() {
	h.t.Helper()
	if left := h.left(); left != "" {
		h.t.Errorf("left behind:\n%s", left)
	}
}

// isolated are ordinary parameters.
func isolated() params.Params {
	return params.Params{Mode: params.Isolated, Bridge: "blackhole0", Subnet: netip.MustParsePrefix("10.88.0.0/16"), Masquerade: true}
}

func published(ports ...string) []params.Port {
	p, err := params.FromAnnotations(map[string]string{params.Prefix + "ports": strings.Join(ports, ",")})
	if err != nil {
		panic(err)
	}
	return p.Ports
}
