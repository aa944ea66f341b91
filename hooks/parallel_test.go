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

// Twenty services come and go two hundred times, all at once: an address is
// never given twice, and at the end none is lost and nothing is left.
func TestParallel(t *testing.T) {
	services, rounds := 20, 200
	if testing.Short() {
		rounds = 10
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
	var mutex sync.Mutex
	owners := map[netip.Addr]string{}
	given := 0

	var done sync.WaitGroup
	for i := range services {
		c := h.process(fmt.Sprint("service", i))
		p := p
		p.Ports = published(fmt.Sprint(8000+i, ":80/tcp"))
		done.Go(func() {
			runtime.LockOSThread()
			if err := unix.Setns(int(host.Fd()), unix.CLONE_NEWNET); err != nil {
				t.Error(err)
				return
			}
			for round := range rounds {
				if err := h.Up(c, p); err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				address, err := inner(c)
				if err != nil {
					t.Errorf("round %d: %v", round, err)
				}
				mutex.Lock()
				if other := owners[address]; other != "" {
					t.Errorf("%s is given to %s while %s has it", address, c.ID, other)
				}
				owners[address], given = c.ID, given+1
				mutex.Unlock()

				mutex.Lock()
				delete(owners, address)
				mutex.Unlock()
				if err := h.Down(c.ID); err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
			}
		})
	}
	done.Wait()
	if given != services*rounds {
		t.Errorf("%d addresses were given, want %d", given, services*rounds)
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
