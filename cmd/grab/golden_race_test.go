//go:build race

package main_test

// raced: this program has the race detector in it.
const raced = true
