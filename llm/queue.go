package llm

import (
	"cmp"
	"slices"
)

// fairQueue holds the requests that wait, by user. Whoever has least running is
// next; among equals, whoever had no turn for longest. A user with a hundred
// questions delays another one's first by one of them.
type fairQueue struct {
	users   []*queuer // those who wait or have something running
	waiting int
	turns   uint64
	arrived uint64
}

type queuer struct {
	name    string
	tickets []*ticket // waiting, oldest first
	running int
	turn    uint64 // number of the last turn; 0: none that is remembered
}

// ticket is a request's place in the queue and then its grant.
type ticket struct {
	user    string
	tokens  int           // to be reserved
	granted chan struct{} // closed with the grant
	arrived uint64
}

// before orders users by who is next. Both wait.
func (u *queuer) before(v *queuer) bool {
	return cmp.Or(
		cmp.Compare(u.running, v.running),
		cmp.Compare(u.turn, v.turn),
		cmp.Compare(u.tickets[0].arrived, v.tickets[0].arrived),
	) < 0
}

func (q *fairQueue) find(name string) *queuer {
	for _, u := range q.users {
		if u.name == name {
			return u
		}
	}
	return nil
}

func (q *fairQueue) push(t *ticket) {
	u := q.find(t.user)
	if u == nil {
		u = &queuer{name: t.user}
		q.users = append(q.users, u)
	}
	q.arrived++
	t.arrived = q.arrived
	u.tickets = append(u.tickets, t)
	q.waiting++
}

// of returns how many requests of the user wait.
func (q *fairQueue) of(name string) int {
	if u := q.find(name); u != nil {
		return len(u.tickets)
	}
	return 0
}

// next returns the ticket whose turn it is, or nil.
func (q *fairQueue) next() *ticket {
	if u := next(q.users); u != nil {
		return u.tickets[0]
	}
	return nil
}

func next(users []*queuer) (best *queuer) {
	for _, u := range users {
		if len(u.tickets) > 0 && (best == nil || u.before(best)) {
			best = u
		}
	}
	return best
}

// serve takes out the ticket whose turn it is; end gives its place back.
func (q *fairQueue) serve(t *ticket) {
	u := q.find(t.user)
	q.turns++
	u.serve(q.turns)
	q.waiting--
}

func (u *queuer) serve(turn uint64) {
	u.tickets = u.tickets[1:]
	u.running++
	u.turn = turn
}

func (q *fairQueue) end(name string) {
	u := q.find(name)
	u.running--
	q.forget()
}

// remove takes out a ticket whose owner gave up.
func (q *fairQueue) remove(t *ticket) {
	u := q.find(t.user)
	i := slices.Index(u.tickets, t)
	u.tickets = slices.Delete(u.tickets, i, i+1)
	q.waiting--
	q.forget()
}

// forget drops who neither waits nor has something running, once nobody waits:
// somebody who asks one question after the other must not pass for new each time.
func (q *fairQueue) forget() {
	if q.waiting == 0 || len(q.users) > maxRemembered {
		q.users = slices.DeleteFunc(q.users, func(u *queuer) bool { return u.running == 0 && len(u.tickets) == 0 })
	}
}

const maxRemembered = 10_000

// position is the place of t, 1 being next, if nobody else comes and nothing
// that runs ends; 0 if t does not wait. It plays the turns that go before t.
func (q *fairQueue) position(t *ticket) int {
	if u := q.find(t.user); u == nil || !slices.Contains(u.tickets, t) {
		return 0
	}
	users := make([]*queuer, len(q.users))
	for i, u := range q.users {
		copied := *u
		users[i] = &copied
	}
	for place := 1; ; place++ {
		u := next(users)
		if u.tickets[0] == t {
			return place
		}
		u.serve(q.turns + uint64(place))
	}
}
