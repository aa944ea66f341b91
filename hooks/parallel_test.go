package hooks

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Twenty services come and go a hundred times, at each moment half of them:
// an address is never given twice, and at the end none is lost and nothing is
// left. Four hosts share the work, for each step waits for the kernel.
func TestParallel(t *testing.T) {
	t.Parallel()
	services, rounds := 20, 25
	if testing.Short() {
		rounds = 3
	}
	if _, here := inParts(t, "first host", "second host", "third host", "fourth host"); !here {
		return
	}
	h := newHost(t)
	p := isolated()
	p.Subnet = netip.MustParsePrefix("10.88.0.0/27") // 29 for 20 services: they collide
	p.IngressRate, p.EgressRate = 1e6, 1e6
	host, err := openNamespace("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	containers := make([]Container, services)
	for i := range containers {
		containers[i] = h.process(fmt.Sprint("service", i))
	}
	running := make([]bool, services)
	given := 0
	for round := range 2 * rounds {
		var wait sync.WaitGroup
		for i, c := range containers {
			if round == 2*rounds-1 && !running[i] {
				continue // the last brings down what is still up
			}
			p := p
			p.Ports = published(fmt.Sprint(8000+i, ":80/tcp"))
			start := !running[i] && (round > 0 || i%2 == 0)
			if !start && !running[i] {
				continue
			}
			running[i] = start
			wait.Go(func() {
				runtime.LockOSThread()
				err := unix.Setns(int(host.Fd()), unix.CLONE_NEWNET)
				if start {
					err = errors.Join(err, h.Up(c, p))
				} else {
					err = errors.Join(err, h.Down(c.ID))
				}
				if err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wait.Wait()
		owners := map[netip.Addr]string{}
		for i, c := range containers {
			if !running[i] {
				continue
			}
			address, err := inner(c)
			if err != nil {
				t.Errorf("round %d: %s: %v", round, c.ID, err)
			}
			if other := owners[address]; other != "" {
				t.Errorf("round %d: %s is given to %s while %s has it", round, address, c.ID, other)
			}
			owners[address] = c.ID
			given++
		}
		if t.Failed() {
			return
		}
	}
	if given < services*rounds-services {
		t.Errorf("only %d times a service was up", given)
	}
	h.nothingLeft()
}

// inner is the IPv4 address that a container really has.
func inner(c Container) (address netip.Addr, err error) {
	f, err := openNamespace(fmt.Sprintf("/proc/%d/ns/net", c.PID))
	if err != nil {
		return address, err
	}
	defer f.Close()
	k, err := dial(f)
	if err != nil {
		return address, err
	}
	defer k.close()
	link, err := k.inside.LinkByName(insideName)
	if err != nil {
		return address, err
	}
	all, err := lasting(k.inside, link)
	for _, a := range all {
		if a.Addr().Is4() {
			return a.Addr(), err
		}
	}
	return address, errors.Join(err, os.ErrNotExist)
}
