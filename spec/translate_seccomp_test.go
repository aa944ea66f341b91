package spec

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A capability opens the calls that it is for, in the default profile alone.
func TestTranslateSeccompGrants(t *testing.T) {
	for _, row := range []struct {
		in   string
		want bool // clock_settime is allowed
	}{
		{"security: {seccomp_profile: default, capabilities: []}", false},
		{"security: {seccomp_profile: default, capabilities: [CAP_SYS_CHROOT]}", false},
		{"security: {seccomp_profile: default, capabilities: [CAP_SYS_TIME]}", true},
		{"security: {capabilities: [CAP_SYS_TIME]}", true},
		{"security: {seccomp_profile: strict, capabilities: [CAP_SYS_TIME]}", false},
	} {
		got, err := translated(t, newHost(2), one(row.in))
		if err != nil {
			t.Errorf("%s: %v", row.in, err)
			continue
		}
		allowed := slices.ContainsFunc(got.Config.Linux.Seccomp.Syscalls, func(rule specs.LinuxSyscall) bool {
			return rule.Action == specs.ActAllow && slices.Contains(rule.Names, "clock_settime")
		})
		if allowed != row.want {
			t.Errorf("%s: clock_settime allowed is %v", row.in, allowed)
		}
	}
}
