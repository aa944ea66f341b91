package doctor

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzLog: in the kernel's log anybody may write. What is found there is a call of a
// process, in one line, and never more than the log has lines.
func FuzzLog(f *testing.F) {
	f.Add([]byte("5,81,123,-;audit: type=1326 audit(1700000000.123:45): auid=1 pid=7 comm=\"x\" exe=\"/bin/x\" sig=31 arch=c000003e syscall=41 compat=0\n"))
	f.Add([]byte("type=SECCOMP msg=audit(1700000000.123:45): pid=7 syscall=-1 arch=c000003e\ntype=1326 audit(x.1): pid=1\n"))
	f.Add([]byte("type=1326 audit(9223372036854775807.9): pid=99999999999999999999 syscall=99999999999 arch=c00000b7"))
	f.Fuzz(func(t *testing.T, log []byte) {
		found := fromLog(log)
		if len(found) > bytes.Count(log, []byte("\n"))+1 {
			t.Fatalf("%d denials", len(found))
		}
		for _, d := range found {
			if d.PID == 0 || d.Call == "" || strings.Contains(d.Call+d.Exe, "\n") {
				t.Fatalf("%+v", d)
			}
		}
	})
}
