package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// Report is what [Verify] and [Salvage] found.
type Report struct {
	Bytes     int64 // pages of the file, in use or free
	FreeBytes int64 // those that are free

	Conversations, Open    int64 // Open: those with a question that is not answered yet
	Turns, Messages        int64
	UsageRows, UsageTotals int64
	Claims                 int64 // dedupe keys that are claimed

	Problems        []string
	MoreProblems    int64 // that Problems has no room for
	Lost, Recovered int64 // records, see [Salvage]
}

// maxProblems is how many problems a report lists. One damaged page can make
// thousands.
const maxProblems = 20

func (r *Report) problem(format string, args ...any) {
	if len(r.Problems) == maxProblems {
		r.MoreProblems++
		return
	}
	text := fmt.Sprintf(format, args...)
	const most = 400 // keys can be long
	if len(text) > most {
		text = text[:most] + "…"
	}
	r.Problems = append(r.Problems, text)
}

// Verify reads the whole file, which no process may have open for writing, and
// checks its structure, the checksum of every record, and that the records
// agree with each other. It returns [storage.ErrCorrupt] if there is anything
// wrong, and what it is in the report; other errors are those of [Open]. It
// changes nothing.
//
// If progress is not nil it is called now and then with how much of the work is
// done.
func Verify(ctx context.Context, path string, progress func(done, total int64)) (Report, error) {
	var r Report
	o := Options{}.withDefaults()
	err := readOnly(path, o, time.Now().Add(o.LockTimeout), func(in *reading) error {
		v := verification{ctx: ctx, report: &r, progress: newMeter(progress, 2*in.tx.Size())}
		return v.run(in)
	})
	if err == nil && len(r.Problems) > 0 {
		err = fmt.Errorf("%w: %s", storage.ErrCorrupt, r.Problems[0])
	} else if errors.Is(err, storage.ErrCorrupt) {
		r.problem("%s", problemOf(err))
	}
	if err != nil {
		return r, fmt.Errorf("verify %s: %w", path, err)
	}
	return r, nil
}

// meter passes progress on at every percent.
type meter struct {
	report            func(done, total int64)
	done, total, next int64
}

func newMeter(report func(done, total int64), total int64) *meter {
	return &meter{report: report, total: total}
}

func (m *meter) add(n int64) {
	if m.done += n; m.report != nil && m.done >= m.next {
		m.next = m.done + m.total/100
		m.report(min(m.done, m.total), m.total)
	}
}

// verification reads the structure first and then the records, in the order of
// their keys, so that it needs memory for one conversation and one day of usage
// and not for the file.
type verification struct {
	view
	ctx      context.Context
	report   *Report
	progress *meter
	buckets  bucket // the end of those that the layout has
	n        int
}

func (v *verification) has(b bucket) bool { return b < v.buckets }

func (v *verification) run(in *reading) error {
	v.tx = in.tx
	v.report.Bytes = in.tx.Size()
	v.report.FreeBytes = in.tx.Size() - 2*int64(in.pages.pageSize)
	if err := in.structure(func(pages int) error {
		bytes := int64(pages) * int64(in.pages.pageSize)
		v.report.FreeBytes -= bytes
		v.progress.add(bytes)
		return v.ctx.Err()
	}); err != nil {
		return err
	}
	var err error
	if v.buckets, err = v.view.buckets(); err != nil {
		return err
	}
	for _, check := range []func() error{v.metaRecords, v.threads, v.claims, v.ledger, v.totals, v.budgets, v.lists} {
		if err := check(); err != nil {
			return err
		}
	}
	v.progress.add(v.progress.total)
	return nil
}

// records calls fn for each record of a bucket. The payload is nil if the record
// is damaged, which is in the report then.
func (v *verification) records(b bucket, fn func(key, payload []byte) error) error {
	if !v.has(b) {
		return nil
	}
	c := v.cursor(b)
	for k, record := c.First(); k != nil; k, record = c.Next() {
		if v.n++; v.n%256 == 0 && v.ctx.Err() != nil {
			return v.ctx.Err()
		}
		v.progress.add(int64(len(k) + len(record)))
		payload, err := unseal(b, k, record)
		if err != nil {
			v.report.problem("%s", problemOf(err))
		}
		if err := fn(k, payload); err != nil {
			return err
		}
	}
	return nil
}

// problemOf leaves out what all problems have in common.
func problemOf(err error) string {
	return strings.TrimPrefix(err.Error(), storage.ErrCorrupt.Error()+": ")
}

func (v *verification) metaRecords() error {
	return v.records(bucketMeta, func(_, _ []byte) error { return nil })
}

func (v *verification) claims() error {
	return v.records(bucketClaim, func(key, payload []byte) error {
		if len(payload)%len(claimHash{}) != 0 {
			v.report.problem("record %q in %s: not a list of keys", key, bucketClaim)
		}
		v.report.Claims += int64(len(claimed(payload)))
		return nil
	})
}

// count returns how many records an index has, which must be those that were
// looked up in it.
func (v *verification) count(b bucket, want int64) error {
	var n int64
	if err := v.records(b, func(_, _ []byte) error { n++; return nil }); err != nil {
		return err
	}
	if n != want && want >= 0 {
		v.report.problem("index %s has %d entries, want %d", b, n, want)
	}
	return nil
}

// entry checks that an index has an entry.
func (v *verification) entry(b bucket, key, want []byte) {
	if !v.has(b) {
		return
	}
	payload, ok, err := v.get(b, key)
	switch {
	case err != nil: // reported with the bucket
	case !ok:
		v.report.problem("index %s has no entry %q", b, key)
	case !bytes.Equal(payload, want):
		v.report.problem("index %s: entry %q is of another conversation", b, key)
	}
}
