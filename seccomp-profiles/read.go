package profiles

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// reader walks through JSON that is known to be well-formed, token by token.
// encoding/json's own strict decoding says neither where an unknown key
// stands nor that a key stands twice, and takes keys in any case.
type reader struct {
	data   []byte
	dec    *json.Decoder
	at     int // offset of the latest token
	faults faults
}

// newReader checks data's syntax first, so that the walk cannot fail.
func newReader(data []byte) (*reader, error) {
	r := &reader{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	r.dec.UseNumber()
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			r.at = max(0, int(syntax.Offset)-1) // Offset counts the bytes read, the wrong one too
		}
		r.fault("", "%v", err)
		return nil, r.faults.orNil()
	}
	return r, nil
}

// fault notes what is wrong at the latest token.
func (r *reader) fault(path, format string, args ...any) {
	r.faultAt(r.at, path, format, args...)
}

func (r *reader) faultAt(offset int, path, format string, args ...any) {
	if len(r.faults.shown) == shownFaults {
		r.faults.more++ // without the work below, of which there could be much
		return
	}
	before := r.data[:min(offset, len(r.data))]
	r.faults.shown = append(r.faults.shown, fault{
		line:    1 + bytes.Count(before, []byte("\n")),
		column:  len(before) - bytes.LastIndexByte(before, '\n'), // LastIndexByte is -1 in the first line
		path:    path,
		message: fmt.Sprintf(format, args...),
	})
}

// next reads one token.
func (r *reader) next() json.Token {
	r.at = int(r.dec.InputOffset())
	for r.at < len(r.data) && bytes.IndexByte([]byte(" \t\r\n,:"), r.data[r.at]) >= 0 {
		r.at++
	}
	token, err := r.dec.Token()
	if err != nil {
		panic(fmt.Sprintf("seccomp profile: token at %d of valid JSON: %v", r.at, err))
	}
	return token
}

// skip reads the rest of the value that begins with token.
func (r *reader) skip(token json.Token) {
	depth := 0
	for {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return
		}
		token = r.next()
	}
}

// object reads an object, whose keys are those of fields; each function reads
// its key's value. It returns the keys that were there, nil for another type,
// and the offset at which the object begins.
func (r *reader) object(path string, fields map[string]func(path string)) (map[string]bool, int) {
	token := r.next()
	start := r.at
	if token != json.Delim('{') {
		r.fault(path, "want an object, not %s", describe(token))
		r.skip(token)
		return nil, start
	}
	seen := make(map[string]bool, len(fields))
	for r.dec.More() {
		key, _ := r.next().(string)
		below := key
		if path != "" {
			below = path + "." + key
		}
		read, known := fields[key]
		switch {
		case !known:
			hint := engineKey(key)
			if hint == "" {
				hint = didYouMean(key, slices.Sorted(maps.Keys(fields)))
			}
			r.fault(path, "unknown key %q%s", key, hint) // its path would be the file's words unquoted
			r.skip(r.next())
		case seen[key]:
			r.fault(below, "key %q stands twice", key)
			r.skip(r.next())
		default:
			seen[key] = true
			read(below)
		}
	}
	r.next()
	return seen, start
}

// array reads an array, element by element.
func (r *reader) array(path string, element func(path string)) {
	token := r.next()
	if token != json.Delim('[') {
		r.fault(path, "want an array, not %s", describe(token))
		r.skip(token)
		return
	}
	for i := 0; r.dec.More(); i++ {
		element(path + "[" + strconv.Itoa(i) + "]")
	}
	r.next()
}

// str reads a string; false says that it was none.
func (r *reader) str(path string) (string, bool) {
	token := r.next()
	s, ok := token.(string)
	if !ok {
		r.fault(path, "want a string, not %s", describe(token))
		r.skip(token)
	}
	return s, ok
}

// uint reads a whole number from 0 to most.
func (r *reader) uint(path string, most uint64) uint64 {
	token := r.next()
	number, ok := token.(json.Number)
	if !ok {
		r.fault(path, "want a number, not %s", describe(token))
		r.skip(token)
		return 0
	}
	n, err := strconv.ParseUint(number.String(), 10, 64)
	if err != nil || n > most {
		r.fault(path, "%s is not a whole number from 0 to %d", number, most)
		return 0
	}
	return n
}

// describe names a value's type, with the value where it is short.
func describe(token json.Token) string {
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return "an object"
		}
		return "an array"
	case string:
		return fmt.Sprintf("the string %.40q", t)
	case nil:
		return "null"
	default:
		return fmt.Sprint(t)
	}
}
