package main

import (
	"flag"
	"io"
)

// flags are those of containerd's shim protocol that "start" needs.
type flags struct {
	namespace, id, address string
	debug                  bool
	action                 string
}

func parse(args []string) (f flags, err error) {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard) // the library parses again, and complains
	set.StringVar(&f.namespace, "namespace", "", "")
	set.StringVar(&f.id, "id", "", "")
	set.StringVar(&f.address, "address", "", "")
	set.BoolVar(&f.debug, "debug", false, "")
	for _, other := range []string{"socket", "debug-socket", "bundle", "publish-binary"} {
		set.String(other, "", "")
	}
	for _, other := range []string{"v", "version", "info"} {
		set.Bool(other, false, "")
	}
	err = set.Parse(args)
	f.action = set.Arg(0)
	return f, err
}
