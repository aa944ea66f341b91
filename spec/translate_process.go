package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// defaultPath is the PATH of a service that sets none, root's on most
// distributions and the OCI engines' default.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// process is who runs what, and its limits as a process.
func (t *translator) process(o Options) (*specs.Process, error) {
	args := o.Args
	if len(args) == 0 {
		args = append([]string{*t.service.Executable}, t.service.Args...)
	}
	cwd := value(t.service.WorkingDir)
	if cwd == "" {
		cwd = "/"
	}
	rlimits, err := t.rlimits()
	if err != nil {
		return nil, err
	}
	adj, err := t.oomScoreAdj()
	if err != nil {
		return nil, err
	}
	noNewPrivs := t.service.Security.NoNewPrivs
	return &specs.Process{
		User:            specs.User{UID: t.user.UID, GID: t.user.GID, AdditionalGids: t.user.AdditionalGIDs},
		Args:            args,
		Env:             t.environment(),
		Cwd:             cwd,
		Capabilities:    t.capabilities(),
		Rlimits:         rlimits,
		NoNewPrivileges: noNewPrivs == nil || *noNewPrivs,
		OOMScoreAdj:     adj,
		IOPriority:      t.ioPriority(),
	}, nil
}

// environment is PATH and HOME, then what the service sets, sorted by name.
func (t *translator) environment() []string {
	home := t.user.Home
	if home == "" {
		home = "/"
	}
	merged := map[string]string{"PATH": defaultPath, "HOME": home}
	maps.Copy(merged, t.service.Environment)
	env := make([]string, 0, len(merged))
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		env = append(env, name+"="+merged[name])
	}
	return env
}

// capabilities gives the service the same capabilities in all sets. The ambient
// one counts for a user other than root alone: execve(2) takes everything that
// is in no other way inherited from a process that is not root, so without it a
// service would have none of them (capabilities(7)).
func (t *translator) capabilities() *specs.LinuxCapabilities {
	names := make([]string, 0, len(t.service.Security.Capabilities))
	for _, written := range t.service.Security.Capabilities {
		name := "CAP_" + strings.TrimPrefix(strings.ToUpper(written), "CAP_")
		names = append(names, name)
		if !t.host.HasCapability(name) {
			t.warn("capability %s is not this process's to give: the service may not get it", name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	sets := &specs.LinuxCapabilities{Bounding: names, Effective: names, Inheritable: names, Permitted: names}
	if t.user.UID != 0 {
		sets.Ambient = names
	}
	return sets
}

// rlimits are fds and rlimits, sorted by name; fds goes before rlimits.nofile.
func (t *translator) rlimits() ([]specs.POSIXRlimit, error) {
	limits := map[string]Rlimit{}
	for name, limit := range t.service.Resources.Rlimits {
		limits[strings.TrimPrefix(strings.ToLower(name), "rlimit_")] = limit
	}
	if fds := t.service.Resources.FDs; fds.Soft != nil || fds.Hard != nil {
		limit, err := t.fds(fds)
		if err != nil {
			return nil, err
		}
		limits["nofile"] = limit
	}
	var rlimits []specs.POSIXRlimit
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		limit := limits[name]
		present, err := t.host.HardLimit(name)
		if err != nil {
			return nil, err
		}
		if limit.Hard > present && !t.host.HasCapability("CAP_SYS_RESOURCE") {
			return nil, fmt.Errorf("the hard limit %d of %s is above the present one of %d, and raising it needs CAP_SYS_RESOURCE",
				limit.Hard, name, present)
		}
		rlimits = append(rlimits, specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(name), Soft: limit.Soft, Hard: limit.Hard})
	}
	return rlimits, nil
}

// fds is RLIMIT_NOFILE. Without a hard limit the present one stays; without a
// soft limit it is the hard one, as there is no other number that was asked for.
func (t *translator) fds(fds FDs) (Rlimit, error) {
	if fds.Hard == nil {
		present, err := t.host.HardLimit("nofile")
		return Rlimit{Soft: *fds.Soft, Hard: max(*fds.Soft, present)}, err
	}
	if fds.Soft == nil {
		return Rlimit{Soft: *fds.Hard, Hard: *fds.Hard}, nil
	}
	return Rlimit{Soft: *fds.Soft, Hard: *fds.Hard}, nil
}

// oomScoreAdj is what was set by hand, else what the priority stands for; nil
// leaves it as it is. A service is killed for lack of memory on the host the
// sooner the higher it is, by thousandths of all memory (proc_pid_oom_score_adj(5)).
func (t *translator) oomScoreAdj() (*int, error) {
	own := t.host.OOMScoreAdj()
	mayLower := t.host.HasCapability("CAP_SYS_RESOURCE")
	if byHand := t.service.OOMScoreAdj; byHand != nil {
		if *byHand < own && !mayLower {
			return nil, fmt.Errorf("oom_score_adj %d is below this process's own of %d, and lowering it needs CAP_SYS_RESOURCE", *byHand, own)
		}
		return byHand, nil
	}
	p := t.ofPriority()
	if p == nil {
		return nil, nil
	}
	if p.oomScoreAdj < own && !mayLower {
		t.warn("priority %s: oom_score_adj stays %d: lowering it to %d needs CAP_SYS_RESOURCE", *t.service.Priority, own, p.oomScoreAdj)
		return nil, nil
	}
	return &p.oomScoreAdj, nil
}

func (t *translator) ioPriority() *specs.LinuxIOPriority {
	p := t.service.Resources.IO.Priority
	if p == nil {
		return nil
	}
	class := specs.IOPRIO_CLASS_BE
	switch p.Class {
	case "realtime":
		class = specs.IOPRIO_CLASS_RT
	case "idle":
		class = specs.IOPRIO_CLASS_IDLE
	}
	return &specs.LinuxIOPriority{Class: class, Priority: p.Level}
}

// standing is what a priority stands for.
type standing struct {
	shares      uint64 // cpu.shares, 1024 without
	weight      uint16 // io.weight, 100 without
	oomScoreAdj int
}

// ofPriority is what the service's priority stands for, nil for normal: that
// leaves everything as the kernel has it. (Service merges the weights.) Critical outweighs normal four to
// one, and normal batch.
func (t *translator) ofPriority() *standing {
	switch value(t.service.Priority) {
	case PriorityCritical:
		return &standing{shares: 4096, weight: 400, oomScoreAdj: -500}
	case PriorityBatch:
		return &standing{shares: 256, weight: 25, oomScoreAdj: 500}
	}
	return nil
}
