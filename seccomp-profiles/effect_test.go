//go:build cgo && seccomp

package profiles

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childEnv makes the test binary a child of the tests below: it puts itself under
// the profile of this name, then makes the calls of calls(), or becomes the
// program of its arguments.
const childEnv = "BLACKHOLE_TEST_SECCOMP_PROFILE"

func TestMain(m *testing.M) {
	profile := os.Getenv(childEnv)
	if profile == "" {
		os.Exit(m.Run())
	}
	os.Unsetenv(childEnv)
	if err := child(profile, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(profile string, argv []string) error {
	p, err := Load(profile)
	if err != nil {
		return err
	}
	if p != nil {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return err
		}
		filter, err := compile(p)
		if err != nil {
			return err
		}
		if err := filter.Load(); err != nil { // all threads: libseccomp-golang asks for TSYNC
			return err
		}
	}
	if len(argv) > 0 {
		return unix.Exec(argv[0], argv, os.Environ())
	}
	results := map[string]string{}
	for _, c := range calls() {
		results[c.label] = unix.ErrnoName(c.do())
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

// call is one system call with arguments that do no harm where it is allowed:
// the kernel's answer without a filter tells the two apart.
type call struct {
	label             string
	do                func() unix.Errno
	byDefault, strict string // "" for as without a filter
}

const bad = ^uintptr(0) // no pointer, no descriptor, no process

func raw(number uintptr, args ...uintptr) func() unix.Errno {
	return func() unix.Errno {
		var a [6]uintptr
		copy(a[:], args)
		_, _, errno := unix.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
		return errno
	}
}

// sock makes a socket and closes it.
func sock(family, kind, protocol int) func() unix.Errno {
	return func() unix.Errno {
		fd, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family), uintptr(kind), uintptr(protocol))
		if errno == 0 {
			unix.Close(int(fd))
		}
		return errno
	}
}

func calls() []call {
	return []call{
		// Allowed in both.
		{"getpid", raw(unix.SYS_GETPID), "", ""},
		{"openat2", raw(unix.SYS_OPENAT2, bad, 0, 0, 0), "", ""},
		{"statx", raw(unix.SYS_STATX, bad, bad, 0, 0, bad), "", ""},
		{"faccessat2", raw(unix.SYS_FACCESSAT2, bad, bad, 0, 0), "", ""},
		{"close_range", raw(unix.SYS_CLOSE_RANGE, 5, 4, 0), "", ""},
		{"rseq", raw(unix.SYS_RSEQ, 1, 1, 1, 1), "", ""},
		{"epoll_pwait2", raw(unix.SYS_EPOLL_PWAIT2, bad, 0, 1, 0, 0), "", ""},
		{"futex_waitv", raw(unix.SYS_FUTEX_WAITV, 0, 0, 0, 0, 0), "", ""},
		{"landlock", raw(unix.SYS_LANDLOCK_CREATE_RULESET, bad, 1, 0), "", ""},
		{"mknod fifo", raw(unix.SYS_MKNODAT, bad, bad, unix.S_IFIFO, 0), "", ""},
		{"clone", raw(unix.SYS_CLONE, unix.CLONE_THREAD, 0, 0, 0, 0), "", ""}, // without CLONE_VM the kernel refuses
		{"execve", raw(unix.SYS_EXECVE, bad, 0, 0), "", ""},
		{"socket unix", sock(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0), "", ""},
		{"socket tcp", sock(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0), "", ""},
		{"socket udp6", sock(unix.AF_INET6, unix.SOCK_DGRAM, 0), "", ""},
		{"socket route", sock(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE), "", ""},
		{"prctl", raw(unix.SYS_PRCTL, bad, 0, 0, 0, 0), "", ""},

		// Blocked in both.
		{"clone3", raw(unix.SYS_CLONE3, bad, 0), "ENOSYS", "ENOSYS"},
		{"clone NEWUSER", raw(unix.SYS_CLONE, unix.CLONE_NEWUSER|unix.CLONE_FS, 0, 0, 0, 0), "EPERM", "EPERM"},
		{"unshare NEWNET", raw(unix.SYS_UNSHARE, unix.CLONE_NEWNET|unix.CLONE_NEWPID|1), "EPERM", "EPERM"},
		{"setns", raw(unix.SYS_SETNS, bad, 0), "EPERM", "EPERM"},
		{"mount", raw(unix.SYS_MOUNT, bad, bad, bad, 0, 0), "EPERM", "EPERM"},
		{"umount2", raw(unix.SYS_UMOUNT2, bad, 0), "EPERM", "EPERM"},
		{"pivot_root", raw(unix.SYS_PIVOT_ROOT, bad, bad), "EPERM", "EPERM"},
		{"fsopen", raw(unix.SYS_FSOPEN, bad, 0), "EPERM", "EPERM"},
		{"open_tree", raw(unix.SYS_OPEN_TREE, bad, bad, 0), "EPERM", "EPERM"},
		{"chroot", raw(unix.SYS_CHROOT, bad), "EPERM", "EPERM"},
		{"add_key", raw(unix.SYS_ADD_KEY, bad, bad, 0, 0, 0), "EPERM", "EPERM"},
		{"request_key", raw(unix.SYS_REQUEST_KEY, bad, bad, 0, 0), "EPERM", "EPERM"},
		{"keyctl", raw(unix.SYS_KEYCTL, bad, 0, 0, 0, 0), "EPERM", "EPERM"},
		{"bpf", raw(unix.SYS_BPF, bad, bad, 0), "EPERM", "EPERM"},
		{"perf_event_open", raw(unix.SYS_PERF_EVENT_OPEN, bad, 0, 0, 0, 0), "EPERM", "EPERM"},
		{"userfaultfd", raw(unix.SYS_USERFAULTFD, 0xff00), "EPERM", "EPERM"},
		{"io_uring_setup", raw(unix.SYS_IO_URING_SETUP, 0, bad), "EPERM", "EPERM"},
		{"kexec_load", raw(unix.SYS_KEXEC_LOAD, 0, 1000, 0, bad), "EPERM", "EPERM"},
		{"finit_module", raw(unix.SYS_FINIT_MODULE, bad, bad, bad), "EPERM", "EPERM"},
		{"clock_settime", raw(unix.SYS_CLOCK_SETTIME, bad, bad), "EPERM", "EPERM"},
		{"open_by_handle_at", raw(unix.SYS_OPEN_BY_HANDLE_AT, bad, bad, 0), "EPERM", "EPERM"},
		{"pidfd_getfd", raw(unix.SYS_PIDFD_GETFD, bad, bad, 1), "EPERM", "EPERM"},
		{"personality ADDR_NO_RANDOMIZE", raw(unix.SYS_PERSONALITY, 0x40000), "EPERM", "EPERM"},
		{"socketpair inet", raw(unix.SYS_SOCKETPAIR, unix.AF_INET, unix.SOCK_STREAM, 0, bad), "EPERM", "EPERM"},
		{"socket packet", sock(unix.AF_PACKET, unix.SOCK_RAW, 0), "EAFNOSUPPORT", "EPERM"},
		{"socket alg", sock(unix.AF_ALG, unix.SOCK_SEQPACKET, 0), "EAFNOSUPPORT", "EPERM"},
		{"socket vsock", sock(unix.AF_VSOCK, unix.SOCK_STREAM, 0), "EAFNOSUPPORT", "EPERM"},

		// The kernel reads the lower half of these registers alone: more bits above
		// must not make a way around the rule.
		{"socket packet, upper half", raw(unix.SYS_SOCKET, 1<<32|unix.AF_PACKET, unix.SOCK_RAW, 0), "EAFNOSUPPORT", "EPERM"},
		{"socket alg, upper half", raw(unix.SYS_SOCKET, 1<<32|unix.AF_ALG, unix.SOCK_SEQPACKET, 0), "EAFNOSUPPORT", "EPERM"},
		{"clone NEWUSER, upper half", raw(unix.SYS_CLONE, 1<<40|unix.CLONE_NEWUSER|unix.CLONE_FS, 0, 0, 0, 0), "EPERM", "EPERM"},

		// Blocked in strict alone.
		{"execveat", raw(unix.SYS_EXECVEAT, bad, bad, 0, 0, 0), "", "EPERM"},
		{"memfd_create", raw(unix.SYS_MEMFD_CREATE, bad, bad), "", "EPERM"},
		{"unshare FS", raw(unix.SYS_UNSHARE, unix.CLONE_FS), "", "EPERM"},
		{"ptrace", raw(unix.SYS_PTRACE, bad, bad, 0, 0), "", "EPERM"},
		{"process_vm_readv", raw(unix.SYS_PROCESS_VM_READV, bad, 0, 1, 0, 1, 0), "", "EPERM"},
		{"personality", raw(unix.SYS_PERSONALITY, 0xffffffff), "", "EPERM"},
		{"name_to_handle_at", raw(unix.SYS_NAME_TO_HANDLE_AT, bad, bad, bad, bad, 0), "", "EPERM"},
		{"set_mempolicy", raw(unix.SYS_SET_MEMPOLICY, 1000, 0, 0), "", "EPERM"},
		{"adjtimex", raw(unix.SYS_ADJTIMEX, bad), "", "EPERM"},
		{"socket raw", sock(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP), "", "EPERM"},
		{"socket raw6", sock(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6), "", "EPERM"},
		{"socket uevent", sock(unix.AF_NETLINK, unix.SOCK_DGRAM, unix.NETLINK_KOBJECT_UEVENT), "", "EPERM"},
		{"mknod device", raw(unix.SYS_MKNODAT, bad, bad, unix.S_IFCHR, 0), "", "EPERM"},
	}
}

func under(t *testing.T, profile string, argv ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], argv...)
	cmd.Env = append(os.Environ(), childEnv+"="+profile)
	cmd.WaitDelay = time.Second
	return cmd
}

func results(t *testing.T, profile string) map[string]string {
	t.Helper()
	cmd := under(t, profile)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("under %s: %v: %s", profile, err, stderr.String())
	}
	var r map[string]string
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("under %s: %v in %q", profile, err, out)
	}
	return r
}

func TestEffect(t *testing.T) {
	free := results(t, Unconfined)
	for profile, wanted := range map[string]func(call) string{
		Default: func(c call) string { return c.byDefault },
		Strict:  func(c call) string { return c.strict },
	} {
		t.Run(profile, func(t *testing.T) {
			got := results(t, profile)
			for _, c := range calls() {
				want := wanted(c)
				if want == "" {
					want = free[c.label]
				} else if free[c.label] == want && want != "EAFNOSUPPORT" && os.Geteuid() == 0 { // a kernel may lack AF_ALG
					t.Errorf("%s fails with %s without a filter too: the row proves nothing", c.label, want)
				}
				if got[c.label] != want {
					t.Errorf("%s: %s, want %s", c.label, orNone(got[c.label]), orNone(want))
				}
			}
		})
	}
}

func orNone(errno string) string {
	if errno == "" {
		return "no error"
	}
	return errno
}

// Real programs start, make threads and children, and talk through sockets.
func TestPrograms(t *testing.T) {
	python := `
import multiprocessing, socket, subprocess, tempfile, threading
t = threading.Thread(target=lambda: None); t.start(); t.join()
assert subprocess.run(["/bin/true"]).returncode == 0
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); c = socket.create_connection(s.getsockname())
with tempfile.TemporaryFile() as f: f.write(b"x")
assert multiprocessing.get_context("fork").Pool(2).map(abs, [-1, -2]) == [1, 2]
socket.getaddrinfo("localhost", 80); socket.if_nameindex()
print("done")`
	java := filepath.Join(t.TempDir(), "Done.java")
	source := `public class Done { public static void main(String[] a) throws Exception {
		Thread t = new Thread(() -> {}); t.start(); t.join();
		new java.net.ServerSocket(0).close();
		if (new ProcessBuilder("/bin/true").start().waitFor() == 0) System.out.println("done"); } }`
	if err := os.WriteFile(java, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{
		{"bash", "-c", "echo done | cat && (sleep 0 & wait)"},
		{"python3", "-c", python},
		{"java", "-Xmx64m", java},
		{"redis-server", "--port", "0", "--unixsocket", filepath.Join(t.TempDir(), "s"), "--save", ""},
	} {
		program, err := exec.LookPath(argv[0])
		if err != nil {
			t.Logf("%s is not installed", argv[0])
			continue
		}
		for _, profile := range []string{Default, Strict} {
			t.Run(argv[0]+" under "+profile, func(t *testing.T) {
				if argv[0] == "redis-server" {
					runRedis(t, under(t, profile, append([]string{program}, argv[1:]...)...), argv[4])
					return
				}
				out, err := under(t, profile, append([]string{program}, argv[1:]...)...).CombinedOutput()
				if err != nil || strings.TrimSpace(string(out)) != "done" {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
	}
}

// runRedis starts a server, asks it, saves (a fork) and ends it.
func runRedis(t *testing.T, server *exec.Cmd, socket string) {
	t.Helper()
	var log bytes.Buffer
	server.Stdout, server.Stderr, server.Dir = &log, &log, t.TempDir()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil {
			t.Errorf("redis-server: %v: %s", err, log.String())
		}
	}()
	for _, command := range []string{"ping", "bgsave"} {
		var out []byte
		for range 100 {
			var err error
			if out, err = exec.Command("redis-cli", "-s", socket, command).CombinedOutput(); err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if want := map[string]string{"ping": "PONG", "bgsave": "Background saving started"}[command]; strings.TrimSpace(string(out)) != want {
			t.Errorf("redis-cli %s: %s, want %s", command, out, want)
		}
	}
}
