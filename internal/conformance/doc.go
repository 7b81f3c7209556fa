// Package conformance compares gorun's answers with those of the real salt-run, byte
// for byte: recorded ones with every test run, those of live masters with
//
//	make conformance
//
// It has tests only.
package conformance
