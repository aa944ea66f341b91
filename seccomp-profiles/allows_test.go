package profiles

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestAllows(t *testing.T) {
	arg := []specs.LinuxSeccompArg{{Index: 0, Value: 1, Op: specs.OpEqualTo}}
	rule := func(action specs.LinuxSeccompAction, args []specs.LinuxSeccompArg) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: []string{"mount", "bpf"}, Action: action, Args: args}
	}
	for name, row := range map[string]struct {
		fallback specs.LinuxSeccompAction
		rules    []specs.LinuxSyscall
		want     Access
	}{
		"blocked by default":     {specs.ActErrno, nil, Blocked},
		"allowed by default":     {specs.ActAllow, nil, Allowed},
		"logged by default":      {specs.ActLog, nil, Allowed},
		"allowed by a rule":      {specs.ActErrno, []specs.LinuxSyscall{rule(specs.ActAllow, nil)}, Allowed},
		"blocked by a rule":      {specs.ActAllow, []specs.LinuxSyscall{rule(specs.ActKillProcess, nil)}, Blocked},
		"some arguments allowed": {specs.ActErrno, []specs.LinuxSyscall{rule(specs.ActAllow, arg)}, Partly},
		"some arguments blocked": {specs.ActAllow, []specs.LinuxSyscall{rule(specs.ActErrno, arg)}, Partly},
		"all arguments win":      {specs.ActErrno, []specs.LinuxSyscall{rule(specs.ActAllow, arg), rule(specs.ActAllow, nil)}, Allowed},
		"another way to block":   {specs.ActErrno, []specs.LinuxSyscall{rule(specs.ActKillProcess, nil)}, Blocked},
	} {
		if got := Allows(&specs.LinuxSeccomp{DefaultAction: row.fallback, Syscalls: row.rules}, "mount"); got != row.want {
			t.Errorf("%s: got %d, want %d", name, got, row.want)
		}
	}
	if Allows(nil, "mount") != Allowed {
		t.Error("no filter blocks mount")
	}
	p, err := Load(Default)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Access{"mount": Blocked, "read": Allowed, "clone": Partly, "bpf": Blocked, "init_module": Blocked} {
		if got := Allows(p, name); got != want {
			t.Errorf("default: %s is %d, want %d", name, got, want)
		}
	}
}
