//go:build !cgo

package main

const cgo = false

func extra() string { return "without C" }
