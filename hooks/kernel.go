package hooks

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// kernel is the netlink sockets of one operation: into the namespace that the
// hook runs in, and into the container's.
type kernel struct {
	host   *netlink.Handle
	inside *netlink.Handle // nil when there is no container's namespace any more
}

// dial opens a socket into the namespace of this process, and into the
// container's when there is one.
func dial(namespace *os.File) (*kernel, error) {
	host, err := openHandle(netns.None())
	if err != nil {
		return nil, fmt.Errorf("cannot open a netlink socket: %w", err)
	}
	k := &kernel{host: host}
	if namespace == nil {
		return k, nil
	}
	k.inside, err = openHandle(netns.NsHandle(namespace.Fd()))
	if err != nil {
		k.close()
		return nil, fmt.Errorf("cannot open a netlink socket in network namespace %s: %w", namespace.Name(), err)
	}
	return k, nil
}

func (k *kernel) close() {
	k.host.Close()
	if k.inside != nil {
		k.inside.Close()
	}
}

// find looks a link up by its name; without error and link there is none.
func find(h *netlink.Handle, name string) (netlink.Link, error) {
	link, err := h.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look up interface %s: %w", name, err)
	}
	return link, nil
}

// remove deletes a link that we made, if it is there.
//
//	ip link del NAME
func remove(h *netlink.Handle, name string) error {
	link, err := find(h, name)
	if err != nil || link == nil {
		return err
	}
	if !isOurs(link) {
		return nil // the name is ours only by accident
	}
	err = h.LinkDel(link)
	if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("cannot remove interface %s: %w", name, err)
	}
	return nil
}

// removeGroup deletes all links of a group, for little more time than one: the
// kernel waits once for all that may still look at them.
//
//	ip link del group GROUP
//
// It returns when none of the names is there any more. The request itself takes as long
// again: until the memory of the links is free, which nobody needs to wait for.
func removeGroup(h *netlink.Handle, group uint32, names ...string) error {
	if group == 0 {
		return nil
	}
	socket, err := openSocket()
	if err != nil {
		return fmt.Errorf("cannot open a netlink socket: %w", err)
	}
	request := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
	request.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	request.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group)))
	request.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}}
	done := make(chan error, 1)
	go func() {
		defer socket.Close()
		_, err := request.Execute(unix.NETLINK_ROUTE, 0)
		done <- err
	}()
	for {
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, unix.ENODEV) {
				return fmt.Errorf("cannot remove the interfaces of group %d: %w", group, err)
			}
			return nil
		case <-time.After(time.Millisecond):
			if gone(h, names) {
				return nil
			}
		}
	}
}

func gone(h *netlink.Handle, names []string) bool {
	for _, name := range names {
		if link, err := find(h, name); link != nil || err != nil {
			return false
		}
	}
	return true
}

// dump repeats a list call that the kernel interrupted because the list changed
// meanwhile (NLM_F_DUMP_INTR).
func dump[T any](list func() ([]T, error)) ([]T, error) {
	for range 100 {
		result, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return result, err
		}
	}
	return nil, errors.New("the kernel's list changes faster than it can be read")
}

// lacks turns the kernel's answer to a feature that it does not have into a
// cause that names the module.
func lacks(err error, feature, module string) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EAFNOSUPPORT) {
		return fmt.Errorf("this kernel has no %s (module %s): %w", feature, module, err)
	}
	return err
}
