package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// target is what this project wants to reach: a measure of ours at most a
// factor of a peer's, in the same run. The peer's own measure may be another.
type target struct {
	what    string
	ours    string  // measure
	theirs  string  // measure
	peer    string  // how the peer's name begins
	factor  float64 // at most
	variant string  // of both; empty: every one that was measured
	count   int     // containers
}

// limit is a target in milliseconds: the only one that is no ratio.
type limit struct {
	measure string
	most    float64
}

// targets are those of the issue [speed]. newest is what the name of the newest
// runc begins with.
func targets(newest []string) []target {
	var list []target
	for _, version := range newest {
		peer := "runc " + version
		list = append(list, target{"whole life by commands", mWhole, mWhole, peer, 0.6, "", 1})
	}
	list = append(list,
		target{"whole life by commands", mWhole, mWhole, "crun", 1.3, "", 1},
		target{"a service under up: decision to first instruction, to create + start", mFirst, mFirst, "crun", 1.0, "", 1},
		target{"services under up in parallel, to create + start by commands", mFirst, mFirst, "crun", 0.7, "", 100},
		target{"program runs again after a crash, to create + start", mCrash, mFirst, "crun", 1.0, "", 1},
		target{"program runs again past a backoff of 100 ms, to create + start", mBackoff, mFirst, "crun", 1.0, "", 1})
	for _, version := range newest {
		peer := "runc " + version
		list = append(list,
			target{"state with stats, to state without", mState, mState, peer, 1.2, "", 1},
			target{"memory at peak of create: largest process", mResident, mResident, peer, 1.0, "", 1},
			target{"memory at peak of create: all that is charged", mCharged, mCharged, peer, 1.0, "", 1})
	}
	return list
}

// printTargets says of each target and variant whether this run met it.
func (r *results) printTargets(w io.Writer, list []target, limits []limit) {
	fmt.Fprint(w, "\ntargets, by the ratios of this run\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tvariant\tto\tat most\tis\t")
	for _, g := range list {
		found := false
		for _, row := range r.rows {
			if row.Measure != g.ours || row.Containers != g.count || g.variant != "" && g.variant != row.Variant {
				continue
			}
			for _, peer := range r.peers {
				if !strings.HasPrefix(peer, g.peer) {
					continue
				}
				ours, theirs := row, row
				ours.Peer = r.peers[0]
				theirs.Peer, theirs.Measure = peer, g.theirs
				x, ok := r.ratio(ours, theirs)
				if !ok || peer == ours.Peer {
					continue
				}
				found = true
				fmt.Fprintf(t, "%s\t%s\t%s\t%.2f\t%.2f\t%s\n", g.what, row.Variant, peer, g.factor, x, verdict(x <= g.factor))
			}
		}
		if !found {
			fmt.Fprintf(t, "%s\t%s\t%s\t%.2f\t\tnot measured\n", g.what, g.variant, g.peer, g.factor)
		}
	}
	for _, l := range limits {
		found := false
		for _, row := range r.rows {
			row.Peer = r.peers[0]
			if row.Measure == l.measure && len(r.values[row]) > 0 {
				found = true
				m := median(r.values[row])
				fmt.Fprintf(t, "%s\t%s\t\t%.0f ms\t%.1f ms\t%s\n", l.measure, row.Variant, l.most, m, verdict(m <= l.most))
			}
		}
		if !found {
			fmt.Fprintf(t, "%s\t\t\t%.0f ms\t\tnot measured\n", l.measure, l.most)
		}
	}
	fmt.Fprintln(t, "a sample of 200 services\t\t\t10 ms\t\tsee benchmarks/supervisor")
	t.Flush()
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "NOT MET"
}
