package screen

import (
	"unicode/utf8"

	"github.com/gdamore/tcell/v2"

	"blackhole/top"
)

// effect is what a key asks for beyond a new picture.
type effect int

const (
	nothing effect = iota
	refresh        // a sample now
)

func (v *view) handle(e tcell.Event, s *signals) effect {
	switch e := e.(type) {
	case *tcell.EventResize:
		v.s.Sync()
	case *tcell.EventKey:
		switch {
		case e.Key() == tcell.KeyCtrlC:
			v.done = true
			return nothing
		case e.Key() == tcell.KeyCtrlZ:
			if v.lost = v.suspend(s); v.lost != nil {
				v.done = true
			}
			return nothing
		case e.Key() == tcell.KeyCtrlL:
			v.s.Sync()
			return nothing
		}
		if v.mode == filter {
			v.filterKey(e)
			return nothing
		}
		return v.key(e)
	}
	return nothing
}

// filterKey edits the filter, which holds while it is typed.
func (v *view) filterKey(e *tcell.EventKey) {
	text := v.model.Filter
	switch e.Key() {
	case tcell.KeyEnter:
		v.mode = table
	case tcell.KeyEscape:
		v.model.Filter, v.mode = "", table
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		_, n := utf8.DecodeLastRuneInString(text)
		v.model.Filter = text[:len(text)-n]
	case tcell.KeyCtrlU:
		v.model.Filter = ""
	case tcell.KeyRune:
		v.model.Filter += string(e.Rune())
	}
}

func (v *view) key(e *tcell.EventKey) effect {
	switch key := e.Key(); key {
	case tcell.KeyUp:
		v.move(-1)
	case tcell.KeyDown:
		v.move(1)
	case tcell.KeyPgUp, tcell.KeyCtrlB:
		v.move(-v.body())
	case tcell.KeyPgDn, tcell.KeyCtrlF:
		v.move(v.body())
	case tcell.KeyHome:
		v.move(-far)
	case tcell.KeyEnd:
		v.move(far)
	case tcell.KeyLeft, tcell.KeyRight:
		v.scroll(key)
	case tcell.KeyEnter:
		if v.mode == table && v.selected != "" {
			v.mode, v.page, v.more, v.line = detail, v.selected, nil, 0
			return refresh
		}
		v.leave()
	case tcell.KeyEscape, tcell.KeyBackspace, tcell.KeyBackspace2:
		if v.mode == table {
			v.model.Filter = ""
		}
		v.leave()
	case tcell.KeyF1:
		v.help()
	case tcell.KeyRune:
		return v.rune(e.Rune())
	}
	return nothing
}

// far is farther than any list is long.
const far = 1 << 30

// leave goes back to where one came from.
func (v *view) leave() {
	v.line = 0
	if v.mode == help && v.page != "" {
		v.mode = detail
		return
	}
	v.mode, v.page, v.more = table, "", nil
}

func (v *view) help() { v.mode, v.line = help, 0 }

// scroll moves the columns, in the table.
func (v *view) scroll(key tcell.Key) {
	if v.mode != table {
		return
	}
	if key == tcell.KeyLeft {
		v.columns = max(v.columns-1, 0)
		return
	}
	v.columns = min(v.columns+1, len(top.Columns())-2)
}

func (v *view) rune(r rune) effect {
	switch r {
	case 'q':
		v.done = true
	case '?':
		v.help()
	case 'k':
		v.move(-1)
	case 'j':
		v.move(1)
	case 'g':
		v.move(-far)
	case 'G':
		v.move(far)
	case ' ':
		return refresh
	}
	if v.mode != table {
		return nothing
	}
	switch r {
	case '/':
		v.mode = filter
	case 'r', 'R':
		v.model.Reverse = !v.model.Reverse
	case '<', ',':
		v.model.SortNext(-1)
	case '>', '.':
		v.model.SortNext(1)
	}
	if column := sortKeys(r); column != "" {
		v.model.SortBy(column)
	}
	return nothing
}

// sortKeys are the columns that have a key of their own.
func sortKeys(r rune) string {
	switch r {
	case 's':
		return "name"
	case 'c', 'P': // P, M as in top(1)
		return "cpu"
	case 't':
		return "throttled"
	case 'm', 'M':
		return "memory"
	case 'i':
		return "io"
	case 'n':
		return "net"
	case 'p':
		return "psi"
	case 'a':
		return "alerts"
	}
	return ""
}

// move goes up or down, among the rows or the lines of a page.
func (v *view) move(by int) {
	if v.mode != table {
		v.line = max(v.line+by, 0) // draw knows the end
		return
	}
	rows := v.model.Rows()
	if len(rows) > 0 {
		v.at = min(max(v.at+by, 0), len(rows)-1)
		v.selected, v.pinned = rows[v.at].Name, true
	}
}
