package top

// Mark is how a piece of text stands out. Who draws it says by which colour or
// attribute.
type Mark int

// The marks, in the order of alarm where there is one.
const (
	Plain    Mark = iota
	Dim           // of no interest now
	Good          // as it should be
	Warn          // near a limit
	Bad           // at a limit, or broken
	Bold          // a heading
	Head          // the table's head
	HeadSort      // the head of the column that it is sorted by
)

func stateMark(r *Row) Mark {
	switch r.State {
	case "running":
		return Good
	case "failed", "unhealthy":
		return Bad
	case "backoff", "paused", "starting", "stopping", "waiting":
		return Warn
	}
	return Dim
}

// above marks a share from one threshold on, and more from another.
func above(get func(*Row) *float64, warn, bad float64) func(*Row) Mark {
	return func(r *Row) Mark {
		v := get(r)
		switch {
		case v == nil || *v < warn:
			return Plain
		case *v < bad:
			return Warn
		}
		return Bad
	}
}

// memoryMark warns from the soft limit on, where the kernel begins to take
// memory away, and without one at 80 % of the limit.
func memoryMark(r *Row) Mark {
	if mark := above(memoryShare, 0.8, 0.95)(r); mark != Plain {
		return mark
	}
	if soft := partOf(memoryOf(r), softOf(r)); soft != nil && *soft >= 1 {
		return Warn
	}
	return Plain
}

func dropMark(r *Row) Mark {
	if d := r.Rates.Drops; d != nil && *d > 0 {
		return Warn
	}
	return Plain
}

func alertMark(r *Row) Mark {
	if r.Service == nil {
		return Plain
	}
	mark := Plain
	for _, a := range r.Service.Alerts {
		switch a.Severity {
		case "alert":
			return Bad
		case "warning":
			mark = Warn
		}
	}
	return mark
}
