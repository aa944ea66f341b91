package main

import (
	"fmt"
	"slices"
)

// commands are what meets, by what it is called here.
var commands = map[string]func(c *container) []string{
	"create":     func(c *container) []string { return []string{"create", "--bundle", c.bundle, c.id} },
	"start":      with("start"),
	"run":        func(c *container) []string { return []string{"run", "--detach", "--bundle", c.bundle, c.id} },
	"exec":       func(c *container) []string { return []string{"exec", c.id, "true"} },
	"exec -d":    func(c *container) []string { return []string{"exec", "--detach", c.id, "sleep", "1000"} },
	"kill TERM":  func(c *container) []string { return []string{"kill", c.id, "TERM"} },
	"kill KILL":  func(c *container) []string { return []string{"kill", c.id, "KILL"} },
	"delete":     with("delete"),
	"delete -f":  with("delete", "--force"),
	"pause":      with("pause"),
	"resume":     with("resume"),
	"update":     with("update", "--pids-limit", "50"),
	"state":      with("state"),
	"ps":         with("ps"),
	"events":     with("events", "--stats"),
	"list":       func(*container) []string { return []string{"list"} },
	"gc":         func(*container) []string { return []string{"gc"} },
	"checkpoint": func(c *container) []string { return []string{"checkpoint", "--image-path", c.root + "-images", c.id} },
	"checkpoint -": func(c *container) []string {
		return []string{"checkpoint", "--leave-running", "--image-path", c.root + "-images", c.id}
	},
}

func with(args ...string) func(c *container) []string {
	return func(c *container) []string { return append(slices.Clip(args), c.id) }
}

// beginnings are the states in which a round finds the container.
var beginnings = []string{"absent", "created", "running", "paused", "stopped"}

// begin brings the container, of which there is nothing, into such a state.
func (c *container) begin(state string) error {
	steps := map[string][][]string{
		"absent":  nil,
		"created": {commands["create"](c)},
		"running": {commands["run"](c)},
		"paused":  {commands["run"](c), {"pause", c.id}},
		"stopped": {commands["run"](c), {"kill", c.id, "KILL"}},
	}
	for _, args := range steps[state] {
		if out := c.run(args...); out.code != 0 {
			return fmt.Errorf("%v: exit code %d: %s", args, out.code, out.stderr)
		}
	}
	return nil
}
