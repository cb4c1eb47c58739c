package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// batchTally counts what this run of a batch has done.
type batchTally struct {
	total                    int
	answered, failed, reused int
	began                    time.Time
	models                   map[askedModel]*modelTally
	failures                 map[llm.Class]*failureTally
	modelSums
}

// failureTally is a kind of failure, by the first line that has it.
type failureTally struct {
	count        int
	line         int
	message, fix string
}

// modelSums are the money of a tally.
type modelSums struct {
	known    int64 // nano-USD
	unpriced int   // calls that cost an unknown amount
}

// askedModel is a row of the summary.
type askedModel struct{ provider, model string }

type modelTally struct {
	batchSpent
	modelSums
	failed int
}

func newBatchTally(total int) batchTally {
	return batchTally{total: total, began: time.Now(), models: map[askedModel]*modelTally{}, failures: map[llm.Class]*failureTally{}}
}

// done is the number of lines that need nothing more in this run.
func (t batchTally) done() int { return t.answered + t.failed + t.reused }

func (t *batchTally) fails(r *batchResult, fix string) {
	t.failed++
	f := t.failures[r.Error.Class]
	if f == nil {
		f = &failureTally{}
		t.failures[r.Error.Class] = f
	}
	if f.count == 0 || r.Line < f.line {
		f.line, f.message, f.fix = r.Line, r.Error.Message, fix
	}
	f.count++
}

func (t *batchTally) calls(attempts []llm.Attempt) {
	for _, a := range attempts {
		at := askedModel{a.Provider, a.Model}
		m := t.models[at]
		if m == nil {
			m = &modelTally{}
			t.models[at] = m
		}
		spent := spentOn(a)
		m.batchSpent.add(spent)
		if a.Err != nil {
			m.failed++
		}
		for _, sums := range []*modelSums{&m.modelSums, &t.modelSums} {
			sums.known += spent.Cost.nano
			if spent.Cost.unknown {
				sums.unpriced++
			}
		}
	}
}

func (t batchTally) spent() batchSpent {
	var sum batchSpent
	for _, m := range t.models {
		sum.add(m.batchSpent)
	}
	return sum
}

// print is the summary at the end.
func (t batchTally) print(w io.Writer, o batchOptions) {
	took := time.Since(t.began)
	fmt.Fprintf(w, "lines    %d answered, %d failed, %d reused, of %d\n", t.answered, t.failed, t.reused, t.total)
	if len(t.models) > 0 {
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(tw, "provider\tmodel\tcalls\tfailed\tinput\tcached\toutput\tcost\t")
		row := func(provider, model string, m modelTally) {
			fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t\n", provider, model, m.Calls, m.failed,
				thousands(m.Input), thousands(m.Cached), thousands(m.Output), costText(m.known, m.unpriced))
		}
		order := slices.SortedFunc(maps.Keys(t.models), func(a, b askedModel) int {
			return cmp.Or(cmp.Compare(a.provider, b.provider), cmp.Compare(a.model, b.model))
		})
		sum := modelTally{batchSpent: t.spent(), modelSums: t.modelSums}
		for _, at := range order {
			row(at.provider, at.model, *t.models[at])
			sum.failed += t.models[at].failed
		}
		if len(order) > 1 {
			row("total", "", sum)
		}
		tw.Flush()
		if sum.Estimated {
			fmt.Fprintln(w, "tokens   partly estimated: a provider did not say how many it counted")
		}
	}
	for _, class := range slices.Sorted(maps.Keys(t.failures)) {
		f := t.failures[class]
		fmt.Fprintf(w, "failed   %d × %s, first line %d: %s\n         fix: %s\n", f.count, class, f.line, f.message, f.fix)
	}
	fmt.Fprintf(w, "time     %v, %.0f lines a minute\n", took.Round(time.Millisecond), float64(t.answered+t.failed)/took.Minutes())
	if o.out == standardStream {
		return
	}
	where := o.out
	if t.done() < t.total {
		where = partialName(o.out) + ", until all lines are done"
	}
	fmt.Fprintf(w, "answers  %s\n", where)
}

// costText never takes an unknown cost for nothing.
func costText(known int64, unpriced int) string {
	switch {
	case unpriced > 0 && known == 0:
		return "unknown"
	case unpriced == 1:
		return "$" + decimalUSD(known) + " + 1 call of unknown price"
	case unpriced > 0:
		return fmt.Sprintf("$%s + %d calls of unknown price", decimalUSD(known), unpriced)
	}
	return "$" + decimalUSD(known)
}

// thousands groups digits: 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
