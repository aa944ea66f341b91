package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxFileSize is the most that is read of one file. Thousands of services fit;
// a device or a log that was named by mistake does not fill the memory.
const maxFileSize = 4 << 20

// Source is one configuration file.
type Source struct {
	Name string // as it stands in messages
	Data []byte
}

// Load reads and parses the files, as Parse does. A file that cannot be read is
// a fault like any other.
func Load(paths []string) (*Config, error) {
	var sources []Source
	var faults Faults
	for _, path := range paths {
		data, err := readFile(path)
		if err != nil {
			faults = append(faults, Fault{Place: Place{File: path}, Message: "cannot read the configuration: " + err.Error()})
			continue
		}
		sources = append(sources, Source{path, data})
	}
	c, err := Parse(sources...)
	if faults == nil {
		return c, err
	}
	var parsed Faults
	if errors.As(err, &parsed) {
		faults = append(faults, parsed...)
	}
	return nil, faults.sorted(paths)
}

// readFile gives the bare cause: the caller names the path.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err == nil && len(data) > maxFileSize {
		err = fmt.Errorf("it is larger than %d MiB", maxFileSize>>20)
	}
	return data, cause(err)
}

func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Parse reads the configuration from its files: mappings are merged key by key,
// lists and single values are replaced, and the later file wins. An empty value
// (null) in a later file takes an earlier one back.
//
// The error is a Faults with everything that is wrong, in the order of the
// files. Where only values are wrong, the Config comes with it, without those
// values, so that Check can go on and report the rest at once; it is nil where
// a file is not YAML at all.
func Parse(sources ...Source) (*Config, error) {
	var files []string
	var faults Faults
	var merged *node
	whole := true
	for _, source := range sources {
		files = append(files, source.Name)
		tree, treeFaults, ok := parseTree(source)
		whole = whole && ok
		faults = append(faults, treeFaults...)
		if tree == nil {
			continue
		}
		if len(sources) > 1 {
			// Each file by itself, so that a fault shows though a later file replaces the value.
			d := decoder{partial: true}
			d.config(tree)
			faults = append(faults, d.faults...)
		}
		merged = mergeNodes(merged, tree)
	}
	d := decoder{places: map[string]Place{}, beside: map[string]bool{}}
	c := d.config(merged)
	c.places, c.beside, c.files = d.places, d.beside, files
	faults = append(faults, d.faults...)
	switch {
	case len(faults) == 0:
		return c, nil
	case !whole:
		return nil, faults.sorted(files)
	}
	return c, faults.sorted(files)
}

// parseTree is one file as nodes; ok is false where it is not one YAML document.
func parseTree(source Source) (tree *node, faults Faults, ok bool) {
	fail := func(line, column int, message string) (*node, Faults, bool) {
		return nil, Faults{{Place: Place{source.Name, line, column}, Message: message}}, false
	}
	if line, column, why := illegalText(source.Data); why != "" {
		return fail(line, column, "cannot read the file as YAML: "+why)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(source.Data), yaml.WithUniqueKeys(false)) // we name both places of a duplicate
	if err != nil {
		return fail(0, 0, "cannot read the file as YAML: "+err.Error())
	}
	var document, second yaml.Node
	switch err := loader.Load(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil, true // nothing but comments
	case err != nil:
		return fail(syntaxError(err, source.Data))
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return fail(syntaxError(err, source.Data))
	default:
		return fail(second.Line, second.Column, "cannot take a second document: a file holds one, name each file with -c")
	}
	t := treeBuilder{file: source.Name, built: map[*yaml.Node]*node{}, open: map[*yaml.Node]bool{}}
	return t.root(&document), t.faults, true
}

// illegalText finds what YAML's reader refuses without a place (YAML 1.2,
// section 5.1), so that the fault has one.
func illegalText(data []byte) (line, column int, why string) {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return 0, 0, "" // UTF-16, which the reader knows
	}
	line, column = 1, 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			return line, column, fmt.Sprintf("byte 0x%02x is not UTF-8", data[0])
		case r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0x7f:
			return line, column, fmt.Sprintf("it holds the control character 0x%02x", r)
		case r == '\n':
			line, column = line+1, 0
		}
		column++
		data = data[size:]
	}
	return 0, 0, ""
}

func syntaxError(err error, data []byte) (line, column int, message string) {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		return 0, 0, "cannot read the file as YAML: " + err.Error()
	}
	why := e.Message
	if e.ContextMsg != "" {
		why = e.ContextMsg + ": " + why
	}
	if lines := bytes.Split(data, []byte("\n")); e.Mark.Line >= 1 && e.Mark.Line <= len(lines) {
		if rest := lines[e.Mark.Line-1]; e.Mark.Column >= 1 && e.Mark.Column <= len(rest) && rest[e.Mark.Column-1] == '\t' {
			why = "there is a tab, and YAML is indented by blanks"
		}
	}
	return e.Mark.Line, e.Mark.Column, "cannot read the file as YAML: " + why
}

// sorted orders faults by file and place and drops repetitions: the same words
// about the same place, as when many services inherit one wrong default.
func (f Faults) sorted(files []string) Faults {
	rank := func(file string) int {
		if i := slices.Index(files, file); i >= 0 {
			return i
		}
		return len(files)
	}
	slices.SortStableFunc(f, func(a, b Fault) int {
		if c := rank(a.File) - rank(b.File); c != 0 {
			return c
		}
		if c := a.Line - b.Line; c != 0 {
			return c
		}
		return a.Column - b.Column
	})
	type key struct {
		Place
		path, message string
	}
	seen := map[key]bool{}
	return slices.DeleteFunc(f, func(f Fault) bool {
		k := key{f.Place, f.Path, f.Message}
		if f.Line > 0 {
			k.path = "" // an anchor's content is one place under several paths
		}
		repeated := seen[k]
		seen[k] = true
		return repeated
	})
}
