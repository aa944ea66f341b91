package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"blackhole/internal/printable"
	"blackhole/runtime"
	"blackhole/supervisor"
	"blackhole/top"
)

// How much of the event log and of the output the page of one container shows.
const (
	moreEvents = 8
	moreLines  = 12
)

// More reads what the page of one container shows beside its figures. It may run
// beside Sample.
func (c *Collector) More(name string) *top.More {
	m := &top.More{}
	note := func(err error) {
		if err != nil {
			m.Problem = oneLine(err)
		}
	}
	if cgroups, err := c.Runtime.Cgroups(name); err == nil { // else it has none at the moment
		m.Limits = otherLimits(cgroups)
	}
	events, err := c.Paths.LastEvents(name, moreEvents)
	note(err)
	for _, e := range events {
		text := e.Time.Local().Format(time.DateTime) + "  "
		if e.Alert != nil {
			text += e.Status + ": "
		}
		m.Events = append(m.Events, Printable(text+e.Message))
	}
	lines, err := c.Paths.LastLines(name, moreLines)
	for _, line := range lines {
		m.Log = append(m.Log, Printable(line))
	}
	if !errors.Is(err, fs.ErrNotExist) { // a container that is no service writes elsewhere
		note(err)
	}
	return m
}

// Printable keeps what a service wrote from steering the terminal.
func Printable(line string) string { return printable.Line(line) }

// otherLimits are those that a container's statistics do not have, as the kernel
// has them now: whoever changed them, and however.
func otherLimits(cgroups map[string]string) []top.Setting {
	var out []top.Setting
	set := func(name, value string) {
		if value != "" {
			out = append(out, top.Setting{Name: name, Value: value})
		}
	}
	read := func(controller, file string) string {
		dir := cgroups[controller]
		if dir == "" {
			return ""
		}
		data, _ := os.ReadFile(filepath.Join(dir, file)) // what is not there is not shown
		return strings.Join(slices.DeleteFunc(strings.Split(strings.TrimSpace(string(data)), "\n"), func(s string) bool { return s == "" }), ", ")
	}
	if len(cgroups) == 1 {
		quota, period, _ := strings.Cut(read("", "cpu.max"), " ")
		set("cpu quota", quotaText(quota, period))
		for _, file := range []string{"cpu.weight", "cpuset.cpus.effective", "memory.low", "io.max", "io.weight"} {
			set(file, read("", file))
		}
		return out
	}
	set("cpu quota", quotaText(read("cpu", "cpu.cfs_quota_us"), read("cpu", "cpu.cfs_period_us")))
	set("cpu.shares", read("cpu", "cpu.shares"))
	set("cpuset.cpus", read("cpuset", "cpuset.cpus"))
	for _, what := range []string{"read_bps", "write_bps", "read_iops", "write_iops"} {
		set("io "+what, read("blkio", "blkio.throttle."+what+"_device"))
	}
	return out
}

// quotaText is a quota and its period, both in microseconds, in processors.
func quotaText(quota, period string) string {
	if quota == "max" || quota == "-1" {
		return "none"
	}
	q, err1 := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err1 != nil || err2 != nil || p <= 0 {
		return ""
	}
	return fmt.Sprintf("%.4g CPUs (%s µs of %s)", q/p, quota, period)
}

// New is a collector for a state folder.
func New(root string, names []string) *Collector {
	return &Collector{
		Runtime: &runtime.Runtime{Root: root},
		Paths:   supervisor.Paths{Root: root, Logs: supervisor.DefaultLogs(root)},
		Names:   names,
	}
}
