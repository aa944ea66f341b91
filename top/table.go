package top

import (
	"strings"
	"unicode/utf8"
)

// Span is a piece of a line.
type Span struct {
	Text string
	Mark Mark
}

// Line is one line of the view.
type Line []Span

// String is the line without marks, and without blanks at its end.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return strings.TrimRight(b.String(), " ")
}

// Width is in characters.
func (l Line) Width() (n int) {
	for _, s := range l {
		n += utf8.RuneCountInString(s.Text)
	}
	return n
}

// Table is the rows of a model in columns.
type Table struct {
	Head Line
	// Rows are in the order of Model.Rows.
	Rows []Line
	// Shown and All count columns.
	Shown, All int
}

// Table lays the rows out for a width in characters; 0 has no end, and nothing is
// cut. From is how many columns are scrolled away.
func (m *Model) Table(rows []*Row, width, from int) Table {
	return lay(Columns(), rows, width, columnOf(m.Sort).Key, from)
}

func lay(all []Column, rows []*Row, width int, sorted string, from int) Table {
	longest := 0
	for _, r := range rows {
		longest = max(longest, len(r.Name))
	}
	columns := choose(all, width, longest, sorted, from)
	if width == 0 {
		for i := range columns {
			columns[i].Width = max(columns[i].Width, columns[i].longest(rows))
		}
	}
	t := Table{Shown: len(columns), All: len(all)}
	for i, c := range columns {
		mark := Head
		if c.Key == sorted {
			mark = HeadSort
		}
		if i > 0 {
			t.Head = append(t.Head, Span{" ", Head})
		}
		t.Head = append(t.Head, Span{Fit(c.Title, c.Width, c.Left), mark})
	}
	for _, r := range rows {
		t.Rows = append(t.Rows, r.line(columns))
	}
	return t
}

// longest is the width at which no row is cut.
func (c *Column) longest(rows []*Row) int {
	n := utf8.RuneCountInString(c.Title)
	for _, r := range rows {
		if c.Key != historyKey {
			n = max(n, utf8.RuneCountInString(c.Text(r)))
		}
	}
	return n
}

func (r *Row) line(columns []Column) Line {
	var l Line
	for i, c := range columns {
		text, mark := "", Plain
		if c.Key == historyKey {
			text = r.spark(c.Width)
		} else {
			text = c.Text(r)
		}
		if c.Mark != nil {
			mark = c.Mark(r)
		}
		if text == unknown {
			mark = Dim
		}
		if i > 0 {
			l = append(l, Span{" ", Plain})
		}
		l = append(l, Span{Fit(text, c.Width, c.Left), mark})
	}
	return l
}
