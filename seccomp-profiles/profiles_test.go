package profiles

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestLoadBuiltIn(t *testing.T) {
	for _, name := range Names() {
		p, err := Load(name)
		if err != nil {
			t.Errorf("Load(%q): %v", name, err)
			continue
		}
		if (p == nil) != (name == Unconfined) {
			t.Errorf("Load(%q) = %v", name, p)
		}
		if p == nil {
			continue
		}
		if p.DefaultAction != specs.ActErrno || len(p.Syscalls) == 0 {
			t.Errorf("%s is no allowlist: %+v", name, p)
		}
		// Another caller's profile is another one.
		p.Syscalls[0].Names[0] = "changed"
		if again, _ := Load(name); again.Syscalls[0].Names[0] == "changed" {
			t.Errorf("Load(%q) returns the same profile twice", name)
		}
	}
}

func TestArchitectures(t *testing.T) {
	want := map[string]map[string][]specs.Arch{
		Default: {"amd64": {specs.ArchX86_64, specs.ArchX86}, "arm64": {specs.ArchAARCH64, specs.ArchARM}},
		Strict:  {"amd64": {specs.ArchX86_64}, "arm64": {specs.ArchAARCH64}},
	}
	for name, archs := range want {
		p, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.Architectures, archs[runtime.GOARCH]) {
			t.Errorf("%s: %v, want %v", name, p.Architectures, archs[runtime.GOARCH])
		}
	}
}

func TestGrant(t *testing.T) {
	packet := [6]uint64{unix.AF_PACKET, unix.SOCK_RAW}
	namespace := [6]uint64{unix.CLONE_NEWUSER}
	for _, test := range []struct {
		capabilities string
		name         string
		args         [6]uint64
		out          string
	}{
		{"", "clock_settime", [6]uint64{}, "EPERM"},
		{"CAP_NET_BIND_SERVICE CAP_CHOWN", "clock_settime", [6]uint64{}, "EPERM"},
		{"CAP_SYS_TIME", "clock_settime", [6]uint64{}, "allow"},
		{"CAP_SYS_TIME", "chroot", [6]uint64{}, "EPERM"},
		{"CAP_SYS_TIME CAP_SYS_CHROOT", "chroot", [6]uint64{}, "allow"},
		{"", "socket", packet, "EAFNOSUPPORT"},
		{"CAP_NET_RAW", "socket", packet, "allow"},
		{"CAP_NET_RAW", "socket", [6]uint64{unix.AF_ALG}, "EAFNOSUPPORT"},
		{"", "clone", namespace, "EPERM"},
		{"", "clone3", namespace, "ENOSYS"},
		{"CAP_SYS_ADMIN", "clone", namespace, "allow"},
		{"CAP_SYS_ADMIN", "clone3", namespace, "allow"},
		{"CAP_SYS_ADMIN", "personality", [6]uint64{0x40000}, "EPERM"},
	} {
		p, err := Load(Default)
		if err != nil {
			t.Fatal(err)
		}
		Grant(p, strings.Fields(test.capabilities))
		if got := decide(p, test.name, test.args); got != test.out {
			t.Errorf("with %q, %s%v: %s, want %s", test.capabilities, test.name, test.args, got, test.out)
		}
	}
	// What Grant leaves is still a profile without void rules.
	var all []string
	for c := range grants() {
		all = append(all, c)
	}
	p, err := Load(Default)
	if err != nil {
		t.Fatal(err)
	}
	Grant(p, append(all, "CAP_NET_RAW"))
	if _, err := Load(write(t, marshal(t, p))); err != nil {
		t.Errorf("with every capability: %v", err)
	}
}

func TestLoadFile(t *testing.T) {
	errno := uint(38)
	zero := uint(0)
	for _, test := range []struct {
		in  string
		out specs.LinuxSeccomp
	}{
		{
			"  // a comment\n\n{\n\t// and another\n\t\"defaultAction\": \"SCMP_ACT_ALLOW\"}\n//",
			specs.LinuxSeccomp{DefaultAction: specs.ActAllow},
		},
		{
			`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "flags": [], "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"],
			  "listenerPath": "/run/agent", "listenerMetadata": "m//x", "syscalls": [
			  {"names": ["execve", "s390_pci_mmio_read", "listns"], "action": "SCMP_ACT_ALLOW"},
			  {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]},
			  {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
			  {"names": ["mount"], "action": "SCMP_ACT_NOTIFY"},
			  {"names": ["acct"], "action": "SCMP_ACT_TRACE", "errnoRet": 38},
			  {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0,
			   "args": [{"index": 5, "value": 255, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}, {"index": 1, "value": 1, "op": "SCMP_CMP_GE"}]}]}`,
			specs.LinuxSeccomp{
				DefaultAction: specs.ActErrno, DefaultErrnoRet: &errno, Flags: []specs.LinuxSeccompFlag{},
				Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX32}, ListenerPath: "/run/agent", ListenerMetadata: "m//x",
				Syscalls: []specs.LinuxSyscall{
					{Names: []string{"execve", "s390_pci_mmio_read", "listns"}, Action: specs.ActAllow},
					{Names: []string{"personality"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 0, Value: 1<<64 - 1, Op: specs.OpEqualTo}}},
					{Names: []string{"personality"}, Action: specs.ActErrno, ErrnoRet: &errno},
					{Names: []string{"mount"}, Action: specs.ActNotify},
					{Names: []string{"acct"}, Action: specs.ActTrace, ErrnoRet: &errno},
					{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: &zero, Args: []specs.LinuxSeccompArg{
						{Index: 5, Value: 255, ValueTwo: 1, Op: specs.OpMaskedEqual}, {Index: 1, Value: 1, Op: specs.OpGreaterEqual},
					}},
				},
			},
		},
	} {
		got, err := Load(write(t, test.in))
		if err != nil {
			t.Errorf("%v in %s", err, test.in)
			continue
		}
		if !reflect.DeepEqual(*got, test.out) {
			t.Errorf("got  %+v\nwant %+v", *got, test.out)
		}
	}
}

// Paths that are no profile. PATH stands for the row's own.
func TestLoadPath(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ in, out string }{
		{"", `cannot find seccomp profile "": it is default, strict, unconfined, or the absolute path of a file`},
		{"defautl", `cannot find seccomp profile "defautl" (did you mean "default"?): it is default, strict, unconfined, or the absolute path of a file`},
		{"profile.json", `cannot find seccomp profile "profile.json": it is default, strict, unconfined, or the absolute path of a file`},
		{"/nonexistent/p.json", "cannot read seccomp profile /nonexistent/p.json: no such file or directory"},
		{dir, "cannot read seccomp profile PATH: not a regular file"},
		{fifo, "cannot read seccomp profile PATH: not a regular file"},
		{"/dev/zero", "cannot read seccomp profile PATH: not a regular file"},
		{big, "cannot read seccomp profile PATH: larger than 262144 bytes"},
	} {
		_, err := Load(test.in)
		if want := strings.ReplaceAll(test.out, "PATH", test.in); err == nil || err.Error() != want {
			t.Errorf("Load(%q): %v, want %s", test.in, err, want)
		}
	}
}

func write(t *testing.T, profile string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "profile.json")
	if err := os.WriteFile(path, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
