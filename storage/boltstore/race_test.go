//go:build race

package boltstore

// The race detector makes everything ten times slower.
const damagedFiles = 150
