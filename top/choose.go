package top

import "slices"

// Widths of columns that stretch. The name is as wide as the longest, but on a
// narrow screen not so wide that figures must go: 80 characters hold the first
// dozen columns, of what is beyond a third may be names.
const (
	leastName  = 7
	narrow     = 80
	mostNarrow = 12
	leastSpark = 8
	mostSpark  = 60
)

// gap is between columns.
const gap = 1

// choose says which of the columns a width has room for, in the table's order,
// the first, which is the name, always and then sorted's. Width 0 has no end: all
// of them. From is how many columns after the name are scrolled away at the left.
func choose(all []Column, width, longest int, sorted string, from int) []Column {
	all = slices.Clone(all)
	name := &all[0]
	name.Width = max(leastName, longest)
	if width == 0 {
		return all
	}
	name.Width = max(leastName, min(longest, mostNarrow+max(width-narrow, 0)/3))
	from = min(max(from, 0), len(all)-2)
	if from > 0 {
		return stretch(scrolled(all, width, from), width)
	}
	ch := chooser{all: all, chosen: map[string]bool{name.Key: true}, left: width - name.Width}
	if i := slices.IndexFunc(all, func(c Column) bool { return c.Key == sorted }); i > 0 {
		ch.take(all[i])
	}
	ranked := slices.Clone(all[1:])
	slices.SortStableFunc(ranked, func(a, b Column) int { return a.Rank - b.Rank })
	for _, c := range ranked {
		if whole := ch.wholeOf(c); whole != nil {
			ch.replace(*whole, sorted)
		} else {
			ch.take(c)
		}
	}
	all = slices.DeleteFunc(all, func(c Column) bool { return !ch.chosen[c.Key] })
	return stretch(all, width)
}

// chooser gives a width away.
type chooser struct {
	all    []Column
	chosen map[string]bool
	left   int
}

func (ch *chooser) take(c Column) {
	if !ch.chosen[c.Key] && c.Width+gap <= ch.left {
		ch.chosen[c.Key] = true
		ch.left -= c.Width + gap
	}
}

// wholeOf is the column that a column is a part of, if it is of one.
func (ch *chooser) wholeOf(part Column) *Column {
	i := slices.IndexFunc(ch.all, func(c Column) bool { return slices.Contains(c.Parts, part.Key) })
	if i < 0 {
		return nil
	}
	return &ch.all[i]
}

// replace puts all parts of a column in its place, or none: with some of them
// one would take the rest for nothing.
func (ch *chooser) replace(whole Column, sorted string) {
	need := 0
	for _, c := range ch.all {
		if slices.Contains(whole.Parts, c.Key) && !ch.chosen[c.Key] {
			need += c.Width + gap
		}
	}
	gain := 0
	if ch.chosen[whole.Key] && whole.Key != sorted {
		gain = whole.Width + gap
	}
	if need == 0 || need > ch.left+gain {
		return
	}
	ch.left += gain - need
	if gain > 0 {
		delete(ch.chosen, whole.Key)
	}
	for _, key := range whole.Parts {
		ch.chosen[key] = true
	}
}

// scrolled is the name and as many columns from a place on as there is room for.
func scrolled(all []Column, width, from int) []Column {
	out := all[:1:1]
	left := width - all[0].Width
	for _, c := range all[1+from:] {
		if left -= c.Width + gap; left < 0 {
			break
		}
		out = append(out, c)
	}
	return out
}

// stretch gives what is left of the width to the history.
func stretch(columns []Column, width int) []Column {
	left := width + gap
	for _, c := range columns {
		left -= c.Width + gap
	}
	for i := range columns {
		if columns[i].Key == historyKey && left > 0 {
			columns[i].Width = min(mostSpark, columns[i].Width+left)
		}
	}
	return columns
}
