package plan

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"blackhole/internal/nearest"
	"blackhole/spec"
)

// Host is what a host has. What is nil is not known.
type Host struct {
	Name      string          `json:"name"`
	CPUs      []int           `json:"-"`              // their numbers, sorted
	CPUList   spec.CPUSet     `json:"cpus,omitempty"` // CPUs as the kernel writes them; Make fills it in
	Memory    *uint64         `json:"memory_bytes,omitempty"`
	Swap      *uint64         `json:"swap_bytes,omitempty"`
	Pids      *uint64         `json:"pids,omitempty"`
	Files     *uint64         `json:"fds,omitempty"`             // of all processes together (fs.file-max)
	FilesEach *uint64         `json:"fds_per_process,omitempty"` // the highest hard limit (fs.nr_open)
	Network   *uint64         `json:"network_bytes_per_second,omitempty"`
	Disks     map[string]Disk `json:"disks,omitempty"` // by name; "" is for those not named
	Listening []Endpoint      `json:"-"`               // taken ports
	// Notes say where a figure comes from that one would not expect.
	Notes []string `json:"notes,omitempty"`
}

// Disk is how fast a disk is, in bytes and in operations a second.
type Disk struct {
	ReadBPS   *uint64 `json:"read_bps,omitempty"`
	WriteBPS  *uint64 `json:"write_bps,omitempty"`
	ReadIOPS  *uint64 `json:"read_iops,omitempty"`
	WriteIOPS *uint64 `json:"write_iops,omitempty"`
}

// Endpoint is a port that a process of the host listens on.
type Endpoint struct {
	Addr     netip.Addr
	Port     uint16
	Protocol string // tcp or udp
}

// disk is a disk's speed: what is said of it by name, then of any.
func (h *Host) disk(name string) Disk {
	d, any := h.Disks[name], h.Disks[""]
	for _, f := range []struct{ to, from **uint64 }{
		{&d.ReadBPS, &any.ReadBPS}, {&d.WriteBPS, &any.WriteBPS}, {&d.ReadIOPS, &any.ReadIOPS}, {&d.WriteIOPS, &any.WriteIOPS},
	} {
		if *f.to == nil {
			*f.to = *f.from
		}
	}
	return d
}

// keys of a host's description.
func keys() []string {
	return []string{"cpus", "memory", "swap", "pids", "fds", "network", "read_bps", "write_bps", "read_iops", "write_iops"}
}

// ParseHost reads a description like "cpus=8,memory=32G,vda.read_bps=500M". With
// the word "this" in it, what is not described is as this host has it, which this
// returns; else it is not known.
//
//	cpus                    how many, or their numbers as 0-7
//	memory, swap            bytes, in the units of the configuration
//	pids, fds               how many
//	network                 bytes a second, or bits with kbit, mbit, gbit
//	[DISK.]read_bps and     of one disk, or of each that is not named
//	write_bps, …_iops
func ParseHost(text string, this func() (Host, error)) (Host, error) {
	var h Host
	words := strings.Split(text, ",")
	for _, word := range words {
		if strings.TrimSpace(word) == "this" {
			var err error
			if h, err = this(); err != nil {
				return h, err
			}
		}
	}
	seen := map[string]bool{}
	for _, word := range words {
		word = strings.TrimSpace(word)
		if word == "this" {
			continue
		}
		key, value, ok := strings.Cut(word, "=")
		if !ok {
			return h, fmt.Errorf("%q is not KEY=VALUE", word)
		}
		if seen[key] {
			return h, fmt.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if err := h.set(key, value); err != nil {
			return h, err
		}
	}
	if h.Name == "" {
		h.Name = text
	} else {
		h.Name += " with " + text
	}
	return h, nil
}

// set takes one part of a description.
func (h *Host) set(key, value string) error {
	disk, figure := "", key
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		disk, figure = key[:i], key[i+1:]
	}
	to := map[string]**uint64{"memory": &h.Memory, "swap": &h.Swap, "pids": &h.Pids, "fds": &h.Files, "network": &h.Network}[key]
	var err error
	var n uint64
	switch key {
	case "cpus":
		h.CPUs, err = parseCPUs(value)
	case "memory", "swap":
		var size spec.Size
		err = size.UnmarshalText([]byte(value))
		n = uint64(size)
	case "network":
		n, err = parseRate(value)
	case "pids", "fds":
		n, err = parseCount(value)
	default:
		d := h.Disks[disk]
		to = map[string]**uint64{"read_bps": &d.ReadBPS, "write_bps": &d.WriteBPS, "read_iops": &d.ReadIOPS, "write_iops": &d.WriteIOPS}[figure]
		switch {
		case to == nil && nearest.Word(key, keys()) != "":
			return fmt.Errorf("unknown key %q, did you mean %s?", key, nearest.Word(key, keys()))
		case to == nil:
			return fmt.Errorf("unknown key %q, use %s", key, strings.Join(keys(), ", "))
		case strings.HasSuffix(figure, "_bps"):
			n, err = parseRate(value)
		default:
			n, err = parseCount(value)
		}
		*to = &n
		if h.Disks == nil {
			h.Disks = map[string]Disk{}
		}
		h.Disks[disk] = d
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if to != nil {
		*to = &n
	}
	return nil
}

// parseCPUs reads a number of CPUs, or a range of them.
func parseCPUs(text string) ([]int, error) {
	if !strings.Contains(text, "-") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 8192 { // NR_CPUS at most
			return nil, fmt.Errorf("cannot read %q as a number of CPUs: it is from 1 to 8192, or a range like 0-7", text)
		}
		text = fmt.Sprintf("0-%d", n-1)
	}
	var set spec.CPUSet
	err := set.UnmarshalText([]byte(text))
	return set.CPUs(), err
}

func parseCount(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cannot read %q as a whole number", text)
	}
	return n, nil
}

func parseRate(text string) (uint64, error) {
	var r spec.Rate
	err := r.UnmarshalText([]byte(text))
	return uint64(r), err
}
