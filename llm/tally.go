package llm

import "time"

// tally counts events of two kinds in the seconds just past. The zero value is
// empty. It forgets by itself and needs no timer.
type tally struct {
	buckets [tallySeconds]struct {
		second int64
		n      [2]int
	}
}

// tallySeconds is how far back a tally remembers.
const tallySeconds = 60

func (t *tally) add(now time.Time, kind int) {
	second := now.Unix()
	b := &t.buckets[second%tallySeconds]
	if b.second != second {
		b.second, b.n = second, [2]int{}
	}
	b.n[kind]++
}

// sum counts what was added in the last seconds, the present one included.
func (t *tally) sum(now time.Time, seconds int64) (n [2]int) {
	second := now.Unix()
	for i := range min(seconds, tallySeconds) {
		if b := &t.buckets[(second-i)%tallySeconds]; b.second == second-i {
			n[0] += b.n[0]
			n[1] += b.n[1]
		}
	}
	return n
}
