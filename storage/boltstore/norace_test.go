//go:build !race

package boltstore

const damagedFiles = 1000
