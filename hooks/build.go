package hooks

import (
	"errors"
	"fmt"
	"os"

	"blackhole/hooks/params"
)

// build makes what the entry says, each step followed by n.did for the tests.
// Its caller takes everything down again when a step fails: an entry is enough
// to find what was made, however far it came.
func (n *Network) build(b *book, k *kernel, e *entry, namespace *os.File) error {
	made, err := shareFolder(n.names())
	if err != nil {
		return err
	}
	e.Named, b.NamesMounted = true, b.NamesMounted || made
	if err := b.save(); err != nil {
		return err
	}
	n.did()
	if err := nameNamespace(n.names(), e.Name, namespace); err != nil {
		return err
	}
	n.did()
	if err := loopbackUp(k.inside); err != nil {
		return err
	}
	if e.Mode == params.Isolated {
		if err := n.connect(b, k, e, namespace); err != nil {
			return err
		}
	}
	for _, m := range e.Moved {
		if err := m.moveIn(k, namespace); err != nil {
			return err
		}
		n.did()
	}
	return nil
}

// connect plugs a container into its bridge. Its bandwidth is shaped before its
// ports are open.
func (n *Network) connect(b *book, k *kernel, e *entry, namespace *os.File) error {
	br, err := findBridge(k.host, e.Bridge, e.Subnet)
	if err == nil && br.index == 0 {
		br, err = makeBridge(k.host, e.Bridge, e.Subnet)
	}
	if err != nil {
		return err
	}
	n.did()
	if br.gateway6.IsValid() {
		e.Address6 = address6(prefix6(e.Bridge), e.Address)
		if err := b.save(); err != nil {
			return err
		}
	}
	if err := e.plugIn(k, namespace, br); err != nil {
		return err
	}
	n.did()
	if e.Bandwidth.IngressRate != 0 || e.Bandwidth.EgressRate != 0 {
		if err := e.shape(k.host, e.Bandwidth); err != nil {
			return err
		}
		n.did()
	}
	if err := b.openFirewall(e); err != nil {
		return err
	}
	n.did()
	return e.forgetFlows(k)
}

// Down takes a container's network away, with its id alone and whatever there
// is of it. It is no error when there is nothing.
func (n *Network) Down(id string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot take down the network of %s: %w", id, err)
		}
	}()
	k, err := dial(nil)
	if err != nil {
		return err
	}
	defer k.close()
	b, err := n.open(false)
	if err != nil {
		return err
	}
	defer b.close()
	if e := b.Containers[id]; e != nil {
		return n.takeDown(b, k, e)
	}
	// Somebody removed the book: what the id names is found all the same.
	return errors.Join(n.removeStray(k, hostEnd(id)), n.removeStray(k, ifbName(id)), n.takeDown(b, k, &entry{ID: id}))
}

// takeDown undoes what there is of a container's network, each part even where
// an earlier one fails. Only when all is gone is the container struck from the
// book.
func (n *Network) takeDown(b *book, k *kernel, e *entry) error {
	var errs []error
	try := func(err error) {
		errs = append(errs, err)
		n.did()
	}
	try(n.returnLinks(e))
	if e.Bridge != "" {
		try(e.closeFirewall())
	}
	if e.OuterEnd != 0 {
		try(release(k.host, e.ID, e.OuterEnd))
	}
	try(b.lastOnBridge(k.host, e))
	try(removeGroup(k.host, e.Group, hostEnd(e.ID), ifbName(e.ID)))
	try(remove(k.host, hostEnd(e.ID)))
	try(remove(k.host, ifbName(e.ID)))
	if e.Named {
		try(unnameNamespace(n.names(), e.Name, e.Namespace))
	}
	known := b.Containers[e.ID] != nil
	delete(b.Containers, e.ID)
	if e.Bridge != "" && !b.uses(e.Bridge, e.ID) {
		try(removeTables(e.Bridge))
		try(removeBridge(k.host, e.Bridge))
	}
	if len(b.Containers) == 0 && b.NamesMounted {
		try(unshareFolder(n.names()))
	}
	if err := errors.Join(errs...); err != nil {
		if known {
			b.Containers[e.ID] = e
		}
		return err
	}
	if !known {
		return nil
	}
	if err := b.save(); err != nil {
		return err
	}
	return b.writeHosts(e)
}

// uses tells whether a container of the book is on a bridge, another than one that may be empty.
func (b *book) uses(bridge, without string) bool {
	for _, e := range b.Containers {
		if e.Bridge == bridge && e.ID != without {
			return true
		}
	}
	return false
}

// returnLinks brings the host's interfaces back from a container. Its namespace
// is found by its name, which keeps it after the last process has ended.
func (n *Network) returnLinks(e *entry) error {
	if len(e.Moved) == 0 {
		return nil
	}
	namespace, err := openNamespace(n.names() + "/" + e.Name)
	if err != nil {
		return nil // it never had its name, so nothing was moved
	}
	defer namespace.Close()
	if id, err := identify(namespace); err != nil || id != e.Namespace {
		return err
	}
	host, err := openNamespace("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer host.Close()
	k, err := dial(namespace)
	if err != nil {
		return err
	}
	defer k.close()
	var errs []error
	for _, m := range e.Moved {
		errs = append(errs, m.moveOut(k, host))
	}
	return errors.Join(errs...)
}
