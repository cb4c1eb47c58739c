package main

import "slices"

// matched says which earlier results belong to which lines.
type matched struct {
	results []*batchResult // by line; nil if there is none
	answers int            // earlier answers
	reused  int            // of these, the ones that belong to a line
	moved   bool           // some belong to another line now
}

// place is where a result was in the input.
type place struct {
	key, id  string
	line     int
	answered bool
}

// pool is the results that can stand for each other.
type pool struct {
	key      string
	answered bool
}

// matchResults gives each line an earlier result of the same request: an
// answer before an error, that of the same place before another, the later one
// before the earlier. No result is given to two lines.
func matchResults(lines []batchLine, earlier []*batchResult) matched {
	m := matched{results: make([]*batchResult, len(lines))}
	places, pools := map[place]*batchResult{}, map[pool][]*batchResult{}
	for _, r := range earlier {
		at := place{r.Key, string(r.ID), r.Line, r.Answer != nil}
		if twin := places[at]; twin != nil && at.answered && *twin.Answer == *r.Answer {
			continue // a kill between writing the output and removing the partial file
		}
		places[at] = r
		from := pool{r.Key, at.answered}
		pools[from] = append(pools[from], r)
		if at.answered {
			m.answers++
		}
	}
	used := map[*batchResult]bool{}
	give := func(i int, r *batchResult) {
		used[r] = true
		m.results[i] = r
		if r.Answer != nil {
			m.reused++
		}
	}
	for _, answered := range []bool{true, false} {
		// Those whose place is the same choose first: a line that was put in
		// before them could take theirs.
		for i, l := range lines {
			if r := places[place{l.key, string(l.id), l.number, answered}]; r != nil && m.results[i] == nil {
				give(i, r)
			}
		}
		for i, l := range lines {
			from := pool{l.key, answered}
			for m.results[i] == nil && len(pools[from]) > 0 {
				last := len(pools[from]) - 1
				r := pools[from][last]
				pools[from] = pools[from][:last]
				if !used[r] {
					m.moved = true
					r.ID, r.Line = slices.Clone(l.id), l.number
					give(i, r)
				}
			}
		}
	}
	return m
}
