package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/docker/go-units"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"blackhole/runtime"
)

func updateCommand() *cli.Command {
	return &cli.Command{
		Name:      "update",
		Category:  ofOCI,
		Usage:     "change the limits of a container in place",
		ArgsUsage: "CONTAINER-ID",
		Description: "What is not given stays as it is. A change that the kernel or blackhole refuses leaves all\n" +
			"limits as they were. A memory limit below what the container uses is refused by --memory;\n" +
			"in --resources, memory.checkBeforeUpdate asks for that, otherwise the kernel reclaims and kills.\n\n" +
			"--resources takes linux.resources of config.json, such as\n\n" +
			`   {"memory": {"limit": 1073741824}, "cpu": {"quota": 50000, "period": 100000}, "pids": {"limit": 100},` + "\n" +
			`    "unified": {"memory.high": "805306368"}}` + "\n\n" +
			"and the other limits' flags are then passed over.",
		Flags: append(bandwidthFlags(),
			&cli.StringFlag{Name: "resources", Aliases: []string{"r"}, Usage: "read the changes as JSON from `FILE`, - for stdin"},
			&cli.StringFlag{Name: "cpu-quota", Usage: "processor time in `MICROSECONDS` a period; -1 is no limit"},
			&cli.StringFlag{Name: "cpu-period", Usage: "period of the quota in `MICROSECONDS`"},
			&cli.StringFlag{Name: "cpu-burst", Usage: "unused time that may be saved up, in `MICROSECONDS`"},
			&cli.StringFlag{Name: "cpu-share", Usage: "`WEIGHT` against other containers, 2 to 262144"},
			&cli.StringFlag{Name: "cpu-idle", Usage: "`1` runs it only when CPUs are idle (SCHED_IDLE), 0 as usual"},
			&cli.StringFlag{Name: "cpu-rt-period", Usage: "period of realtime scheduling in `MICROSECONDS`; cgroup v1 alone"},
			&cli.StringFlag{Name: "cpu-rt-runtime", Usage: "realtime `MICROSECONDS` a period; cgroup v1 alone"},
			&cli.StringFlag{Name: "cpuset-cpus", Usage: "CPUs to run on, as a `LIST` like 0-1,4"},
			&cli.StringFlag{Name: "cpuset-mems", Usage: "memory nodes to use, as a `LIST`"},
			&cli.StringFlag{Name: "memory", Usage: "memory limit in `BYTES`, or with k, m, g; -1 is no limit"},
			&cli.StringFlag{Name: "memory-reservation", Usage: "memory.low, on cgroup v1 the soft limit, in `BYTES`"},
			&cli.StringFlag{Name: "memory-swap", Usage: "memory and swap together in `BYTES`; -1 is no limit on swap"},
			&cli.StringFlag{Name: "kernel-memory", Hidden: true, Usage: "passed over: no kernel has it any more"},
			&cli.StringFlag{Name: "kernel-memory-tcp", Hidden: true, Usage: "passed over"},
			&cli.StringFlag{Name: "blkio-weight", Usage: "disk `WEIGHT` against other containers, 10 to 1000"},
			&cli.StringFlag{Name: "pids-limit", Usage: "processes and threads at most; -1 is no limit"},
			&cli.StringFlag{Name: "l3-cache-schema", Usage: "Intel RDT cache allocation, a `LINE` of resctrl's schemata"},
			&cli.StringFlag{Name: "mem-bw-schema", Usage: "Intel RDT memory bandwidth, a `LINE` of resctrl's schemata"},
		),
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			id := c.Args().First()
			resources, err := updatedResources(c)
			if err != nil {
				return fmt.Errorf("cannot update container %q: %w", id, err)
			}
			undo, err := changeBandwidth(c, id)
			if err != nil {
				return err
			}
			err = newRuntime(c).Update(id, runtime.Update{
				Resources:     *resources,
				L3CacheSchema: c.String("l3-cache-schema"),
				MemBwSchema:   c.String("mem-bw-schema"),
			})
			if err != nil {
				return errors.Join(err, undo())
			}
			return nil
		},
	}
}

// updatedResources reads the changes from a file or, without one, from flags.
func updatedResources(c *cli.Context) (*specs.LinuxResources, error) {
	switch path := c.String("resources"); path {
	case "":
		return resourcesOfFlags(c)
	case "-":
		return readResources("standard input", c.App.Reader)
	default:
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readResources(path, f)
	}
}

// readResources warns of keys it does not know: an engine may be newer than
// this program, and a person may have mistyped one.
func readResources(name string, from io.Reader) (*specs.LinuxResources, error) {
	data, err := io.ReadAll(io.LimitReader(from, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	var r specs.LinuxResources
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	if serr := strict.Decode(&r); serr != nil {
		r = specs.LinuxResources{}
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
		logrus.Warnf("%s: %s is passed over", name, serr)
	}
	return &r, nil
}

func resourcesOfFlags(c *cli.Context) (*specs.LinuxResources, error) {
	check := true
	r := &specs.LinuxResources{
		Memory:  &specs.LinuxMemory{CheckBeforeUpdate: &check},
		CPU:     &specs.LinuxCPU{Cpus: c.String("cpuset-cpus"), Mems: c.String("cpuset-mems")},
		BlockIO: &specs.LinuxBlockIO{},
		Pids:    &specs.LinuxPids{},
	}
	flags := flagReader{c: c}
	r.CPU.Quota = number(&flags, "cpu-quota", parseInt)
	r.CPU.Period = number(&flags, "cpu-period", parseUint)
	r.CPU.Burst = number(&flags, "cpu-burst", parseUint)
	r.CPU.Shares = number(&flags, "cpu-share", parseUint)
	r.CPU.Idle = number(&flags, "cpu-idle", parseInt)
	r.CPU.RealtimePeriod = number(&flags, "cpu-rt-period", parseUint)
	r.CPU.RealtimeRuntime = number(&flags, "cpu-rt-runtime", parseInt)
	r.Memory.Limit = number(&flags, "memory", parseBytes)
	r.Memory.Reservation = number(&flags, "memory-reservation", parseBytes)
	r.Memory.Swap = number(&flags, "memory-swap", parseBytes)
	r.BlockIO.Weight = number(&flags, "blkio-weight", func(s string) (uint16, error) {
		n, err := strconv.ParseUint(s, 10, 16)
		return uint16(n), err
	})
	r.Pids.Limit = number(&flags, "pids-limit", parseInt)
	for _, gone := range []string{"kernel-memory", "kernel-memory-tcp"} {
		if c.IsSet(gone) {
			logrus.Warnf("--%s is passed over: no kernel has it any more", gone)
		}
	}
	return r, flags.err
}

// flagReader keeps the first fault of a list of flags.
type flagReader struct {
	c   *cli.Context
	err error
}

// number is nil for a flag that is not given, or empty.
func number[T any](f *flagReader, name string, parse func(string) (T, error)) *T {
	text := f.c.String(name)
	if text == "" || f.err != nil {
		return nil
	}
	n, err := parse(text)
	if err != nil {
		f.err = fmt.Errorf("--%s: %q is not a number that fits", name, text)
		return nil
	}
	return &n
}

func parseInt(s string) (int64, error)   { return strconv.ParseInt(s, 10, 64) }
func parseUint(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) }

// parseBytes takes the suffixes that runc takes, powers of 1024 all of them.
func parseBytes(s string) (int64, error) {
	if s == "-1" {
		return -1, nil
	}
	return units.RAMInBytes(s)
}
