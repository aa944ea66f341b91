package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	goruntime "runtime"

	"golang.org/x/sys/unix"
)

// dialIn connects to a port as the service itself would, from inside its network
// namespace; that holds for every network mode, and for a service that listens
// on nothing but loopback. No host is any address of the service's own.
func dialIn(ctx context.Context, pid int, host, port string) (net.Conn, error) {
	hosts := []string{host}
	if host != "" {
		// Names are looked up out here: the resolver works in goroutines of its own,
		// which are not in the namespace.
		found, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			return nil, err
		}
		hosts = found
	}
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() { // its thread dies with it if it cannot go back
		goruntime.LockOSThread()
		var r result
		back, err := enterNet(pid)
		if err != nil {
			r.err = err
		} else {
			if host == "" {
				hosts = ownAddresses()
			}
			r.conn, r.err = dialFirst(ctx, hosts, port)
			err = back()
		}
		if err == nil {
			goruntime.UnlockOSThread()
		}
		done <- r
	}()
	r := <-done
	return r.conn, r.err
}

// dialFirst connects to the first address that accepts. The dialer stays on this
// thread, for the addresses need no resolving.
func dialFirst(ctx context.Context, hosts []string, port string) (net.Conn, error) {
	var first error
	for _, host := range hosts {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// ownAddresses are loopback's and then the others of the namespace.
func ownAddresses() []string {
	hosts := []string{"127.0.0.1", "::1"}
	addresses, _ := net.InterfaceAddrs() // without, it is loopback alone
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			hosts = append(hosts, ip.IP.String())
		}
	}
	return hosts
}

// enterNet moves this thread into the network namespace of a process; what it
// returns moves it back.
func enterNet(pid int) (back func() error, err error) {
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	target, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		own.Close()
		return nil, err
	}
	defer target.Close()
	if err := unix.Setns(int(target.Fd()), unix.CLONE_NEWNET); err != nil {
		own.Close()
		return nil, os.NewSyscallError("setns", err)
	}
	return func() error {
		return errors.Join(os.NewSyscallError("setns", unix.Setns(int(own.Fd()), unix.CLONE_NEWNET)), own.Close())
	}, nil
}
