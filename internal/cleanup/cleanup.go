// Package cleanup is a stack of undo steps for operations of several steps.
//
//	var undo cleanup.Stack
//	defer undo.Run()
//	f, err := create()
//	if err != nil { return err }
//	undo.Add(f.remove)
//	…
//	undo.Release() // success: keep everything
package cleanup

import "errors"

// Stack holds what must be undone if the operation fails. Its zero value is
// empty and ready.
type Stack struct {
	steps []func() error
}

// Add puts a step on the stack; steps run last in, first out.
func (s *Stack) Add(step func() error) { s.steps = append(s.steps, step) }

// Release forgets all steps: the operation succeeded.
func (s *Stack) Release() { s.steps = nil }

// Run undoes everything that was added, each step even where an earlier one
// failed, and returns their errors joined. A second Run does nothing.
func (s *Stack) Run() error {
	var errs []error
	for len(s.steps) > 0 {
		last := len(s.steps) - 1
		step := s.steps[last]
		s.steps = s.steps[:last]
		errs = append(errs, step())
	}
	return errors.Join(errs...)
}
