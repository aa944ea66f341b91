package spec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The real-time signals that programs may use: 32 and 33 belong to the C
// library, see signal(7).
const (
	sigRTMin  = 34
	sigRTMax  = 64
	maxSignal = 64
)

// UnmarshalText reads a signal by name, with or without SIG and in any case,
// by number, or as RTMIN+n and RTMAX-n.
func (s *Signal) UnmarshalText(text []byte) error {
	t := string(text)
	if t == "" {
		return errors.New(`unknown signal "": it is empty`)
	}
	if digits(t) {
		n, err := strconv.Atoi(t)
		if err != nil || n < 1 || n > maxSignal {
			return fmt.Errorf("unknown signal %s: numbers run from 1 to %d", quote(t), maxSignal)
		}
		*s = Signal(n)
		return nil
	}
	name := strings.TrimPrefix(strings.ToUpper(t), "SIG")
	if n, ok := realTimeSignal(name); ok {
		*s = Signal(n)
		return nil
	}
	switch name { // second names that the table of numbers does not hold
	case "IOT":
		name = "ABRT"
	case "CLD":
		name = "CHLD"
	case "POLL":
		name = "IO"
	}
	if n := unix.SignalNum("SIG" + name); n != 0 {
		*s = Signal(n)
		return nil
	}
	return fmt.Errorf("unknown signal %s, use a name such as SIGTERM, a number, or RTMIN+n", quote(t))
}

func realTimeSignal(name string) (int, bool) {
	n, offset := 0, ""
	switch {
	case name == "RTMIN":
		return sigRTMin, true
	case name == "RTMAX":
		return sigRTMax, true
	case strings.HasPrefix(name, "RTMIN+"):
		n, offset = sigRTMin, name[len("RTMIN+"):]
	case strings.HasPrefix(name, "RTMAX-"):
		n, offset = sigRTMax, name[len("RTMAX-"):]
	}
	i, err := strconv.Atoi(offset)
	if !digits(offset) || err != nil || i > sigRTMax-sigRTMin {
		return 0, false
	}
	if n == sigRTMax {
		i = -i
	}
	return n + i, true
}

// String is the name with SIG, or the number where it has none.
func (s Signal) String() string {
	if s >= sigRTMin && s <= sigRTMax {
		if s == sigRTMin {
			return "SIGRTMIN"
		}
		return "SIGRTMIN+" + strconv.Itoa(int(s)-sigRTMin)
	}
	if name := unix.SignalName(unix.Signal(s)); name != "" {
		return name
	}
	return strconv.Itoa(int(s))
}

// MarshalText is String.
func (s Signal) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (Signal) schema() map[string]any {
	return map[string]any{
		"type": []any{"string", "integer"}, "minimum": 1, "maximum": maxSignal,
		"pattern":  `^([0-9]+|[A-Za-z][A-Za-z0-9]*([+-][0-9]+)?)$`,
		"examples": []any{"SIGTERM", "HUP", "RTMIN+3", 15},
	}
}

const (
	ioRealtime   = "realtime"
	ioBestEffort = "best-effort"
	ioIdle       = "idle"
)

// UnmarshalText reads CLASS:LEVEL, or the class alone: idle has no level, and
// the others get 4, as ionice(1) gives them.
func (p *IOPriority) UnmarshalText(text []byte) error {
	const what = "an I/O priority"
	s := string(text)
	class, level, hasLevel := strings.Cut(s, ":")
	parsed := IOPriority{Class: class, Level: 4}
	switch class {
	case ioRealtime, ioBestEffort:
	case ioIdle:
		if hasLevel {
			return bad(s, what, "idle has no levels")
		}
		parsed.Level = 0
	default:
		return bad(s, what, "use realtime:0 to realtime:7, best-effort:0 to best-effort:7, or idle")
	}
	if hasLevel {
		if len(level) != 1 || level[0] < '0' || level[0] > '7' {
			return bad(s, what, "the level "+quote(level)+" is not from 0 (first) to 7 (last)")
		}
		parsed.Level = int(level[0] - '0')
	}
	*p = parsed
	return nil
}

func (p IOPriority) String() string {
	if p.Class == ioIdle {
		return ioIdle
	}
	return p.Class + ":" + strconv.Itoa(p.Level)
}

// MarshalText is String.
func (p IOPriority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (IOPriority) schema() map[string]any {
	return map[string]any{
		"type": "string", "pattern": `^(idle|(realtime|best-effort)(:[0-7])?)$`,
		"examples": []any{"best-effort:4", "idle"},
	}
}
