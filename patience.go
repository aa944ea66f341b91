//go:build !oci

package main

import (
	"fmt"
	"io"
	"time"

	"blackhole/supervisor"
)

// patience is after how long a command says what it waits for.
const patience = 2 * time.Second

// askPatiently is Ask for what takes as long as services take: after a while it
// says on w which state each of them gets into.
func askPatiently(w io.Writer, p supervisor.Paths, r supervisor.Request) (*supervisor.Reply, error) {
	done := make(chan struct{})
	defer close(done)
	go func() {
		ticks := time.NewTicker(patience / 2)
		defer ticks.Stop()
		began, told := time.Now(), map[string]string{}
		for {
			select {
			case <-done:
				return
			case <-ticks.C:
			}
			reply, err := p.Ask(supervisor.Request{Method: "status"})
			if err != nil {
				return // it has ended, or tells the other
			}
			for _, s := range reply.Services {
				text := string(s.State)
				if s.Reason != "" {
					text += " " + s.Reason
				}
				busy := s.State == supervisor.Waiting || s.State == supervisor.Starting || s.State == supervisor.Stopping
				if time.Since(began) >= patience && told[s.Name] != text && (busy || told[s.Name] != "") {
					fmt.Fprintf(w, "%s: %s\n", s.Name, text)
					told[s.Name] = text
				}
			}
		}
	}()
	return p.Ask(r)
}
