package walls

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// tags are the build's (see the Makefile): they choose files, and so imports.
const tags = "seccomp netgo osusergo urfave_cli_no_docs no_grpc"

// listed is a package as go list has it.
type listed struct {
	ImportPath string
	Dir        string
	Standard   bool
	GoFiles    []string
	CgoFiles   []string
	Imports    []string
	Deps       []string
	Module     *struct{ Path string }
	Error      *struct{ Err string }
}

// list is the whole project, once; listOCI the program of the OCI commands alone.
var (
	list    = sync.OnceValues(func() (map[string]*listed, error) { return listWith(tags, module+"/...") })
	listOCI = sync.OnceValues(func() (map[string]*listed, error) { return listWith(tags+" oci", module) })
)

// listWith runs go list -deps.
func listWith(tags, what string) (map[string]*listed, error) {
	// go test caches a pass until a file or folder changes that the test itself
	// looked at: look at all folders.
	err := filepath.WalkDir("../..", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "build") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "list", "-e", "-deps", "-tags", tags, "-json=ImportPath,Dir,Standard,GoFiles,CgoFiles,Imports,Deps,Module,Error", what)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	packages := map[string]*listed{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages[p.ImportPath] = &p
	}
}

func packages(t *testing.T) map[string]*listed {
	t.Helper()
	all, err := list()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// folderOf is where a package of ours lies, "." for main; false for others.
func folderOf(path string) (string, bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// below tells whether path is root, or lies below it. Nothing is below ".".
func below(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

func belowAny(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return root == anything || below(path, root) })
}

// wallOf is the innermost wall around a folder.
func wallOf(folder string) (wall, bool) {
	var best wall
	for _, w := range walls() {
		if below(folder, w.folder) && len(w.folder) > len(best.folder) {
			best = w
		}
	}
	return best, best.folder != ""
}

func TestWalls(t *testing.T) {
	checked := 0
	for path, p := range packages(t) {
		folder, ours := folderOf(path)
		if !ours {
			continue
		}
		checked++
		w, ok := wallOf(folder)
		if !ok {
			t.Errorf("%s has no wall: say in rules_test.go what it may import", path)
			continue
		}
		for _, imported := range p.Imports {
			if problem := check(packages(t), w, imported); problem != "" {
				t.Errorf("%s imports %s: %s", strings.Join(filesThatImport(t, p, imported), ", "), imported, problem)
			}
		}
	}
	if checked < 5 {
		t.Errorf("only %d packages of %s found", checked, module)
	}
}

// check says why a package inside w may not import another; "" if it may.
func check(all map[string]*listed, w wall, imported string) string {
	folder, ours := folderOf(imported)
	switch {
	case ours && belowAny(folder, commands()) && !below(folder, w.folder):
		return "no package imports a command"
	case ours && !belowAny(folder, w.ours):
		return fmt.Sprintf("%s may import, of ours, %s", w.folder, orNothing(w.ours))
	case ours || imported == "C":
		return ""
	}
	if p := all[imported]; p == nil || p.Standard || belowAny(imported, w.others) {
		return ""
	}
	return fmt.Sprintf("%s may import, beyond the standard library, %s", w.folder, orNothing(w.others))
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// filesThatImport names the files with the import, for the message.
func filesThatImport(t *testing.T, p *listed, imported string) []string {
	t.Helper()
	var names []string
	for name, file := range parseFiles(t, p, parser.ImportsOnly) {
		if slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(imported) }) {
			names = append(names, p.ImportPath+"/"+name)
		}
	}
	slices.Sort(names)
	return names
}

func parseFiles(t *testing.T, p *listed, mode parser.Mode) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	for _, name := range append(slices.Clone(p.GoFiles), p.CgoFiles...) {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, mode)
		if err != nil {
			t.Errorf("%s: %v", p.ImportPath, err)
			continue
		}
		files[name] = file
	}
	return files
}

// The walls are about direct imports. What a package reaches through another
// module's counts as well.
func TestReach(t *testing.T) {
	for _, test := range []struct {
		folder string
		never  []string
	}{
		{"spec", []string{libcontainer, cgroups, netlink, cli, "net/http"}},
		{"bundle", []string{libcontainer, cgroups, netlink, yaml, cli, libseccomp, "net/http"}},
		{"hooks/params", []string{libcontainer, netlink}},
		{"runtime", []string{yaml, cli, "net/http"}},
	} {
		for path, p := range packages(t) {
			folder, ours := folderOf(path)
			if !ours || !below(folder, test.folder) {
				continue
			}
			for _, dep := range p.Deps {
				if belowAny(dep, test.never) {
					t.Errorf("%s reaches %s: %s", path, dep, strings.Join(chain(packages(t), path, dep), " → "))
					break // the others are likely below it
				}
			}
		}
	}
}

// chain is one way of imports from one package to another, the shortest.
func chain(all map[string]*listed, from, to string) []string {
	type step struct {
		path string
		back *step
	}
	seen := map[string]bool{from: true}
	for queue := []*step{{path: from}}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		if s.path == to {
			var way []string
			for ; s != nil; s = s.back {
				way = append([]string{s.path}, way...)
			}
			return way
		}
		if p := all[s.path]; p != nil {
			for _, next := range p.Imports {
				if !seen[next] {
					seen[next] = true
					queue = append(queue, &step{next, s})
				}
			}
		}
	}
	return nil
}
