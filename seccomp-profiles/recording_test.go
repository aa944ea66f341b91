package profiles

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func mustParse(t *testing.T, text string) *specs.LinuxSeccomp {
	t.Helper()
	p, err := parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// base has each kind of rule that a recording meets.
const base = `{
	"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
	"architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
	"syscalls": [
		{"names": ["read", "write", "mkdir", "mkdirat", "execve"], "action": "SCMP_ACT_ALLOW"},
		{"names": ["getpid"], "action": "SCMP_ACT_LOG"},
		{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
		{"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
		{"names": ["kexec_load"], "action": "SCMP_ACT_KILL_PROCESS"},
		{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
		{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]},
		{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97, "args": [{"index": 0, "value": 10, "op": "SCMP_CMP_GT"}]}
	]
}`

func TestRecordingFilterTellsOfEveryRuleButWhatKillsAndTheUnheard(t *testing.T) {
	p := mustParse(t, base)
	r, err := NewRecording(p)
	if err != nil {
		t.Fatal(err)
	}
	filter := r.Filter("/run/listener")
	if filter.ListenerPath != "/run/listener" || filter.DefaultAction != specs.ActErrno {
		t.Errorf("filter: listener %q, default %s", filter.ListenerPath, filter.DefaultAction)
	}
	got := map[string]specs.LinuxSeccompAction{}
	for _, rule := range filter.Syscalls {
		for _, name := range rule.Names {
			got[name] = rule.Action
		}
	}
	for name, action := range got {
		want := specs.ActNotify
		switch name {
		case "write":
			want = specs.ActAllow
		case "getpid":
			want = specs.ActLog
		case "clone3":
			want = specs.ActErrno
		case "kexec_load":
			want = specs.ActKillProcess
		}
		if action != want {
			t.Errorf("%s: %s, want %s", name, action, want)
		}
	}
	if err := check(filter); err != nil {
		t.Errorf("libcontainer would not load the filter: %v", err)
	}
	if !reflect.DeepEqual(p, mustParse(t, base)) {
		t.Error("the base profile was changed")
	}
}

// What init may do before its parent has the listener would wait for ever; all the
// profile loses by it is that it was seen.
func TestRecordingLeavesTheUnheardToTheProfile(t *testing.T) {
	p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
		{Names: append(initCalls(), "mkdir"), Action: specs.ActAllow},
	}}
	r, err := NewRecording(p)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, rule := range r.Filter("/run/listener").Syscalls {
		for _, name := range rule.Names {
			told[name] = rule.Action == specs.ActNotify
		}
	}
	for _, name := range []string{"write", "futex", "rt_sigreturn", "sched_yield", "mmap", "madvise", "tgkill", "clone3"} {
		if is, there := told[name]; is || !there {
			t.Errorf("%s: told %v, in the filter %v", name, is, there)
		}
	}
	if !told["mkdir"] || !told["openat"] {
		t.Error("what a program does is not told")
	}
	for _, name := range initCalls() {
		if !slices.Contains(r.Profile().Syscalls[0].Names, name) {
			t.Errorf("%s is not in the profile", name)
		}
	}
}

func TestRecordedProfile(t *testing.T) {
	type call struct {
		name   string
		arg    uint64
		answer unix.Errno
	}
	calls := []call{
		{"mkdirat", 0, 0}, {"mkdirat", 7, 0}, {"getpid", 0, 0}, {"socket", 2, 0},
		{"clone3", 0, unix.ENOSYS}, {"clone3", 0, unix.ENOSYS}, {"socket", 16, unix.EAFNOSUPPORT},
	}
	r, err := NewRecording(mustParse(t, base))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range calls {
		if answer := r.Saw(specs.ArchX86_64, c.name, []uint64{c.arg, 0, 0, 0, 0, 0}); answer != c.answer {
			t.Errorf("%s(%d): answered %d, want %d", c.name, c.arg, answer, c.answer)
		}
	}
	if r.Calls() != 3 {
		t.Errorf("%d calls, want mkdirat, getpid and socket", r.Calls())
	}
	p := r.Profile()
	want := mustParse(t, `{
		"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
		"architectures": ["SCMP_ARCH_X86_64"],
		"syscalls": [
			{"names": ["execve", "mkdirat", "read", "write"], "action": "SCMP_ACT_ALLOW"},
			{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
			{"names": ["kexec_load"], "action": "SCMP_ACT_KILL_PROCESS"},
			{"names": ["getpid"], "action": "SCMP_ACT_LOG"},
			{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]},
			{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97, "args": [{"index": 0, "value": 10, "op": "SCMP_CMP_GT"}]}
		]
	}`)
	if !reflect.DeepEqual(p, want) {
		t.Errorf("profile:\n%s\nwant:\n%s", text(t, p), text(t, want))
	}
	// What was recorded is decided as it was.
	for _, c := range calls {
		args := [6]uint64{c.arg}
		if got, was := decide(p, c.name, args), decide(mustParse(t, base), c.name, args); got != was {
			t.Errorf("%s(%d): %s, was %s", c.name, c.arg, got, was)
		}
	}
	data, err := Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if again := mustParse(t, string(data)); !reflect.DeepEqual(again, p) {
		t.Errorf("read again it is another:\n%s", data)
	}
}

func TestRecordingWithoutProfileKnowsEveryCall(t *testing.T) {
	r, err := NewRecording(nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := CountAllowed(r.Filter("/run/l")); n < 300 {
		t.Errorf("%d calls are told of", n)
	}
	r.Saw(specs.ArchX86_64, "mount", make([]uint64, 6))
	if p := r.Profile(); decide(p, "mount", [6]uint64{}) != "allow" || decide(p, "umount2", [6]uint64{}) != "ENOSYS" {
		t.Errorf("profile: %s", text(t, p))
	}
}

func TestRecordingRefuses(t *testing.T) {
	for _, row := range []struct{ profile, want string }{
		{`{"defaultAction": "SCMP_ACT_ALLOW"}`, "defaultAction is SCMP_ACT_ALLOW"},
		{`{"defaultAction": "SCMP_ACT_LOG"}`, "defaultAction is SCMP_ACT_LOG"},
		{`{"defaultAction": "SCMP_ACT_ERRNO", "listenerPath": "/l", "syscalls": [
			{"names": ["execve"], "action": "SCMP_ACT_ALLOW"}, {"names": ["bpf"], "action": "SCMP_ACT_NOTIFY"}]}`, "SCMP_ACT_NOTIFY for bpf"},
		{`{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
			{"names": ["execve"], "action": "SCMP_ACT_ALLOW"}, {"names": ["bpf"], "action": "SCMP_ACT_TRACE"}]}`, "SCMP_ACT_TRACE for bpf"},
	} {
		if _, err := NewRecording(mustParse(t, row.profile)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.profile, err, row.want)
		}
	}
}

func TestMerge(t *testing.T) {
	one := mustParse(t, `{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
		{"names": ["execve", "read"], "action": "SCMP_ACT_ALLOW"},
		{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}]}`)
	two := mustParse(t, `{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86"], "syscalls": [
		{"names": ["execve", "mkdir", "socket"], "action": "SCMP_ACT_ALLOW"}]}`)
	merged, err := Merge(one, two)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86","SCMP_ARCH_X86_64"],"syscalls":[` +
		`{"names":["execve","mkdir","read","socket"],"action":"SCMP_ACT_ALLOW"}]}`
	if got := text(t, merged); got != want {
		t.Errorf("merged: %s\nwant:   %s", got, want)
	}
	if alone, err := Merge(one); err != nil || CountAllowed(alone) != 3 {
		t.Errorf("alone: %v, %v", alone, err)
	}

	killing := mustParse(t, `{"defaultAction": "SCMP_ACT_KILL", "syscalls": [{"names": ["execve"], "action": "SCMP_ACT_ALLOW"}]}`)
	if _, err := Merge(one, killing); err == nil || !strings.Contains(err.Error(), "SCMP_ACT_ERRNO 1 in one and SCMP_ACT_KILL in the other") {
		t.Errorf("another default: %v", err)
	}
	denying := mustParse(t, `{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
		{"names": ["execve"], "action": "SCMP_ACT_ALLOW"}, {"names": ["read"], "action": "SCMP_ACT_KILL"}]}`)
	if _, err := Merge(one, denying); err == nil || !strings.Contains(err.Error(), "read has another result") {
		t.Errorf("a contradiction: %v", err)
	}
}

func TestMatches(t *testing.T) {
	for _, row := range []struct {
		op         specs.LinuxSeccompOperator
		value, two uint64
		yes, no    uint64
	}{
		{specs.OpEqualTo, 5, 0, 5, 6},
		{specs.OpNotEqual, 5, 0, 6, 5},
		{specs.OpLessThan, 5, 0, 4, 5},
		{specs.OpLessEqual, 5, 0, 5, 6},
		{specs.OpGreaterThan, 5, 0, 6, 5},
		{specs.OpGreaterEqual, 5, 0, 5, 4},
		{specs.OpMaskedEqual, 0xf0, 0x20, 0x2f, 0x3f},
	} {
		c := []specs.LinuxSeccompArg{{Index: 1, Op: row.op, Value: row.value, ValueTwo: row.two}}
		if !matches(c, []uint64{0, row.yes}) || matches(c, []uint64{0, row.no}) {
			t.Errorf("%s %d: wrong for %d or %d", row.op, row.value, row.yes, row.no)
		}
	}
}

func text(t *testing.T, p *specs.LinuxSeccomp) string {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
