package params

import (
	"strings"
	"testing"
)

func TestNewBucket(t *testing.T) {
	for _, row := range []struct {
		rate, burst uint64
		want        Bucket
	}{
		// Bytes a second: 8 kbit, 1 mbit, 10 mbit, 1 gbit. On the wire it is 1514/1448 of it, rounded up.
		{1000, 0, Bucket{1046, 6056, 13626}},
		{125_000, 0, Bucket{130_698, 6056, 13626}},
		{1_250_000, 0, Bucket{1_306_976, 6534, 32674}},
		{125_000_000, 0, Bucket{130_697_514, 653_487, 3_267_437}},
		// A burst of one's own: a packet as large as that must fit the queue twice.
		{1_250_000, 1514, Bucket{1_306_976, 1514, 32674}},
		{1_250_000, 64 << 10, Bucket{1_306_976, 64 << 10, 131072}},
		{1_250_000, 1 << 20, Bucket{1_306_976, 1 << 20, 131100}},
		{maxRate, 0, Bucket{(maxRate*1514 + 1447) / 1448, 1437034361, 2147483647}},
	} {
		got, err := NewBucket("ingress", row.rate, row.burst)
		if err != nil || got != row.want {
			t.Errorf("%d and %d: got %+v %v, want %+v", row.rate, row.burst, got, err, row.want)
		}
	}
	for _, row := range []struct {
		rate, burst uint64
		out         string
	}{
		{0, 0, "egress rate of 0 bytes a second is under the 1000"},
		{999, 0, "egress rate of 999 bytes a second is under the 1000"},
		{maxRate + 1, 0, "egress rate of 274877906945 bytes a second is over the 274877906944"},
		{1000, 1513, "egress burst of 1513 bytes is too small for 1000 bytes a second: at least 1514"},
		{125_000_000, 65_347, "egress burst of 65347 bytes is too small for 125000000 bytes a second: at least 65348"},
		{1000, 1046*250 + 1, "egress burst of 261501 bytes is too large for 1000 bytes a second: at most 261500"},
	} {
		if got, err := NewBucket("egress", row.rate, row.burst); err == nil || !strings.Contains(err.Error(), row.out) {
			t.Errorf("%d and %d: got %+v %v, want %q", row.rate, row.burst, got, err, row.out)
		}
	}
}
