package main

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
)

// key names what was measured: in which variant, of how many containers at a
// time, which measure, of which peer.
type key struct {
	Variant    string `json:"variant"`
	Containers int    `json:"containers"`
	Measure    string `json:"measure"`
	Peer       string `json:"peer"`
}

// results collects values, in the unit of their measure.
type results struct {
	values map[key][]float64
	// order in which the rows and the peers first came.
	peers []string
	rows  []key // without a peer
}

func newResults() *results { return &results{values: map[key][]float64{}} }

func (r *results) add(k key, value float64) {
	row := k
	row.Peer = ""
	if !slices.Contains(r.rows, row) {
		r.rows = append(r.rows, row)
	}
	if !slices.Contains(r.peers, k.Peer) {
		r.peers = append(r.peers, k.Peer)
	}
	r.values[k] = append(r.values[k], value)
}

// quantile is the value below which that part of the values lies, between two of
// them in proportion; 0 of none.
func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	at := part * float64(len(sorted)-1)
	low := int(at)
	if low+1 == len(sorted) {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// spread is half the distance between the quartiles, as a part of the median.
func spread(values []float64) float64 {
	m := median(values)
	if m == 0 {
		return 0
	}
	return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / m
}

// ratio is one median to another's; false if either has no values or is 0.
func (r *results) ratio(of, to key) (float64, bool) {
	a, b := median(r.values[of]), median(r.values[to])
	return a / max(b, 1e-12), a != 0 && b != 0
}

// writeJSON writes every value, for a later comparison.
func (r *results) writeJSON(w io.Writer, about map[string]any) error {
	type row struct {
		key
		Unit     string    `json:"unit"`
		Median   float64   `json:"median"`
		Quartile []float64 `json:"quartiles"`
		Values   []float64 `json:"values"`
	}
	rows := make([]row, 0, len(r.values))
	for k, v := range r.values {
		rows = append(rows, row{k, unit(k.Measure), median(v), []float64{quantile(v, 0.25), quantile(v, 0.75)}, v})
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Containers, b.Containers),
			cmp.Compare(a.Measure, b.Measure), cmp.Compare(a.Peer, b.Peer))
	})
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(map[string]any{"about": about, "results": rows})
}
