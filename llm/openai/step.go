package openai

import (
	"context"
	"time"
)

const (
	// crowd is the number of streams from which on a provider's are read in step.
	crowd = 50
	// step is how often they are then looked at.
	step = 250 * time.Millisecond
)

// fallIn waits for the moment at which all streams are read, if there are many.
// Reading each token when it comes takes two system calls and a wake-up of the
// scheduler, which is two thirds of the CPU that 300 answers cost; in step one
// round reads what five tokens have brought to each. Where so many answers are
// written at once, what shows them is behind by more than that anyway.
func (p *Provider) fallIn(ctx context.Context) {
	if p.streams.Load() < crowd {
		return
	}
	now := time.Now()
	timer := time.NewTimer(now.Truncate(step).Add(step).Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
