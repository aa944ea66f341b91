package doctor

import (
	"fmt"
	"strings"
	"time"

	"blackhole/runtime/stats"
)

func (d *diagnosis) descriptors() {
	if d.After == nil || d.After.FDs == nil || d.After.FDs.Limit == nil || *d.After.FDs.Limit == 0 {
		return
	}
	if f := d.After.FDs; float64(f.Open) >= near*float64(*f.Limit) {
		d.tell(Trouble{Kind: FDsUsedUp, Figures: map[string]float64{"open": float64(f.Open), "limit": float64(*f.Limit)},
			Message: fmt.Sprintf("process %d has %d of %d descriptors open", f.PID, f.Open, *f.Limit),
			Advice:  "raise it, or look for connections and files that are never closed"}, "resources.fds.soft", "resources.fds.hard")
	}
}

func (d *diagnosis) processes() {
	if d.After == nil || d.After.Pids == nil || d.After.Pids.Current == nil || d.After.Pids.Limit == nil {
		return
	}
	current, limit := *d.After.Pids.Current, *d.After.Pids.Limit
	if float64(current) < near*float64(limit) && d.PidsHit == 0 {
		return
	}
	hit := ""
	if d.PidsHit > 0 {
		hit = fmt.Sprintf("; the limit refused a new one %s", times(d.PidsHit))
	}
	d.tell(Trouble{Kind: PidsUsedUp, Figures: map[string]float64{"current": float64(current), "limit": float64(limit), "refused": float64(d.PidsHit)},
		Message: fmt.Sprintf("it has %d of %d processes and threads%s", current, limit, hit),
		Advice:  "raise it, or find out why it starts so many"}, "resources.pids.limit")
}

// network finds a direction whose rate is used up. What a service receives is
// counted behind the shaping, what it sends before it.
func (d *diagnosis) network() {
	if d.Before == nil || d.After == nil || d.Before.Network == nil || d.After.Network == nil {
		return
	}
	for _, way := range []struct {
		key, what string
		shaping   func(n *stats.Network) *stats.Shaping
		bytes     func(n *stats.Network) uint64
	}{
		{"ingress_rate", "gets", func(n *stats.Network) *stats.Shaping { return n.Ingress }, func(n *stats.Network) uint64 { return n.RxBytes }},
		{"egress_rate", "tries to send", func(n *stats.Network) *stats.Shaping { return n.Egress }, func(n *stats.Network) uint64 { return n.TxBytes }},
	} {
		was, is := way.shaping(d.Before.Network), way.shaping(d.After.Network)
		if was == nil || is == nil || is.Rate == 0 {
			continue
		}
		rate := d.perSecond(func(s *stats.Stats) *uint64 { n := way.bytes(s.Network); return &n })
		dropped := uint64(0)
		if is.Dropped > was.Dropped {
			dropped = is.Dropped - was.Dropped
		}
		if rate < near*float64(is.Rate) {
			continue
		}
		d.tell(Trouble{Kind: NetworkBound, Figures: map[string]float64{"bytes_per_second": rate, "limit": float64(is.Rate), "dropped_packets": float64(dropped)},
			Message: fmt.Sprintf("its bandwidth of %s a second is used up: it %s %s, and %d packets were dropped in %s", size(is.Rate), way.what, size(uint64(rate)), dropped, d.Between),
			Advice:  "raise it"}, "resources.network.bandwidth."+way.key)
	}
}

// badSystemCall is the exit code of a program that SIGSYS killed, 128+31.
const badSystemCall = 159

// KilledBySeccomp tells whether its program, or the last of its shell, ended so.
func (f *Facts) KilledBySeccomp() bool { return f.Exit != nil && f.Exit.Code == badSystemCall }

// seccomp finds what a filter refused, where that was logged: those actions that
// kill or log are, an error number is not (seccomp(2), /proc/sys/kernel/seccomp/actions_logged).
func (d *diagnosis) seccomp() {
	killed := d.KilledBySeccomp()
	if len(d.Denied) == 0 && !killed {
		return
	}
	var calls []string
	count := map[string]int{}
	for _, denial := range d.Denied {
		if count[denial.Call] == 0 {
			calls = append(calls, denial.Call)
		}
		count[denial.Call]++
	}
	message := "a process of it made system calls that its seccomp profile refuses"
	if killed {
		message = "it was killed by SIGSYS (exit code 159): it made a system call that its seccomp profile refuses"
	}
	for i, call := range calls {
		calls[i] = fmt.Sprintf("%s (%s)", call, times(count[call]))
	}
	if calls != nil {
		message += ": " + strings.Join(calls, ", ")
	}
	d.tell(Trouble{Kind: SeccompDenied, Message: message, Figures: map[string]float64{"denials": float64(len(d.Denied))},
		Advice: "a profile that allows it, if the program means it"}, "security.seccomp_profile")
}

// crashes in so short a time are a loop.
const (
	loopCrashes = 3
	loopTime    = 10 * time.Minute
)

// life finds a service that does not stay up.
func (d *diagnosis) life() {
	if d.State == "waiting" && len(d.Waiting) > 0 {
		d.tell(Trouble{Kind: Waits, Message: "it waits for others: " + strings.Join(d.Waiting, ", "), Advice: "blackhole doctor for those"}, "depends_on")
		return
	}
	if d.Health == "unhealthy" || d.State == "unhealthy" {
		message := "its health check fails"
		if d.HealthError != "" {
			message += ": " + d.HealthError
		}
		d.tell(Trouble{Kind: NotHealthy, Message: message, Advice: "blackhole logs " + d.Name + ", or a longer timeout"}, "health_check")
	}
	ends, last := d.count(loopTime, func(e *Event) bool { return e.State == "backoff" || e.State == "failed" })
	if d.State != "failed" && d.State != "backoff" && ends < loopCrashes {
		return
	}
	figures := map[string]float64{"ends": float64(ends)}
	how := d.Reason
	if d.Exit != nil {
		figures["exit_code"] = float64(d.Exit.Code)
		if how == "" {
			how = fmt.Sprintf("exit code %d", d.Exit.Code)
		}
	}
	if ends < loopCrashes && len(d.found) > 0 {
		return // one end, and what it came from is told
	}
	kind, key, advice := CrashLoop, "executable", "blackhole logs "+d.Name
	message := fmt.Sprintf("it ended %s in ten minutes%s", times(ends), d.ago(last))
	if ends == 0 {
		message = "it is " + d.State
	}
	if how != "" {
		message += ": " + how
	}
	if ends < loopCrashes {
		kind = Failed
	}
	switch {
	case d.Exit == nil && strings.Contains(how, "cannot "):
		kind, advice = DoesNotStart, "blackhole validate says what is wrong in the configuration"
	case len(d.found) > 0:
		advice = "what is said above is the likely cause"
	}
	if n := len(d.Output); n > 0 {
		message += "; its last line: " + strings.TrimSpace(d.Output[n-1])
	}
	d.tell(Trouble{Kind: kind, Message: message, Figures: figures, Advice: advice}, key)
}
