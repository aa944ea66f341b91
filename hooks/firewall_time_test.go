package hooks

import (
	"errors"
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
			return err
		})
	}()
	select {
	case err := <-answered:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for ever")
	}
	if kept.conn != nil {
		t.Error("the connection is kept")
	}
}
