//go:build cgo && seccomp

package filter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	goruntime "runtime"
	"strings"
	"testing"
	"unsafe"

	moby "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/seccomp"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// asked has this program load the filter that it is told instead of testing.
const asked = "FILTER_TEST_LOAD"

func TestMain(m *testing.M) {
	if profile := os.Getenv(asked); profile != "" {
		if err := load(profile); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// load is what libcontainer's first process does: the program, if there is one, is in
// descriptor 3. Then it tells its thread, and waits.
func load(profile string) error {
	goruntime.LockOSThread()
	config := new(configs.Seccomp)
	if err := json.Unmarshal([]byte(profile), config); err != nil {
		return err
	}
	took := false
	if p, ok := Take(3); ok {
		took = true
		Expect(p)
	}
	if _, err := seccomp.InitSeccomp(config); err != nil {
		return err
	}
	fmt.Println(unix.Gettid(), took)
	_, err := unix.Read(0, make([]byte, 1)) // on the very thread
	return err
}

// loaded is the filter that libcontainer loads in a process that was given p, as the
// kernel has it (PTRACE_SECCOMP_GET_FILTER of ptrace(2)).
func loaded(t *testing.T, profile *configs.Seccomp, p *Program) []byte {
	t.Helper()
	text, err := json.Marshal(profile)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), asked+"="+string(text))
	if p != nil {
		f, err := p.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = []*os.File{f}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	line := make([]byte, 1000)
	n, _ := out.Read(line)
	var (
		tid  int
		took bool
	)
	if _, err := fmt.Sscan(string(line[:n]), &tid, &took); err != nil {
		t.Fatalf("%s", line[:n])
	}
	if took != (p != nil) {
		t.Fatalf("took a program: %v", took)
	}
	return readFilter(t, tid)
}

func readFilter(t *testing.T, tid int) []byte {
	t.Helper()
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	if err := unix.PtraceSeize(tid); err != nil {
		t.Fatal(err)
	}
	if err := unix.PtraceInterrupt(tid); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Wait4(tid, nil, unix.WALL, nil); err != nil {
		t.Fatal(err)
	}
	get := func(buffer unsafe.Pointer) int {
		n, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(tid), 0, uintptr(buffer), 0, 0)
		if errno != 0 {
			t.Fatal(errno)
		}
		return int(n)
	}
	b := make([]byte, get(nil)*int(unsafe.Sizeof(unix.SockFilter{})))
	get(unsafe.Pointer(&b[0]))
	return b
}

func profiles(t *testing.T) map[string]*configs.Seccomp {
	t.Helper()
	all := map[string]*specs.LinuxSeccomp{}
	docker, err := moby.GetDefaultProfile(&specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}})
	if err != nil {
		t.Fatal(err)
	}
	all["docker"] = docker
	one := uint(1)
	all["denies"] = &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86},
		Flags:         []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog},
		Syscalls: []specs.LinuxSyscall{
			{Names: []string{"acct", "swapon", "no_such_call"}, Action: specs.ActErrno, ErrnoRet: &one},
			{Names: []string{"personality"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{
				{Index: 0, Value: 8, ValueTwo: 8, Op: specs.OpMaskedEqual},
				{Index: 1, Value: 9, Op: specs.OpGreaterThan},
			}},
			{Names: []string{"socket"}, Action: specs.ActKillProcess, Args: []specs.LinuxSeccompArg{
				{Index: 0, Value: 40, Op: specs.OpEqualTo}, {Index: 0, Value: 41, Op: specs.OpEqualTo},
			}},
			{Names: []string{"getpid"}, Action: specs.ActAllow}, // redundant
			{Names: []string{"swapoff"}, Action: specs.ActTrap},
		},
	}
	converted := map[string]*configs.Seccomp{}
	for name, p := range all {
		if converted[name], err = specconv.SetupSeccomp(p); err != nil {
			t.Fatal(err)
		}
	}
	return converted
}

func compiled(t *testing.T, profile *configs.Seccomp) *Program {
	t.Helper()
	p, err := Compile(profile)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = Parse(p.Bytes()); err != nil {
		t.Fatal(err)
	}
	return p
}

// The kernel has the same filter whether it was compiled before or not.
func TestSameFilter(t *testing.T) {
	for name, profile := range profiles(t) {
		p := compiled(t, profile)
		if again := compiled(t, profile); !bytes.Equal(p.Bytes(), again.Bytes()) {
			t.Errorf("%s: compiled a second time it is another program", name)
		}
		// What libcontainer puts before it (-ENOSYS for calls that are newer than the
		// profile) has its architectures in another order each time.
		want := loaded(t, profile, nil)
		if !bytes.HasSuffix(want, p.code) {
			t.Errorf("%s: what libcontainer compiles does not end with the program", name)
		}
		if have := loaded(t, profile, p); len(have) != len(want) || !bytes.HasSuffix(have, p.code) {
			t.Errorf("%s: %d bytes loaded where libcontainer compiles it, %d by what was compiled before", name, len(want), len(have))
		}
		// It is that program, and not one that is compiled after all.
		mark := append([]byte(nil), p.code...)
		last := mark[len(mark)-8:]
		last[4] ^= 2 // of the returned value
		if have := loaded(t, profile, &Program{p.calls, mark}); !bytes.HasSuffix(have, last) {
			t.Errorf("%s: the program is not taken", name)
		}
	}
}

// A program of other calls is not taken, wherever they differ.
func TestOtherCalls(t *testing.T) {
	profile := profiles(t)["denies"]
	p := compiled(t, profile)
	want := loaded(t, profile, nil)
	wrong := append([]byte(nil), p.code...)
	wrong[len(wrong)-4] ^= 2
	for at := 0; at < len(p.calls); at += 4 {
		calls := append([]byte(nil), p.calls...)
		calls[at] ^= 1
		if have := loaded(t, profile, &Program{calls, wrong}); !bytes.Equal(want, have) {
			t.Errorf("with byte %d of the calls changed the filter is another one", at)
		}
	}
	for _, calls := range [][]byte{p.calls[:len(p.calls)-16], p.calls[:16], append(append([]byte(nil), p.calls...), p.calls[len(p.calls)-16:]...)} {
		if have := loaded(t, profile, &Program{calls, wrong}); !bytes.Equal(want, have) {
			t.Errorf("with %d of %d bytes of the calls the filter is another one", len(calls), len(p.calls))
		}
	}
}

// What libcontainer refuses has libcontainer's error, and nothing stays noted.
func TestRefused(t *testing.T) {
	p := &configs.Seccomp{DefaultAction: configs.Allow, Architectures: []string{"vax"}}
	if _, err := Compile(p); err == nil || !strings.Contains(err.Error(), "vax") {
		t.Error(err)
	}
	compiled(t, profiles(t)["denies"])
}

func TestTake(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write((&Program{[]byte("calls"), []byte("code")}).Bytes()); err != nil {
		t.Fatal(err)
	}
	if _, ok := Take(int(f.Fd())); ok {
		t.Error("a file that others may write was taken")
	}
	if _, ok := Take(-1); ok {
		t.Error("nothing was taken")
	}
	for _, b := range []string{"", "x", magic, magic + "\xff\xff\xff\x7f"} {
		if p, err := Parse([]byte(b)); err == nil {
			t.Errorf("%q is %v", b, p)
		}
	}
}
