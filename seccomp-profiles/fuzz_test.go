//go:build cgo && seccomp

package profiles

import (
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// FuzzLoad: no input breaks the reader, faults are one line, and what it accepts
// comes back the same from the JSON that a bundle gets.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[1]`, "// x\n{\"defaultAction\": \"SCMP_ACT_LOG\", \"flags\": []}",
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mount"],"action":"SCMP_ACT_ERRNO","errnoRet":38,` +
			`"args":[{"index":1,"value":18446744073709551615,"valueTwo":1,"op":"SCMP_CMP_MASKED_EQ"}]}]}`,
		`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"syscalls":[{"names":["execve"],"action":"SCMP_ACT_ALLOW"}]}`,
		`{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/a","syscalls":[{"names":["mount"],"action":"SCMP_ACT_NOTIFY"}]}`,
		`{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86","SCMP_ARCH_MIPS"],"x":{"y":[null,true]},"x":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parse(data)
		if (p == nil) == (err == nil) {
			t.Fatalf("profile %v with error %v", p, err)
		}
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("more than a line: %q", err)
			}
			return
		}
		again, err := parse([]byte(marshal(t, p)))
		if err != nil || !reflect.DeepEqual(withoutEmpty(again), withoutEmpty(p)) {
			t.Fatalf("got %+v %v\nfrom %+v", again, err, p)
		}
		// libseccomp has limits that only it knows, but not for so little.
		if err := trial(p); err != nil && len(p.Architectures) == 0 && len(p.Syscalls) < 2 {
			t.Fatalf("libseccomp refuses %+v: %v", p, err)
		}
	})
}

// withoutEmpty makes empty lists absent, as they are in JSON.
func withoutEmpty(p *specs.LinuxSeccomp) *specs.LinuxSeccomp {
	if len(p.Flags) == 0 {
		p.Flags = nil
	}
	return p
}
