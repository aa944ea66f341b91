package walls

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"
)

// What the binary carries beyond libcontainer is chosen.
func TestStartPath(t *testing.T) {
	all := packages(t)
	given := map[string]bool{}
	for path := range all {
		if below(path, libcontainer+"/libcontainer") || below(path, cgroups) {
			for _, dep := range append(slices.Clone(all[path].Deps), path) {
				given[moduleOf(all, dep)] = true
			}
		}
	}
	if len(given) < 5 {
		t.Fatalf("libcontainer's modules not found: %v", given)
	}
	found := map[string]string{}
	for _, dep := range append(slices.Clone(all[module].Deps), module) {
		if m := moduleOf(all, dep); m != "" && m != module && !given[m] {
			found[m] = dep
		}
		if _, ours := folderOf(dep); ours && !below(dep, module+"/supervisor") {
			for _, h := range heavy() {
				if slices.Contains(all[dep].Imports, h) {
					t.Errorf("%s imports %s, which slows every start", strings.Join(filesThatImport(t, all[dep], h), ", "), h)
				}
			}
		}
	}
	for _, m := range slices.Sorted(maps.Keys(found)) {
		if startModules()[m] == "" {
			t.Errorf("module %s is new in the binary: %s", m, strings.Join(chain(all, module, found[m]), " → "))
		}
	}
	for m := range startModules() {
		if found[m] == "" {
			t.Errorf("module %s is in no way part of the binary any more: take it off the list", m)
		}
	}
}

// blackhole itself, without the service commands, has what starts and ends
// containers, and no configuration, no supervisor and nothing that judges.
func TestOCICommandsAlone(t *testing.T) {
	all, err := listOCI()
	if err != nil {
		t.Fatal(err)
	}
	if len(all[module].Deps) < 50 {
		t.Fatalf("dependencies of package main not found: %v", all[module].Deps)
	}
	for _, path := range all[module].Deps {
		if folder, ours := folderOf(path); ours && !slices.ContainsFunc(ociFolders(), func(f string) bool { return folder == f || below(folder, f) }) {
			t.Errorf("%s is in the program that starts containers: %s", folder, strings.Join(chain(all, module, path), " → "))
		}
		if m := moduleOf(all, path); m == yaml {
			t.Errorf("%s is in the program that starts containers: %s", path, strings.Join(chain(all, module, path), " → "))
		}
	}
}

func moduleOf(all map[string]*listed, path string) string {
	if p := all[path]; p != nil && p.Module != nil {
		return p.Module.Path
	}
	return ""
}

// Package init runs at each start, and a container's creation starts the binary
// twice. What can wait is a function, or sync.OnceValue.
func TestNoInitWork(t *testing.T) {
	all := packages(t)
	for _, path := range append(slices.Clone(all[module].Deps), module) {
		folder, ours := folderOf(path)
		if !ours {
			continue
		}
		for name, file := range parseFiles(t, all[path], parser.SkipObjectResolution) {
			for _, decl := range file.Decls {
				if work := initWork(decl); work != "" && initReasons()[folder] != work {
					t.Errorf("%s/%s: %s works at every start", path, name, work)
				}
			}
		}
	}
}

// initReasons are the exceptions: the folder, and what works there.
func initReasons() map[string]string {
	return map[string]string{
		"runtime": "func init", // becomes the container's init where libcontainer started it as such
	}
}

// initWork names what a declaration does at package init: a call, or a map,
// which is filled at run time; "" for nothing.
func initWork(decl ast.Decl) string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.Name == "init" && d.Recv == nil {
			return "func init"
		}
	case *ast.GenDecl:
		work := ""
		for _, spec := range d.Specs {
			values, ok := spec.(*ast.ValueSpec)
			if !ok || d.Tok != token.VAR || values.Names[0].Name == "_" {
				continue
			}
			for _, value := range values.Values {
				ast.Inspect(value, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.FuncLit:
						return false // runs when it is called
					case *ast.CallExpr:
						if called := types.ExprString(n.Fun); !slices.Contains(cheapCalls(), called) {
							work = "var " + values.Names[0].Name + " calls " + called
						}
					case *ast.CompositeLit:
						if _, isMap := n.Type.(*ast.MapType); isMap {
							work = "var " + values.Names[0].Name + " is a map"
						}
					}
					return true
				})
			}
		}
		return work
	}
	return ""
}

// cheapCalls allocate a few bytes at most.
func cheapCalls() []string {
	return []string{"errors.New", "sync.OnceFunc", "sync.OnceValue", "sync.OnceValues"}
}
