// Package history is the record of what services used: for each hour how long
// each figure was in which range, its peak, and what the limits did. The
// supervisor writes it, recommend reads it.
//
// A folder holds a file for each service, SERVICE.jsonl, of the hours that are
// over, and one for the hours under way of all services, current.json. Both are
// replaced as a whole; what a crash loses is what came after the last write.
package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
)

// The figures of a record. Those of disks have the disk's name behind a slash:
// read_bps/vda.
const (
	CPU       = "cpu"        // cores
	Memory    = "memory"     // bytes without the file pages that can be dropped
	Swap      = "swap"       // bytes
	Pids      = "pids"       // processes and threads
	FDs       = "fds"        // descriptors of the process nearest to its limit
	Ingress   = "ingress"    // bytes a second received
	Egress    = "egress"     // bytes a second sent
	ReadBPS   = "read_bps"   // bytes a second, of one disk
	WriteBPS  = "write_bps"  // bytes a second, of one disk
	ReadIOPS  = "read_iops"  // operations a second, of one disk
	WriteIOPS = "write_iops" // operations a second, of one disk
)

// maxSeconds is what an hour may hold: a sample may begin in the one before.
const maxSeconds = 2 * 3600

// maxFigures bounds an hour: of a service with many disks the first ones count.
const maxFigures = 48

// Hour is what one service used in one hour.
type Hour struct {
	Start     int64                 `json:"hour"`    // seconds since 1970
	Seconds   float64               `json:"seconds"` // that it was seen to run
	Figures   map[string]*Histogram `json:"figures,omitempty"`
	Limits    map[string]float64    `json:"limits,omitempty"` // that it had last, by figure without disk
	Periods   uint64                `json:"periods,omitempty"`
	Throttled uint64                `json:"throttled,omitempty"` // of those periods
	OOMKills  uint64                `json:"oom_kills,omitempty"`
	OOMLimit  float64               `json:"oom_limit,omitempty"` // bytes: the highest memory limit under which they came
	OOMAt     int64                 `json:"oom_at,omitempty"`    // the last, seconds since 1970
}

// NewHour is the hour that holds a time.
func NewHour(at time.Time) *Hour { return &Hour{Start: at.Truncate(time.Hour).Unix()} }

// Add counts a figure's value for some seconds of the hour.
func (h *Hour) Add(figure string, value, seconds float64, at time.Time) {
	f := h.Figures[figure]
	if f == nil {
		if !(value > 0) || len(h.Figures) >= maxFigures {
			return
		}
		if h.Figures == nil {
			h.Figures = map[string]*Histogram{}
		}
		f = &Histogram{}
		h.Figures[figure] = f
	}
	f.Add(value, seconds, at.Unix())
}

// Clone is a copy that can be changed.
func (h *Hour) Clone() *Hour {
	c := *h
	c.Limits = maps.Clone(h.Limits)
	c.Figures = make(map[string]*Histogram, len(h.Figures))
	for name, f := range h.Figures {
		g := *f
		g.Buckets = maps.Clone(f.Buckets)
		c.Figures[name] = &g
	}
	return &c
}

// Compact makes an hour that is over small.
func (h *Hour) Compact() {
	for _, f := range h.Figures {
		f.compact()
	}
}

func (h *Hour) check() error {
	switch {
	case h == nil:
		return fmt.Errorf("it is null")
	case h.Start <= 0 || h.Start%3600 != 0:
		return fmt.Errorf("hour %d is not the start of one", h.Start)
	case !(h.Seconds >= 0 && h.Seconds <= maxSeconds):
		return fmt.Errorf("%v seconds in hour %d", h.Seconds, h.Start)
	case len(h.Figures) > maxFigures:
		return fmt.Errorf("%d figures in hour %d", len(h.Figures), h.Start)
	case h.Throttled > h.Periods, !(h.OOMLimit >= 0), h.OOMAt < 0:
		return fmt.Errorf("counters of hour %d that cannot be", h.Start)
	}
	for name, f := range h.Figures {
		if err := f.check(); err != nil {
			return fmt.Errorf("%s of hour %d: %w", strings.ToValidUTF8(name, "?"), h.Start, err)
		}
	}
	return nil
}

// decodeHour reads one line of a service's file.
func decodeHour(data []byte) (*Hour, error) {
	h := &Hour{}
	if err := json.Unmarshal(data, h); err != nil {
		return nil, err
	}
	return h, h.check()
}
