package history

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// growth is the ratio of a bucket's upper end to its lower one: a percentile is
// told at most so much too high, never too low.
const growth = 1.1

// The buckets that there may be: from 0.00001 to 10^15 of any unit.
const (
	firstBucket = -121
	lastBucket  = 363
)

// maxBuckets is how many an hour that is over keeps of one figure.
const maxBuckets = 24

// Histogram is how long a figure was in which range, in seconds. Bucket i holds
// values above 1.1^(i-1) up to 1.1^i; those of zero are in none: of an hour they
// are what is missing from its seconds.
type Histogram struct {
	Buckets map[int]float64 `json:"b,omitempty"`
	Peak    float64         `json:"peak"`
	PeakAt  int64           `json:"at,omitempty"` // seconds since 1970
}

// Add counts a value for some seconds.
func (h *Histogram) Add(value, seconds float64, at int64) {
	if !(value > 0) || math.IsInf(value, 0) || seconds < 0 {
		return
	}
	if value > h.Peak {
		h.Peak, h.PeakAt = value, at
	}
	if h.Buckets == nil {
		h.Buckets = map[int]float64{}
	}
	h.Buckets[bucket(value)] += seconds
}

func bucket(value float64) int {
	i := int(math.Ceil(math.Log(value)/math.Log(growth) - 1e-9))
	return min(max(i, firstBucket), lastBucket)
}

// Merge adds another histogram.
func (h *Histogram) Merge(o *Histogram) {
	if o.Peak > h.Peak {
		h.Peak, h.PeakAt = o.Peak, o.PeakAt
	}
	if h.Buckets == nil {
		h.Buckets = map[int]float64{}
	}
	for i, s := range o.Buckets {
		h.Buckets[i] += s
	}
}

// Percentile is the value that was not exceeded in a part (0 to 1) of so many
// seconds; what the histogram does not have of them was zero.
func (h *Histogram) Percentile(part, seconds float64) float64 {
	held := 0.0
	for _, s := range h.Buckets {
		held += s
	}
	seconds = max(seconds, held)
	sum, want := seconds-held, part*seconds*(1-1e-9)
	if sum >= want {
		return 0
	}
	for _, i := range slices.Sorted(maps.Keys(h.Buckets)) {
		sum += h.Buckets[i]
		if sum >= want {
			return min(math.Pow(growth, float64(i)), h.Peak)
		}
	}
	return h.Peak
}

// compact keeps few buckets: the lightest go into the next above, so that no
// percentile falls. Seconds are rounded to a hundredth.
func (h *Histogram) compact() {
	for len(h.Buckets) > maxBuckets {
		order := slices.Sorted(maps.Keys(h.Buckets))
		lightest := 0
		for n := range order[:len(order)-1] {
			if h.Buckets[order[n]] < h.Buckets[order[lightest]] {
				lightest = n
			}
		}
		h.Buckets[order[lightest+1]] += h.Buckets[order[lightest]]
		delete(h.Buckets, order[lightest])
	}
	for i, s := range h.Buckets {
		h.Buckets[i] = math.Round(s*100) / 100
	}
}

func (h *Histogram) check() error {
	if h == nil {
		return errors.New("it is null")
	}
	if !(h.Peak >= 0) || h.PeakAt < 0 {
		return fmt.Errorf("a peak of %v at %d", h.Peak, h.PeakAt)
	}
	for i, s := range h.Buckets {
		if i < firstBucket || i > lastBucket || !(s >= 0 && s <= maxSeconds) {
			return fmt.Errorf("bucket %d with %v seconds", i, s)
		}
	}
	return nil
}
