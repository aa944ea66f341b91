// Package walls holds no code, only a test: who may import whom.
// docs/ARCHITECTURE.md has the drawing.
package walls
