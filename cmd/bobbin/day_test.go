package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"text/tabwriter"
	"time"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// phase is a part of the day in which the gateway is in some state.
type phase struct {
	name     string
	from, to time.Duration // since midnight
	down     llmsim.Down
	// flap, if set, is how long the gateway is down and then up, in turns.
	flap time.Duration
	// script, if set, changes the gateway's answers, of which n is the number.
	script func(n int, s *llmsim.Script)
	// dead means that no call can succeed: the breaker must keep people away.
	dead bool
}

func clock(hour, minute int) time.Duration {
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
}

// The gateway's bad day. Between the phases it is well.
var badDay = []phase{
	{name: "refuses connections", from: clock(2, 0), to: clock(2, 40), down: llmsim.Down{Refuse: true}, dead: true},
	{name: "never answers", from: clock(6, 0), to: clock(6, 30), down: llmsim.Down{Hang: true}, dead: true},
	{name: "503", from: clock(9, 0), to: clock(9, 30), down: llmsim.Down{Status: 503}, dead: true},
	{name: "flaps every 45 s", from: clock(10, 30), to: clock(11, 0), down: llmsim.Down{Refuse: true}, flap: 45 * time.Second},
	{name: "429, Retry-After 20", from: clock(12, 0), to: clock(12, 30), down: llmsim.Down{Status: 429, RetryAfter: 20 * time.Second}},
	{name: "429 and no time", from: clock(13, 0), to: clock(13, 30), down: llmsim.Down{Status: 429}, dead: true},
	{name: "key revoked", from: clock(15, 30), to: clock(16, 0), down: llmsim.Down{Status: 401}, dead: true},
	{name: "account empty", from: clock(17, 0), to: clock(17, 30), down: llmsim.Down{Status: 402}, dead: true},
	{name: "every 5th breaks off", from: clock(18, 0), to: clock(19, 0), script: func(n int, s *llmsim.Script) {
		if n%5 == 0 {
			s.Fault = llmsim.Fault{Kind: llmsim.Cut, After: 8}
		}
	}},
	{name: "first token after 20 s", from: clock(20, 0), to: clock(20, 30), dead: true, script: func(_ int, s *llmsim.Script) {
		s.FirstToken = 20 * time.Second
	}},
}

// day is the whole of it.
type day struct {
	*modelWorld
	midnight time.Time
	mu       sync.Mutex
	answers  int // the gateway has begun
	asked    []asked
}

// phaseAt returns the phase of a moment, or nil.
func (d *day) phaseAt(at time.Time) *phase {
	since := at.Sub(d.midnight)
	for i := range badDay {
		if p := &badDay[i]; since >= p.from && since < p.to {
			return p
		}
	}
	return nil
}

// answerTo is what both providers say: the whole of it must arrive.
func answerTo(question string) string {
	n := 10 + len(question)*7%30
	return "To " + question + ":" + strings.Repeat(" word", n)
}

func (d *day) script(r llmsim.Request) llmsim.Script {
	s := llmsim.StepFun(answerTo(r.Messages[len(r.Messages)-1].Content))
	s.FirstToken, s.Gap = 600*time.Millisecond, 40*time.Millisecond
	d.mu.Lock()
	d.answers++
	n := d.answers
	d.mu.Unlock()
	if p := d.phaseAt(time.Now()); p != nil && p.script != nil {
		p.script(n, &s)
	}
	return s
}

// user asks now and then: rarely at night, often in the morning and after lunch.
func (d *day) user(ctx context.Context, name string, rng *rand.Rand) {
	for n := 1; ; n++ {
		pause := 15 * time.Minute
		switch hour := int(time.Since(d.midnight).Hours()); {
		case hour < 8 || hour >= 19:
			pause = 50 * time.Minute
		case hour == 9 || hour == 14:
			pause = 4 * time.Minute
		}
		select {
		case <-time.After(time.Duration(rng.ExpFloat64() * float64(pause))):
		case <-ctx.Done():
			return
		}
		d.question(name, fmt.Sprintf("question %d of %s", n, name))
	}
}

func (d *day) question(user, text string) {
	a := d.ask(context.Background(), user, text)
	want := answerTo(text)
	if a.err == nil && a.text != want {
		a.err = fmt.Errorf("answer %q, want %q", a.text, want)
	}
	d.mu.Lock()
	d.asked = append(d.asked, a)
	d.mu.Unlock()
}

// weather breaks and mends the gateway through the day.
func (d *day) weather() {
	for _, p := range badDay {
		// Not on the second, when deltas are under way: what the server has
		// billed the client has seen then.
		time.Sleep(time.Until(d.midnight.Add(p.from)) + 7*time.Microsecond)
		for flapped := false; time.Since(d.midnight) < p.to; flapped = !flapped {
			down := p.down
			if flapped {
				down = llmsim.Down{}
			}
			d.sims[0].SetDown(down)
			time.Sleep(cmp.Or(p.flap, p.to-p.from))
		}
		d.sims[0].SetDown(llmsim.Down{})
	}
}

// rush is everybody asking at the same moment.
func (d *day) rush(ctx context.Context, at time.Duration, users, each int) {
	time.Sleep(time.Until(d.midnight.Add(at)))
	var wg sync.WaitGroup
	for u := range users {
		for n := range each {
			wg.Go(func() { d.question(fmt.Sprint("u", u), fmt.Sprintf("rush %v number %d of u%d", at, n, u)) })
		}
	}
	wg.Wait()
}

// A day of fifty people whose first provider dies in every way there is. All
// time is simulated; the wiring, the adapters and the wire are real.
func TestADay(t *testing.T) {
	const users, perMinute = 50, 60
	synctest.Test(t, func(t *testing.T) {
		d := &day{midnight: time.Now()}
		price := &priceConfig{Input: 0.42, Output: 0.42}
		d.modelWorld = newModelWorld(t,
			[]providerConfig{{RequestsPerMinute: perMinute, Concurrency: 20, Price: price}, {Price: &priceConfig{Input: 2.8, Output: 2.8}}},
			[]llmsim.Options{{RequestsPerMinute: perMinute, Answer: d.script}, {Answer: func(r llmsim.Request) llmsim.Script {
				s := llmsim.StepFun(answerTo(r.Messages[len(r.Messages)-1].Content))
				s.FirstToken, s.Gap = 900*time.Millisecond, 50*time.Millisecond
				return s
			}}})
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		var wg sync.WaitGroup
		for u := range users {
			wg.Go(func() { d.user(ctx, fmt.Sprint("u", u), rand.New(rand.NewPCG(uint64(u), 24))) })
		}
		wg.Go(d.weather)
		wg.Go(func() { d.rush(ctx, clock(14, 30), users, 2) })
		wg.Go(func() { d.rush(ctx, clock(9, 10), users, 1) }) // while the gateway is down
		wg.Wait()
		d.close()
		d.report(t)
		d.checkAnswers(t)
		d.checkMinutes(t, perMinute)
		d.checkOutages(t)
		d.checkLedger(t)
	})
}

// checkAnswers: every question is answered, whole, and nobody waits over 30 s
// without seeing anything new.
func (d *day) checkAnswers(t *testing.T) {
	for _, a := range d.asked {
		if a.err != nil {
			t.Errorf("%s at %v: %v", a.user, a.at.Sub(d.midnight), a.err)
		}
		if a.first > promise || a.silence > promise {
			t.Errorf("%s at %v waited %v for the first text and %v at the longest", a.user, a.at.Sub(d.midnight), a.first, a.silence)
		}
	}
}

// checkMinutes: by the gateway's own count its limit held in every minute.
func (d *day) checkMinutes(t *testing.T, limit int) {
	requests := d.sims[0].Requests()
	for i, r := range requests {
		if i+limit < len(requests) && requests[i+limit].At.Sub(r.At) < time.Minute {
			t.Fatalf("%d requests reached the gateway in the minute from %v", limit+1, r.At.Sub(d.midnight))
		}
		if p := d.phaseAt(r.At); r.Outcome == "status 429" && (p == nil || p.down.Status != 429) {
			t.Errorf("the gateway's own limit refused a request at %v", r.At.Sub(d.midnight))
		}
	}
}

// checkOutages: a dead gateway gets the requests that open the breaker, and then
// the probes.
func (d *day) checkOutages(t *testing.T) {
	const threshold, concurrency = 5, 20
	for i := range badDay {
		p := &badDay[i]
		if !p.dead {
			continue
		}
		calls, _ := d.reached(p)
		bound := threshold
		switch {
		case p.down.Hang, p.script != nil: // a call takes 12 s to fail; those under way meanwhile fail too
			bound += concurrency
		case p.down.Status == 401, p.down.Status == 402:
			bound = 1
		}
		if calls > bound {
			t.Errorf("%s: %d requests reached the gateway, want at most %d and the probes", p.name, calls, bound)
		}
	}
}

// reached counts what came to the gateway in a phase: people's requests, and
// probes' (those that got as far as a completion).
func (d *day) reached(p *phase) (calls, probes int) {
	for _, r := range d.sims[0].Requests() {
		if d.phaseAt(r.At) != p {
			continue
		}
		if r.Messages[0].Content == "ping" {
			probes++
		} else {
			calls++
		}
	}
	return calls, probes
}

// checkLedger: what was recorded is what was billed, token for token.
func (d *day) checkLedger(t *testing.T) {
	for i, name := range []string{"gateway", "relay"} {
		var got llmsim.Usage
		for _, a := range d.attempts {
			if a.Provider == name {
				got.PromptTokens += int(a.Usage.InputTokens)
				got.CachedTokens += int(a.Usage.CachedInputTokens)
				got.CompletionTokens += int(a.Usage.OutputTokens)
				got.ReasoningTokens += int(a.Usage.ReasoningTokens)
			}
		}
		if billed := d.sims[i].Billed(); got != billed {
			t.Errorf("%s: recorded %+v, billed %+v", name, got, billed)
		}
	}
	for _, a := range d.attempts {
		if a.Usage.Estimated {
			t.Errorf("an estimate in the ledger: %+v", a)
		}
	}
}

// report prints the day.
func (d *day) report(t *testing.T) {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "the gateway\tquestions\tby gateway\tby relay\tfirst text p50\tp99\tmax\trequests it got\tprobes")
	row := func(name string, p *phase) {
		var first []time.Duration
		by := map[string]int{}
		for _, a := range d.asked {
			if d.phaseAt(a.at) == p && a.response != nil {
				first = append(first, a.first)
				by[a.response.Provider]++
			}
		}
		slices.Sort(first)
		calls, probes := d.reached(p)
		at := func(q float64) time.Duration {
			if len(first) == 0 {
				return 0
			}
			return first[int(q*float64(len(first)-1))].Round(10 * time.Millisecond)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%v\t%v\t%v\t%d\t%d\n", name, len(first), by["gateway"], by["relay"], at(0.5), at(0.99), at(1), calls, probes)
	}
	row("is well", nil)
	for i := range badDay {
		p := &badDay[i]
		minutes := int(p.from.Minutes())
		row(fmt.Sprintf("%02d:%02d %s", minutes/60, minutes%60, p.name), p)
	}
	w.Flush()
	var tokens, nano int64
	restarts, longest := 0, time.Duration(0)
	for _, a := range d.attempts {
		tokens += a.Usage.InputTokens + a.Usage.OutputTokens
		nano += a.Price.Cost(a.Usage)
	}
	for _, a := range d.asked {
		restarts += a.restarts
		longest = max(longest, a.silence)
	}
	fmt.Fprintf(&out, "%d questions, %d calls, %d answers begun again; longest wait without new text %v; %d tokens recorded, %d billed, %s\n",
		len(d.asked), len(d.attempts), restarts, longest.Round(10*time.Millisecond), tokens,
		d.sims[0].Billed().Total()+d.sims[1].Billed().Total(), dollars(nano))
	t.Log("\n" + out.String())
}
