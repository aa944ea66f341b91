package top

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Model is what the view knows: the last sample, the rates since the one before
// it, and a history. The zero value is an empty one, sorted by name.
type Model struct {
	Sort    string // a column's key
	Reverse bool   // against the column's own direction
	Filter  string // shows those alone whose name or state has it, in any case

	sample  *Sample
	before  map[string]*Container
	rows    map[string]*Row
	history map[string]*History
}

// Row is one container in the view.
type Row struct {
	*Container
	Rates   Rates
	History *History
	// Gone is when it was first missing; the rest is as it was last seen.
	Gone time.Time
	// now is the sample's time, from which spans are counted.
	now time.Time
}

// History is the last figures of a container, the newest at the end.
type History struct {
	CPU, Memory, IO, Network []*float64
}

// keep is how many samples a history has: no terminal is much wider.
const keep = 240

// Add takes a sample.
func (m *Model) Add(s *Sample) {
	if m.history == nil {
		m.history = map[string]*History{}
	}
	before, rows := map[string]*Container{}, map[string]*Row{}
	for _, c := range s.Containers {
		before[c.Name] = c
		row := &Row{Container: c, Rates: ratesBetween(m.before[c.Name], c), History: m.history[c.Name], now: s.Time}
		if row.History == nil {
			row.History = &History{}
			m.history[c.Name] = row.History
		}
		row.History.add(row)
		rows[c.Name] = row
	}
	for name, row := range m.rows {
		if rows[name] == nil {
			if row.Gone.IsZero() {
				row.Gone = s.Time
			}
			row.Rates = Rates{}
			rows[name] = row
		}
	}
	// Who looks at one that is gone still sees it; of many that came and went
	// only the last are kept.
	forget(rows, m.history)
	m.sample, m.before, m.rows = s, before, rows
}

// mostGone is how many containers that are gone the model remembers.
const mostGone = 100

func forget(rows map[string]*Row, history map[string]*History) {
	var gone []*Row
	for _, row := range rows {
		if !row.Gone.IsZero() {
			gone = append(gone, row)
		}
	}
	slices.SortFunc(gone, func(a, b *Row) int { return b.Gone.Compare(a.Gone) })
	for _, row := range gone[min(mostGone, len(gone)):] {
		delete(rows, row.Name)
		delete(history, row.Name)
	}
}

func (h *History) add(r *Row) {
	push := func(to *[]*float64, v *float64) {
		*to = append(*to, v)
		if len(*to) > keep {
			*to = slices.Delete(*to, 0, len(*to)-keep)
		}
	}
	var memory, io, network *float64
	if r.Stats != nil && r.Stats.Memory != nil {
		memory = number(r.Stats.Memory.Current)
	}
	for _, v := range []*float64{r.Rates.ReadBytes, r.Rates.WriteBytes} {
		add(&io, v)
	}
	for _, v := range []*float64{r.Rates.RxBytes, r.Rates.TxBytes} {
		add(&network, v)
	}
	push(&h.CPU, r.Rates.CPU)
	push(&h.Memory, memory)
	push(&h.IO, io)
	push(&h.Network, network)
}

// Sample is the last one; nil before the first.
func (m *Model) Sample() *Sample { return m.sample }

// Row finds one by its name, those that are gone included; nil: there never was
// one.
func (m *Model) Row(name string) *Row { return m.rows[name] }

// Rows are those to show, in order.
func (m *Model) Rows() []*Row {
	var rows []*Row
	want := strings.ToLower(m.Filter)
	for _, row := range m.rows {
		if row.Gone.IsZero() && (strings.Contains(strings.ToLower(row.Name), want) || strings.Contains(row.State, want)) {
			rows = append(rows, row)
		}
	}
	column := columnOf(m.Sort)
	slices.SortFunc(rows, func(a, b *Row) int {
		if c := column.compare(a, b, column.Desc != m.Reverse); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return rows
}

// compare orders two rows by a column; what is unknown comes last either way.
func (c *Column) compare(a, b *Row, desc bool) int {
	order := 0
	if c.Number == nil {
		order = strings.Compare(c.Text(a), c.Text(b))
	} else {
		x, y := c.Number(a), c.Number(b)
		switch {
		case x == nil && y == nil:
			return 0
		case x == nil:
			return 1
		case y == nil:
			return -1
		}
		order = cmp.Compare(*x, *y)
	}
	if desc {
		return -order
	}
	return order
}

// SortBy chooses a column; the same one again turns the order round.
func (m *Model) SortBy(key string) {
	if m.Sort == key {
		m.Reverse = !m.Reverse
		return
	}
	m.Sort, m.Reverse = key, false
}

// SortNext moves the sort to the column so many places to the right of the
// present one, round the end.
func (m *Model) SortNext(by int) {
	all := Columns()
	i := slices.IndexFunc(all, func(c Column) bool { return c.Key == columnOf(m.Sort).Key })
	m.Sort, m.Reverse = all[((i+by)%len(all)+len(all))%len(all)].Key, false
}
