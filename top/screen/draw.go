package screen

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gdamore/tcell/v2"

	"blackhole/top"
)

// stylesFor are the marks' looks. Without colours, attributes alone tell.
func stylesFor(mono bool) map[top.Mark]tcell.Style {
	d := tcell.StyleDefault
	if mono {
		return map[top.Mark]tcell.Style{
			top.Dim: d.Dim(true), top.Warn: d.Bold(true), top.Bad: d.Bold(true).Underline(true), top.Bold: d.Bold(true),
			top.Head: d.Reverse(true), top.HeadSort: d.Reverse(true).Bold(true).Underline(true),
		}
	}
	return map[top.Mark]tcell.Style{
		top.Dim: d.Dim(true), top.Good: d.Foreground(tcell.ColorGreen), top.Warn: d.Foreground(tcell.ColorYellow),
		top.Bad: d.Foreground(tcell.ColorRed).Bold(true), top.Bold: d.Bold(true),
		top.Head: d.Reverse(true), top.HeadSort: d.Background(tcell.ColorGreen).Foreground(tcell.ColorBlack),
	}
}

// The lines around the table's rows: the summary and the head above, the keys
// below.
const (
	above = 2
	below = 1
)

// body is how many lines there are for rows.
func (v *view) body() int {
	_, height := v.s.Size()
	if len(v.troubles()) > 0 {
		height--
	}
	return max(height-above-below, 1)
}

func (v *view) draw() {
	v.s.Clear()
	v.s.HideCursor()
	switch v.mode {
	case detail:
		v.drawDetail()
	case help:
		width, _ := v.s.Size()
		v.drawPage(helpLines(width), "Esc back  up down scroll")
	default:
		v.drawTable()
	}
	v.s.Show()
}

func (v *view) drawTable() {
	width, _ := v.s.Size()
	rows := v.model.Rows()
	v.place(rows)
	t := v.model.Table(rows, width, v.columns)
	v.put(0, v.model.Summary(), false)
	v.put(1, t.Head, false)
	shown := min(v.body(), max(len(rows)-v.first, 0))
	for i := range shown {
		v.put(above+i, t.Rows[v.first+i], v.first+i == v.at)
	}
	if len(rows) == 0 && v.taken > 0 {
		text := "nothing runs here"
		if v.model.Filter != "" {
			text = fmt.Sprintf("nothing has %q in its name or state", v.model.Filter)
		}
		v.put(above, top.Line{{Text: text, Mark: top.Dim}}, false)
	}
	if troubles := v.troubles(); len(troubles) > 0 {
		v.put(above+v.body(), troubles, false)
	}
	var counts []string
	if v.model.Filter != "" && v.mode != filter {
		counts = append(counts, fmt.Sprintf("filter %q", v.model.Filter))
	}
	if shown < len(rows) {
		counts = append(counts, fmt.Sprintf("rows %d-%d of %d", v.first+1, v.first+shown, len(rows)))
	}
	if t.Shown < t.All {
		counts = append(counts, fmt.Sprintf("%d of %d columns", t.Shown, t.All))
	}
	if v.mode == filter {
		prompt := "filter: " + v.model.Filter
		v.footer(prompt, strings.Join(counts, "  "))
		_, height := v.s.Size()
		v.s.ShowCursor(min(utf8.RuneCountInString(prompt), width-1), height-1)
		return
	}
	v.footer("q quit  ? help  Enter details  / filter  < > sort  r reverse", strings.Join(counts, "  "))
}

// place keeps the selection on its row, or where its row was, and in sight.
func (v *view) place(rows []*top.Row) {
	i := slices.IndexFunc(rows, func(r *top.Row) bool { return r.Name == v.selected })
	switch {
	case !v.pinned:
		v.at = 0
	case i >= 0:
		v.at = i
	}
	v.at = min(max(v.at, 0), max(len(rows)-1, 0))
	v.selected = ""
	if len(rows) > 0 {
		v.selected = rows[v.at].Name
	}
	body := v.body()
	v.first = min(v.first, v.at, max(len(rows)-body, 0))
	v.first = max(v.first, v.at-body+1)
}

// troubles is what is wrong with the samples themselves, in one line.
func (v *view) troubles() top.Line {
	var texts []string
	if v.slow {
		texts = append(texts, "sampling takes long")
	}
	if s := v.model.Sample(); s != nil {
		texts = append(texts, s.Problems...)
	}
	var l top.Line
	if v.failed != "" {
		l = append(l, top.Span{Text: v.failed + "  ", Mark: top.Bad})
	}
	if texts != nil {
		l = append(l, top.Span{Text: strings.Join(texts, "; "), Mark: top.Warn})
	}
	return l
}

func (v *view) drawDetail() {
	width, _ := v.s.Size()
	row := v.model.Row(v.page)
	if row == nil {
		v.leave()
		v.drawTable()
		return
	}
	v.drawPage(row.Detail(v.more, width), "Esc back  q quit  ? help  up down scroll")
}

// drawPage shows the part of a page that it is scrolled to.
func (v *view) drawPage(lines []top.Line, keys string) {
	_, height := v.s.Size()
	room := max(height-below, 1)
	v.line = min(v.line, max(len(lines)-room, 0))
	end := min(v.line+room, len(lines))
	for i, l := range lines[v.line:end] {
		v.put(i, l, false)
	}
	counts := ""
	if len(lines) > room {
		counts = fmt.Sprintf("lines %d-%d of %d", v.line+1, end, len(lines))
	}
	v.footer(keys, counts)
}

// footer is the last line: keys at the left, and at the right, which is more
// important, what is not to be seen.
func (v *view) footer(keys, counts string) {
	width, height := v.s.Size()
	room := width
	if counts != "" {
		counts = top.Cut(counts, width)
		room = max(width-utf8.RuneCountInString(counts)-2, 0)
		v.text(width-utf8.RuneCountInString(counts), height-1, counts, tcell.StyleDefault.Bold(true), width)
	}
	v.text(0, height-1, top.Cut(keys, room), v.styles[top.Dim], width)
}

// put draws one line; one that is too long ends with an ellipsis.
func (v *view) put(y int, l top.Line, selected bool) {
	width, height := v.s.Size()
	if y >= height {
		return
	}
	x, over := 0, false
	for _, span := range l {
		style := v.styles[span.Mark]
		if selected {
			style = style.Reverse(true)
		}
		var cut bool
		x, cut = v.text(x, y, span.Text, style, width)
		over = over || cut
	}
	if over && width > 0 {
		v.s.SetContent(width-1, y, '…', nil, tcell.StyleDefault)
	}
	head := len(l) > 0 && (l[0].Mark == top.Head || l[0].Mark == top.HeadSort)
	for ; (selected || head) && x < width; x++ { // a bar goes all the way
		v.s.SetContent(x, y, ' ', nil, tcell.StyleDefault.Reverse(true))
	}
}

// text draws as far as the width goes, and returns where it ended and whether
// something is left. Characters of two cells, which a log may have, count twice.
func (v *view) text(x, y int, s string, style tcell.Style, width int) (end int, cut bool) {
	for s != "" && x < width {
		rest, cells := v.s.Put(x, y, s, style)
		if len(rest) >= len(s) {
			break
		}
		s = rest
		x += cells
	}
	return min(x, width), s != "" || x > width
}
