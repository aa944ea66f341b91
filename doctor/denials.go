package doctor

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	profiles "blackhole/seccomp-profiles"
)

// Denial is a system call that a seccomp filter refused and the kernel logged.
type Denial struct {
	Time time.Time
	PID  int
	Exe  string
	Call string // its name, else its number
}

// Denials reads what the kernel's log still has of them, and the audit log where
// auditd takes the records away from it. Neither can be read by everybody: then
// there are none.
func Denials() []Denial {
	return append(fromLog(kernelLog("/dev/kmsg")), fromLog(tail("/var/log/audit/audit.log", maxAuditLog))...)
}

// maxAuditLog is how much of the audit log's end is read, in bytes.
const maxAuditLog = 1 << 20

// kernelLog reads all records there are: each read is one, and EAGAIN is the
// end (Documentation/ABI/testing/dev-kmsg).
func kernelLog(path string) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var all bytes.Buffer
	record := make([]byte, 8192) // the kernel's own bound, CONSOLE_EXT_LOG_MAX
	for {
		n, err := unix.Read(fd, record)
		switch {
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR): // overwritten meanwhile: the next one is there
			continue
		case err != nil || n == 0:
			return all.Bytes()
		}
		all.Write(record[:n])
	}
}

// tail reads the end of a file.
func tail(path string, most int64) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return nil
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil
	}
	return data
}

// fromLog finds the audit records of seccomp, in the kernel's log and in
// auditd's (include/uapi/linux/audit.h, AUDIT_SECCOMP):
//
//	5,81,123,-;audit: type=1326 audit(1700000000.123:45): … pid=7 comm="x" exe="/bin/x" sig=31 arch=c000003e syscall=41 …
//	type=SECCOMP msg=audit(1700000000.123:45): … pid=7 …
func fromLog(log []byte) []Denial {
	var found []Denial
	for line := range strings.Lines(string(log)) {
		at := strings.Index(line, "type=1326 audit(")
		if at < 0 {
			at = strings.Index(line, "type=SECCOMP msg=audit(")
		}
		if at < 0 {
			continue
		}
		_, rest, _ := strings.Cut(line[at:], "(")
		seconds, rest, _ := strings.Cut(rest, ".")
		unixTime, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			continue
		}
		d := Denial{Time: time.Unix(unixTime, 0)}
		call, arch := "", ""
		for _, field := range strings.Fields(rest) {
			key, value, _ := strings.Cut(field, "=")
			value = strings.Trim(value, `"`)
			switch key {
			case "pid":
				d.PID, _ = strconv.Atoi(value)
			case "exe":
				d.Exe = value
			case "syscall":
				call = value
			case "arch":
				arch = value
			}
		}
		if call == "" || d.PID == 0 {
			continue
		}
		d.Call = callName(call, arch)
		found = append(found, d)
	}
	return found
}

// callName is the name of a call of this machine's own architecture.
func callName(number, arch string) string {
	const auditX86_64, auditAArch64 = "c000003e", "c00000b7" // AUDIT_ARCH_…
	n, err := strconv.Atoi(number)
	if err == nil && (arch == auditX86_64 || arch == auditAArch64) {
		if name := profiles.SyscallName(n); name != "" {
			return name
		}
	}
	return "number " + number
}

// Who tells the denials of one service from the others'.
type Who struct {
	PIDs    map[int]bool // of its processes, now and before
	Program string       // its path
	Alone   bool         // no other service has the same program
	Died    time.Time    // when SIGSYS killed it; zero: it did not
}

// diedWithin is how far apart a record and the end of the program that it is of
// may be: records have whole seconds, and the end is seen later.
const diedWithin = 3 * time.Second

// Of keeps the denials of a service since a time: those of its processes by
// number, else by its program, if no other service has the same or it died of one
// just then.
func (w Who) Of(all []Denial, since time.Time) []Denial {
	var its []Denial
	for _, d := range all {
		program := w.Program != "" && d.Exe == filepath.Clean(w.Program)
		died := !w.Died.IsZero() && w.Died.Sub(d.Time).Abs() <= diedWithin
		if !d.Time.Before(since) && (w.PIDs[d.PID] || program && (w.Alone || died)) {
			its = append(its, d)
		}
	}
	return its
}
