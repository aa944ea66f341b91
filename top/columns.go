package top

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Column is one column of the table.
type Column struct {
	Key   string // what --sort takes
	Title string
	Help  string // what it shows, for people
	Width int
	Left  bool // aligned to the left
	// Rank says which are left out first where there is no room: the highest.
	Rank int
	// Parts are columns that say the same in more detail: with all of them
	// shown this one is not.
	Parts []string
	Desc  bool // sorted from the greatest down
	// Number is what it is sorted by and shown of; nil for text.
	Number func(*Row) *float64
	Text   func(*Row) string
	// Mark says how alarming it is.
	Mark func(*Row) Mark
}

// Columns are all columns, in the order of the table. Each figure is absent
// where it is unknown.
var Columns = sync.OnceValue(func() []Column {
	all := []Column{
		{Key: "name", Title: "SERVICE", Help: "the service, or the container's id", Left: true, Text: func(r *Row) string { return r.Name }},
		{Key: "state", Title: "STATE", Help: "of the service; of a container without a supervisor, the OCI's", Width: 9, Left: true, Rank: 2, Text: func(r *Row) string { return r.State }, Mark: stateMark},
		{Key: "pid", Title: "PID", Help: "of its first process", Width: 7, Rank: 50, Number: pidOf, Text: pidText},
		figure("up", "UP", "how long it has run", 6, 40, upOf, func(v float64) string { return Ago(seconds(v)) }, nil),
		figure("cpu", "CPU%", "processor time; 100 is one processor", 5, 1, func(r *Row) *float64 { return r.Rates.CPU }, percent, nil),
		figure("throttled", "THR%", "periods of the CPU quota in which it was used up; - without a quota", 4, 4, func(r *Row) *float64 { return r.Rates.Throttled }, wholePercent, above(func(r *Row) *float64 { return r.Rates.Throttled }, 0.01, 0.5)),
		figure("memory", "MEM", "memory in use, bytes", 5, 1, memoryOf, Bytes, memoryMark),
		figure("memory%", "MEM%", "of the memory limit; - without one", 4, 5, memoryShare, wholePercent, memoryMark),
		figure("soft", "SOFT", "the soft memory limit (memory.high)", 5, 31, softOf, Bytes, nil),
		figure("limit", "LIMIT", "the memory limit (memory.max)", 5, 30, limitOf, Bytes, nil),
		figure("swap", "SWAP", "swapped out, bytes", 5, 42, swapOf, Bytes, nil),
		figure("io", "IO/S", "bytes read and written a second", 5, 6, ioOf, Bytes, nil),
		figure("read", "RD/S", "bytes read a second", 5, 21, func(r *Row) *float64 { return r.Rates.ReadBytes }, Bytes, nil),
		figure("write", "WR/S", "bytes written a second", 5, 20, func(r *Row) *float64 { return r.Rates.WriteBytes }, Bytes, nil),
		figure("net", "NET/S", "bytes received and sent a second", 5, 7, netOf, Bytes, dropMark),
		figure("rx", "RX/S", "bytes received a second", 5, 23, func(r *Row) *float64 { return r.Rates.RxBytes }, Bytes, nil),
		figure("tx", "TX/S", "bytes sent a second", 5, 22, func(r *Row) *float64 { return r.Rates.TxBytes }, Bytes, nil),
		figure("drops", "DROP", "packets dropped a second, by the interface and the bandwidth limit", 5, 11, func(r *Row) *float64 { return r.Rates.Drops }, Count, dropMark),
		figure("fds", "FDS", "open descriptors of the process nearest to its limit", 5, 32, fdsOf, Count, above(fdsShare, 0.8, 0.9)),
		figure("fds%", "FD%", "of that limit", 4, 12, fdsShare, wholePercent, above(fdsShare, 0.8, 0.9)),
		figure("pids", "PIDS", "processes and threads", 5, 33, pidsOf, Count, above(pidsShare, 0.8, 0.9)),
		figure("pids%", "PID%", "of their limit", 4, 34, pidsShare, wholePercent, above(pidsShare, 0.8, 0.9)),
		figure("psi", "PSI%", "pressure: time that some work stood still in the last 10 s, for want of CPU, memory or disks, whichever is most", 5, 8, pressureOf, pressureText, above(pressureOf, 0.2, 0.5)),
		figure("psi-cpu", "PCPU", "pressure, for want of CPU", 5, 26, cpuPressure, pressureText, above(cpuPressure, 0.2, 0.5)),
		figure("psi-memory", "PMEM", "pressure, for want of memory", 5, 25, memoryPressure, pressureText, above(memoryPressure, 0.2, 0.5)),
		figure("psi-io", "PIO", "pressure, for want of disks", 5, 24, ioPressure, pressureText, above(ioPressure, 0.2, 0.5)),
		figure("restarts", "RST", "restarts; - without a supervisor", 3, 9, restartsOf, Count, nil),
		figure("alerts", "ALRT", "alerts that fire; - without a supervisor", 4, 3, alertsOf, Count, alertMark),
		{Key: "what", Title: "WHAT", Help: "which alerts fire, the oldest first", Width: 24, Left: true, Rank: 35, Text: alertNames, Mark: alertMark},
		{Key: historyKey, Title: "HISTORY", Help: "CPU% at each refresh, the newest at the right; each line is a part of its own greatest, or of 10 % if that is more", Width: leastSpark, Left: true, Rank: 10},
	}
	parts := map[string][]string{"io": {"read", "write"}, "net": {"rx", "tx"}, "psi": {"psi-cpu", "psi-memory", "psi-io"}}
	for i := range all {
		all[i].Parts = parts[all[i].Key]
	}
	// The history stretches, so it is drawn by who knows its width; sorted it is
	// like the CPU.
	history := &all[len(all)-1]
	history.Number, history.Desc = func(r *Row) *float64 { return r.Rates.CPU }, true
	history.Text = func(r *Row) string { return r.spark(history.Width) }
	return all
})

// figure is a column of one figure.
func figure(key, title, help string, width, rank int, get func(*Row) *float64, write func(float64) string, mark func(*Row) Mark) Column {
	return Column{
		Key: key, Title: title, Help: help, Width: width, Rank: rank, Desc: true, Number: get, Mark: mark,
		Text: func(r *Row) string { return written(get(r), write) },
	}
}

const historyKey = "history"

// leastCPU is the scale of a history that has less: 10 % of a processor.
const leastCPU = 0.1

func (r *Row) spark(width int) string { return Spark(r.History.CPU, width, leastCPU) }

// ColumnNamed finds a column by its key.
func ColumnNamed(key string) (*Column, error) {
	all := Columns()
	var keys []string
	for i := range all {
		if all[i].Key == key {
			return &all[i], nil
		}
		keys = append(keys, all[i].Key)
	}
	return nil, fmt.Errorf("there is no column %q; there are %s", key, strings.Join(keys, ", "))
}

// columnOf is ColumnNamed with the name's for a key that there is not.
func columnOf(key string) *Column {
	all := Columns()
	return &all[max(0, slices.IndexFunc(all, func(c Column) bool { return c.Key == key }))]
}
