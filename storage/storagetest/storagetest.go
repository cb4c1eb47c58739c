// Package storagetest is the conformance suite of [storage.Store]: what each
// store must do, case by case. A store's test calls [Run].
//
// Each case runs on an empty store and prints the rule it defends when it
// fails. Times in the cases have whole microseconds, which every
// database can keep, and are compared as moments, whatever their location.
package storagetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/bobbin-bot/bobbin/storage"
)

// Harness is a store under test.
type Harness struct {
	Store storage.Store
	// Reopen closes the store and opens the same data again, as after a
	// restart. The caller's test closes what it returns. Nil if the store
	// keeps nothing.
	Reopen func(t *testing.T) storage.Store
}

// Run tests a store. It calls open once a case; each store must be empty.
// A store that has a method Close() error is also tested after Close.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, c := range slices.Concat(
		acceptCases, stateCases, leaseCases, orderCases, joinCases, finishCases, reopenCases, replaceCases, unsayCases, amendCases, watermarkCases, historyCases,
		copyCases, feedbackCases, usageCases, usageByCases, callsCases, reserveCases, verdictCases, conversationCases, purgeCases, forgetCases, forgetPersonCases, exportCases, durableCases, contextCases,
	) {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			c.run(&T{T: t, store: h.Store, harness: h, rule: c.rule})
		})
	}
}

// testCase is one rule of the contract.
type testCase struct {
	name string
	rule string // a sentence that explains a failure
	run  func(*T)
}

// T is a test that explains its failures.
type T struct {
	*testing.T
	store   storage.Store
	harness Harness
	rule    string
}

// Errorf reports a failure together with the rule.
func (t *T) Errorf(format string, args ...any) {
	t.Helper()
	t.T.Errorf(format+"\n\trule: %s", append(args, t.rule)...)
}

// Fatalf reports a failure together with the rule and ends the case.
func (t *T) Fatalf(format string, args ...any) {
	t.Helper()
	t.T.Fatalf(format+"\n\trule: %s", append(args, t.rule)...)
}

// reopen restarts the store; the case is skipped if it cannot.
func (t *T) reopen() {
	t.Helper()
	if t.harness.Reopen == nil {
		t.Skip("the store keeps nothing over a restart")
	}
	t.store = t.harness.Reopen(t.T)
}

// ok ends the case if err is not nil.
func (t *T) ok(err error, doing string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

// is checks that err is target.
func (t *T) is(err, target error, doing string) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: got error %v, want %v", doing, err, target)
	}
}

func (t *T) ctx() context.Context { return t.Context() }
