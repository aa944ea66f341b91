package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// The measures. Their names begin with what tells the unit: memory is in MiB,
// everything else in milliseconds.
const (
	mCreate       = "create"
	mStart        = "start"
	mState        = "state"
	mExec         = "exec true"
	mKill         = "kill"
	mDelete       = "delete"
	mWhole        = "whole life"
	mCPU          = "CPU: whole life"
	mResident     = "memory: largest process"
	mCharged      = "memory: all of create"
	mFirst        = "first instruction"
	mCrash        = "running again"
	mBackoff      = "running again, past its backoff"
	mHookUp       = "hook createRuntime"
	mHookDown     = "hook poststop"
	memoryMeasure = "memory:"
	cpuMeasure    = "CPU: "
)

func unit(measure string) string {
	if strings.HasPrefix(measure, memoryMeasure) {
		return "MiB"
	}
	return "ms"
}

// printTable writes a block for each variant and number of containers: the
// median of each measure and peer, half the distance of its quartiles in percent,
// and the first peer's ratio to each other's.
func (r *results) printTable(w io.Writer) {
	type block struct {
		variant    string
		containers int
	}
	var order []block
	rows := map[block][]key{}
	for _, row := range r.rows {
		at := block{row.Variant, row.Containers}
		if rows[at] == nil {
			order = append(order, at)
		}
		rows[at] = append(rows[at], row)
	}
	for _, at := range order {
		r.printBlock(w, rows[at])
	}
}

func (r *results) printBlock(w io.Writer, rows []key) {
	fmt.Fprintf(w, "\n%s, %s\n", rows[0].Variant, containers(rows[0].Containers))
	var peers []string
	for _, p := range r.peers {
		for _, row := range rows {
			if row.Peer = p; len(r.values[row]) > 0 {
				peers = append(peers, p)
				break
			}
		}
	}
	// What the commands used below what they took.
	slices.SortStableFunc(rows, func(a, b key) int {
		return order(a.Measure) - order(b.Measure)
	})
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\tn\t")
	for i, p := range peers {
		fmt.Fprintf(t, "%s\t±\t", p)
		if i > 0 {
			fmt.Fprint(t, "ratio\t")
		}
	}
	fmt.Fprintln(t)
	for _, row := range rows {
		most := 0
		for _, p := range peers {
			row.Peer = p
			most = max(most, len(r.values[row]))
		}
		fmt.Fprintf(t, "%s, %s\t%d\t", row.Measure, unit(row.Measure), most)
		for i, p := range peers {
			base := row
			base.Peer, row.Peer = peers[0], p
			values := r.values[row]
			switch {
			case len(values) == 0:
				fmt.Fprint(t, "\t\t")
			default:
				fmt.Fprintf(t, "%s\t%.0f%%\t", number(median(values)), 100*spread(values))
			}
			if i == 0 {
				continue
			}
			if x, ok := r.ratio(base, row); ok {
				fmt.Fprintf(t, "%.2f\t", x)
			} else {
				fmt.Fprint(t, "\t")
			}
		}
		fmt.Fprintln(t)
	}
	t.Flush()
}

func order(measure string) int {
	switch {
	case strings.HasPrefix(measure, cpuMeasure):
		return 1
	case strings.HasPrefix(measure, memoryMeasure):
		return 2
	}
	return 0
}

// number has three digits that count.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func containers(n int) string {
	if n == 1 {
		return "1 container"
	}
	return fmt.Sprintf("%d containers in parallel", n)
}
