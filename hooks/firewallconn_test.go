package hooks

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/nftables"
)

// An answer that does not come is an error, and its connection is not used again.
func TestFirewallThatDoesNotAnswer(t *testing.T) {
	defer func(was time.Duration) { firewallTime = was }(firewallTime)
	firewallTime = 50 * time.Millisecond
	conn, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	kept.wanted, kept.conn = true, conn
	defer func() { kept.wanted = false }()
	answered := make(chan error, 1)
	go func() {
		answered <- onFirewall(func(*nftables.Conn) error {
			_, err := conn.socket.Receive() // of nothing that was asked
			return fmt.Errorf("twice: %w", errors.Join(err, err))
		})
	}()
	select {
	case err := <-answered:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
		if want := "the firewall (nftables) did not answer within 50ms: i/o timeout"; err.Error() != want {
			t.Errorf("%q is said, not %q", err, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for ever")
	}
	if kept.conn != nil {
		t.Error("the connection is kept")
	}
}
