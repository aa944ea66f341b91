// Package hooks gives a container a network of its own, and takes it away
// again: a namespace with a name, an interface on a bridge, an address, shaped
// bandwidth, published ports, interfaces of the host. It knows nothing but the
// OCI state and annotations, so it works as a pair of hooks under any runtime.
//
// Everything can be found again by the container's id alone: links are named
// from a hash of it, the rest is in a book (book.go) that is written before the
// kernel is touched.
package hooks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"blackhole/hooks/params"
	"blackhole/internal/cleanup"
)

// Where the book and the names of namespaces are.
const (
	DefaultFolder = "/run/blackhole-network"
	DefaultNames  = "/run/netns" // ip-netns(8)
)

// Network is the networks of this host's containers. The zero Network is ready.
type Network struct {
	Folder string // of the book; DefaultFolder when empty
	Names  string // of the namespaces; DefaultNames when empty
	// Patience is how long to wait for others who work on the book; 0 is for ever.
	Patience time.Duration

	// step is called after each change of the kernel's state; tests kill the
	// process there.
	step func()
}

func (n *Network) folder() string {
	if n.Folder == "" {
		return DefaultFolder
	}
	return n.Folder
}

func (n *Network) names() string {
	if n.Names == "" {
		return DefaultNames
	}
	return n.Names
}

func (n *Network) did() {
	if n.step != nil {
		n.step()
	}
}

// Container is what a hook knows of its container (OCI runtime specification,
// "State").
type Container struct {
	ID     string
	PID    int    // of its first process, whose network namespace is set up
	Bundle string // absolute path
	// Namespace is a path of its network namespace, where PID is of whoever is
	// making the container; see Adopt.
	Namespace string
}

// Up gives a container the network that its parameters ask for. What an earlier
// container of the same id left is removed first. On failure nothing is left.
// Mode host only enters its name for the others, and so does joined, unless it
// has a rate: that, and mode shaped, shapes a network that is there already.
func (n *Network) Up(c Container, p params.Params) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot set up the network of %s: %w", c.ID, err)
		}
	}()
	e, err := newEntry(c, p)
	if err != nil {
		return err
	}
	path := c.Namespace
	if path == "" {
		path = "/proc/" + strconv.Itoa(c.PID) + "/ns/net"
	}
	namespace, err := openNamespace(path)
	if err != nil {
		return fmt.Errorf("its process %d has no network namespace: %w", c.PID, err)
	}
	defer namespace.Close()
	if e.Namespace, err = identify(namespace); err != nil {
		return err
	}
	own := e.Mode == params.Isolated || e.Mode == params.None
	if host, err := hostNamespace(); err != nil {
		return err
	} else if own && host == e.Namespace {
		return fmt.Errorf("mode is %s, but config.json gives it the host's network namespace", e.Mode)
	} else if e.shapesOuter() && host == e.Namespace {
		return errors.New("the bandwidth of the host's own network cannot be shaped")
	}
	k, err := dial(namespace)
	if err != nil {
		return err
	}
	defer k.close()
	b, err := n.open(true)
	if err != nil {
		return err
	}
	defer b.close()
	var undo cleanup.Stack
	defer func() { err = errors.Join(err, undo.Run()) }()

	if err := n.replace(b, k, e); err != nil {
		return err
	}
	if own {
		if err := n.reserve(b, k, e, p); err != nil {
			return err
		}
	} else if e.shapesOuter() {
		if err := b.attach(k, e, namespace); err != nil {
			return err
		}
	}
	// In the book first: whatever happens from here on, Down finds it.
	undo.Add(func() error { return n.takeDown(b, k, e) })
	b.Containers[e.ID] = e
	if err := b.save(); err != nil {
		return err
	}
	n.did()
	if own {
		if err := n.build(b, k, e, namespace); err != nil {
			return err
		}
	} else if e.OuterEnd != 0 {
		if err := e.shape(k.host, e.Bandwidth); err != nil {
			return err
		}
		n.did()
	}
	if err := b.writeHosts(e); err != nil {
		return err
	}
	n.did()
	undo.Release()
	return nil
}

// Adopt makes a network that was brought up before the container's first process
// was there that process's: while it runs, the network is in use.
func (n *Network) Adopt(id string, pid int) (err error) {
	defer func() {
		if err != nil {
			err = oneLine(fmt.Errorf("cannot give %s its network: %w", id, err))
		}
	}()
	b, err := n.open(false)
	if err != nil {
		return err
	}
	defer b.close()
	e := b.Containers[id]
	if e == nil {
		return errors.New("it has none")
	}
	if e.PID, e.Start = pid, startTime(pid); e.Start == 0 {
		return fmt.Errorf("its process %d does not run", pid)
	}
	return b.save()
}

// newEntry is a container as the book has it, as far as its parameters say.
func newEntry(c Container, p params.Params) (*entry, error) {
	e := &entry{ID: c.ID, PID: c.PID, Bundle: c.Bundle, Mode: p.Mode, Name: p.Hostname}
	if e.Name == "" {
		e.Name = c.ID
	}
	if c.ID == "" {
		return nil, errors.New("its id is empty")
	}
	if e.Mode == params.Shaped {
		e.Name, e.Bundle = "", "" // no service: nobody knows it by name, and it knows nobody
	} else if err := checkFileName(e.Name); err != nil {
		return nil, err
	}
	if e.Start = startTime(c.PID); e.Start == 0 {
		return nil, fmt.Errorf("its process %d does not run", c.PID)
	}
	if p.Mode == params.Joined || p.Mode == params.Shaped {
		e.Bandwidth = bandwidthOf(p)
		return e, e.Bandwidth.check()
	}
	if p.Mode != params.Isolated {
		return e, nil
	}
	e.Bridge, e.Subnet, e.Masquerade = p.Bridge, p.Subnet, p.Masquerade
	e.Ports, e.Bandwidth = p.Ports, bandwidthOf(p)
	return e, errors.Join(checkLinkName(e.Bridge), checkSubnet(e.Subnet), e.Bandwidth.check())
}

// shapesOuter tells of a container whose bandwidth is to be shaped in a network
// that somebody else made.
func (e *entry) shapesOuter() bool {
	return (e.Mode == params.Shaped || e.Mode == params.Joined) && (e.Bandwidth.IngressRate != 0 || e.Bandwidth.EgressRate != 0)
}

// replace removes what an earlier container of the same id left, unless it
// still runs.
func (n *Network) replace(b *book, k *kernel, e *entry) error {
	old := b.Containers[e.ID]
	switch {
	case old == nil:
		old = &entry{ID: e.ID}
	case old.alive() && old.PID != e.PID:
		return fmt.Errorf("process %d has a network under the same id", old.PID)
	}
	return n.takeDown(b, k, old)
}

// reserve checks what the container asks for against the host and the other
// containers, and chooses its address. It changes nothing but the entry.
func (n *Network) reserve(b *book, k *kernel, e *entry, p params.Params) (err error) {
	for _, other := range b.Containers {
		if other.Name == e.Name {
			return fmt.Errorf("%s has the name %s already", other.ID, e.Name)
		}
	}
	if _, err := os.Lstat(n.names() + "/" + e.Name); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("a network namespace %s/%s is there already, and is not the service's", n.names(), e.Name)
	}
	if e.Moved, err = b.describeLinks(k.host, p.Interfaces, e.Mode == params.Isolated); err != nil {
		return err
	}
	if e.Mode != params.Isolated {
		return nil
	}
	if err := b.checkPorts(e.Ports); err != nil {
		return err
	}
	for _, other := range b.Containers {
		if other.Bridge != e.Bridge && other.Subnet.IsValid() && other.Subnet.Overlaps(e.Subnet) {
			return fmt.Errorf("subnet %s overlaps %s of bridge %s", e.Subnet, other.Subnet, other.Bridge)
		}
	}
	br, err := findBridge(k.host, e.Bridge, e.Subnet)
	if err != nil {
		return err
	}
	if e.Gateway = br.gateway; !e.Gateway.IsValid() {
		e.Gateway = gatewayOf(e.Subnet)
	}
	e.Group = b.takeGroup(e.ID)
	e.Address, err = b.takeAddress(e.ID, e.Subnet, e.Gateway)
	return err
}

func hostNamespace() (namespaceID, error) {
	f, err := openNamespace("/proc/thread-self/ns/net")
	if err != nil {
		return namespaceID{}, err
	}
	defer f.Close()
	return identify(f)
}
