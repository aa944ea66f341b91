package screen

import "blackhole/top"

// helpLines explain keys and columns, in lines for a width.
func helpLines(width int) []top.Line {
	var lines []top.Line
	heading := func(s string) { lines = append(lines, top.Line{{Text: s, Mark: top.Bold}}) }
	item := func(name, text string) {
		const indent = 20
		for _, part := range top.Wrap(text, width-indent) {
			lines = append(lines, top.Line{{Text: "  " + top.Fit(name, indent-2, true), Mark: top.Plain}, {Text: part, Mark: top.Plain}})
			name = ""
		}
	}
	heading("KEYS")
	item("up down j k", "choose a row; also PgUp PgDn Home End g G")
	item("Enter", "all there is to know of it; Esc comes back")
	item("left right", "other columns, where not all have room")
	item("< >", "sort by the column before or after")
	item("s c t m i n p a", "sort by service, CPU, throttling, memory, I/O, net, pressure, alerts; the same again turns it round")
	item("r", "turn the order round")
	item("/", "show only names and states with this text; Esc shows all")
	item("space", "refresh now")
	item("q", "quit")
	heading("COLUMNS; - is unknown or not set, which is not zero")
	for _, c := range top.Columns() {
		item(c.Title, c.Help)
	}
	return lines
}
