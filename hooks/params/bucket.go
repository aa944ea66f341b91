package params

import (
	"fmt"
	"math"
)

// How a rate becomes a token bucket; docs/network-shaping.md has what was
// measured for each figure.
const (
	// frame is a full packet on the wire, bytes: 1500 and the Ethernet header,
	// which the kernel counts. payload is what TCP carries in it (IPv4,
	// timestamps). The rate of a service is payload, what its programs see.
	frame   = 1514
	payload = 1448

	// minRate (8 kbit/s) is where a full packet takes one and a half seconds:
	// below it no connection is ever made.
	minRate = 1000
	// maxRate (2.2 Tbit/s) is more than any link carries, and keeps the sums
	// below inside 64 bits.
	maxRate = 1 << 38

	// defaultBurst is how much of the rate may leave at once, in milliseconds,
	// and leastBurst the least of it in bytes.
	defaultBurst = 5
	leastBurst   = 4 * frame
	// maxBurst is in seconds of the rate: the kernel keeps a bucket's fill in
	// 32 bits of 64 ns.
	maxBurst = 250
	// burstFloor: a bucket smaller than what the rate carries while the host's
	// timers are late, in microseconds, is empty before it is filled again.
	burstFloor = 500

	// defaultQueue is how long packets wait before they are dropped, in
	// milliseconds, and leastQueue the least of it in bytes.
	defaultQueue = 25
	leastQueue   = 9 * frame
	// maxPacket is the largest packet that an interface hands over in one
	// piece (GSO_LEGACY_MAX_SIZE). One that fits into the bucket is not cut
	// up, so the queue must hold two such.
	maxPacket = 65536 + 14
)

// Bucket is the parameters of one token bucket filter (tc-tbf(8)).
type Bucket struct {
	Rate  uint64 // bytes a second on the wire
	Burst uint32 // bytes that leave at once
	Queue uint32 // bytes that wait; more are dropped
}

// NewBucket derives a bucket, or says what is wrong with a rate and burst.
// Direction is ingress or egress.
func NewBucket(direction string, rate, burst uint64) (Bucket, error) {
	if rate < minRate {
		return Bucket{}, fmt.Errorf("%s rate of %d bytes a second is under the %d that are possible", direction, rate, minRate)
	}
	if rate > maxRate {
		return Bucket{}, fmt.Errorf("%s rate of %d bytes a second is over the %d that are possible", direction, rate, uint64(maxRate))
	}
	wire := (rate*frame + payload - 1) / payload
	if burst == 0 {
		burst = min(max(wire*defaultBurst/1000, leastBurst), math.MaxUint32/2)
	}
	if least := max(frame, wire*burstFloor/1_000_000); burst < least {
		return Bucket{}, fmt.Errorf("%s burst of %d bytes is too small for %d bytes a second: at least %d", direction, burst, rate, least)
	}
	if most := min(wire*maxBurst, math.MaxUint32/2); burst > most {
		return Bucket{}, fmt.Errorf("%s burst of %d bytes is too large for %d bytes a second: at most %d", direction, burst, rate, most)
	}
	queue := max(wire*defaultQueue/1000, leastQueue, 2*min(burst, maxPacket))
	return Bucket{Rate: wire, Burst: uint32(burst), Queue: uint32(min(queue, math.MaxUint32/2))}, nil
}
