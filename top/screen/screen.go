// Package screen draws package top's view on a terminal and takes its keys. The
// terminal is as it was when it returns, however that comes about.
package screen

import (
	"fmt"
	"os"
	"time"

	"github.com/gdamore/tcell/v2"

	"blackhole/top"
)

// Source is where samples come from.
type Source interface {
	Sample() (*top.Sample, error)
	// More is what the page of one container shows beside its figures.
	More(name string) *top.More
}

// Options is what to show. Source and Delay must be set.
type Options struct {
	Source Source
	// Delay is from the beginning of one sample to that of the next.
	Delay time.Duration
	// Samples is after how many it ends by itself; 0: never.
	Samples int
	Sort    string // a column's key
	Reverse bool
}

// Run shows the view on the terminal until the user ends it; after a signal
// that ends it, it returns a Signal.
func Run(o Options) error {
	// A terminal that knows no character beyond ASCII gets the nearest ones.
	tcell.SetEncodingFallback(tcell.EncodingFallbackASCII)
	s, err := tcell.NewScreen()
	if err == nil {
		err = s.Init()
	}
	if err != nil {
		return fmt.Errorf("cannot use the terminal (TERM=%q): %w", os.Getenv("TERM"), err)
	}
	return run(o, s)
}

// run is Run on a screen that is set up, which it ends.
func run(o Options, s tcell.Screen) error {
	defer s.Fini() // also when it panics: then the message is printed on a terminal that works
	for i, r := range []rune("▁▂▃▄▅▆▇█") {
		s.RegisterRuneFallback(r, string("_.:-=+*#"[i]))
	}
	s.RegisterRuneFallback('…', ">")
	s.HideCursor()
	v := &view{s: s, o: o, styles: stylesFor(os.Getenv("NO_COLOR") != "" || s.Colors() < 8)}
	v.model.Sort, v.model.Reverse = o.Sort, o.Reverse
	return v.loop()
}

// mode is what the screen shows, and so what keys do.
type mode int

const (
	table mode = iota
	filter
	detail
	help
)

// view is the state of the screen. All of it belongs to loop.
type view struct {
	s      tcell.Screen
	o      Options
	styles map[top.Mark]tcell.Style
	model  top.Model
	more   *top.More
	taken  int    // samples
	failed string // why the last one was not
	slow   bool   // the present one takes longer than the delay

	mode     mode
	selected string // a row's name
	pinned   bool   // the user chose it: it moves with its row
	at       int    // its place, for when it vanishes
	first    int    // the first row to be seen
	columns  int    // how many are scrolled away
	page     string // whose detail it is
	line     int    // the first line of it to be seen
	done     bool
	lost     error // the terminal is, and must not be drawn on
}

// loop takes what happens, one thing at a time, and draws after each.
func (v *view) loop() error {
	events, quit := make(chan tcell.Event, 16), make(chan struct{})
	defer close(quit)
	go v.s.ChannelEvents(events, quit)
	signals := watchSignals()
	defer signals.stop()
	sampler := newSampler(v.o.Source)
	defer sampler.stop()
	sampler.ask("")
	next := time.NewTimer(v.o.Delay)
	for !v.done {
		v.draw()
		select {
		case e, ok := <-events:
			if !ok {
				return fmt.Errorf("cannot read the terminal: it is gone")
			}
			if v.handle(e, signals) == refresh {
				sampler.ask(v.page)
			}
		case got := <-sampler.results:
			sampler.received()
			v.take(got)
			next.Reset(v.delay(got.took))
		case <-next.C:
			v.slow = !sampler.ask(v.page)
			next.Reset(v.o.Delay)
		case sig := <-signals.c:
			if err := v.signal(sig, signals); err != nil {
				return err
			}
		}
	}
	return v.lost
}

// quick is how soon the second sample follows the first, which has no rates yet.
const quick = 500 * time.Millisecond

func (v *view) delay(took time.Duration) time.Duration {
	if v.taken == 1 {
		return top.Pause(min(v.o.Delay, quick), took)
	}
	return top.Pause(v.o.Delay, took)
}

// take puts a sample into the view.
func (v *view) take(got result) {
	v.slow = false
	if got.err != nil {
		v.failed = got.err.Error()
		return
	}
	v.failed = ""
	if got.page == v.page {
		v.more = got.more
	}
	v.model.Add(got.sample)
	v.taken++
	v.done = v.done || v.o.Samples > 0 && v.taken >= v.o.Samples
}
