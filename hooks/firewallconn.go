package hooks

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/nftables"
	mdlayher "github.com/mdlayher/netlink"
)

// firewallConn is a connection to the firewall.
type firewallConn struct {
	*nftables.Conn
	socket *mdlayher.Conn
}

func connect() (*firewallConn, error) {
	var c firewallConn
	var err error
	hold := nftables.WithSockOptions(func(s *mdlayher.Conn) error { c.socket = s; return nil })
	if c.Conn, err = nftables.New(nftables.AsLasting(), hold); err != nil {
		return nil, fmt.Errorf("cannot talk to the firewall: %w", lacks(err, "nftables", "nf_tables"))
	}
	return &c, nil
}

// firewallTime is how long what is asked of the firewall in one go may take: some
// milliseconds, but the first time the kernel loads its modules in it, which took an
// emulated, busy machine more than ten seconds. An answer that does not come is an
// error then: whoever waits has the book's lock, and all networks wait for it. A hook
// has a minute.
var firewallTime = 30 * time.Second

// kept is the connection of a process that lives long. Closing one waits for RCU
// grace periods: for what was asked of it to be destroyed, before anybody else may
// change the firewall. Whoever uses it holds the book's lock.
var kept struct {
	wanted bool
	conn   *firewallConn
}

// KeepFirewall is for a process that brings many networks up and down: it stays
// connected to the firewall.
func KeepFirewall() { kept.wanted = true }

// onFirewall does something on a connection to the firewall. It is closed beside what
// follows, unless it is kept; but not after an error, when something may still come
// that nobody asked for, and what was put together must not be sent by another.
func onFirewall(do func(conn *nftables.Conn) error) error {
	conn := kept.conn
	if conn == nil {
		var err error
		if conn, err = connect(); err != nil {
			return err
		}
	}
	err := conn.socket.SetDeadline(time.Now().Add(firewallTime))
	if err == nil {
		err = do(conn.Conn)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) { // once for each message that was sent
		err = fmt.Errorf("the firewall (nftables) did not answer within %v: %w", firewallTime, os.ErrDeadlineExceeded)
	}
	kept.conn = nil
	if kept.wanted && err == nil {
		kept.conn = conn
	} else {
		go func() { _ = conn.CloseLasting() }()
	}
	return err
}

func flush(conn *nftables.Conn) error {
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("cannot change the firewall: %w", lacks(err, "nftables with address translation", "nf_tables, nft_nat, nft_masq, nft_fib_inet"))
	}
	return nil
}
