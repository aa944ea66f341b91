package hooks

import (
	"errors"
	"io/fs"
)

// RemoveAbandoned takes the network of a container away that is deleted by now,
// and whose poststop hook could not do it. One whose first process runs, or in
// whose namespace any process lives, is left alone. It is cheap where there is
// nothing to do.
func (n *Network) RemoveAbandoned(id string) error {
	dead, err := n.isDead(id)
	if errors.Is(err, fs.ErrPermission) {
		return nil // whoever may not read the book has not made a network either
	}
	if err != nil || !dead {
		return oneLine(err)
	}
	found, err := n.Leftovers(func(other string) bool { return other != id })
	if err != nil {
		return oneLine(err)
	}
	var errs []error
	for _, left := range found {
		if left.ID == id {
			errs = append(errs, left.Remove())
		}
	}
	return errors.Join(errs...)
}

// isDead tells of a container that the book has whether it runs no more.
func (n *Network) isDead(id string) (bool, error) {
	b, err := n.open(false)
	if err != nil {
		return false, err
	}
	defer b.close()
	e := b.Containers[id]
	return e != nil && !e.alive(), nil
}
