package llmsim

// The sentences of DefaultAnswer.

var openings = []string{
	"Happy to help with %s. I am a model that runs on this machine and answers from prepared sentences, at the speed of a real one.",
	"You wrote %s. I am a local stand-in for a model, so take the shape of this answer more seriously than its wisdom.",
	"Here is what I have on %s. Nothing leaves this machine: I am a small simulator that speaks the same protocol as a real model.",
}

var closings = []string{
	"Ask me anything else in this thread: I keep what was said before.",
	"Tell me which of these points you would like to go into, and I will go on from there.",
	"You can also ask for a *table* or for some *code*, to see how they look here.",
}

// topic is what the answer is about. The first one whose words occur is taken;
// the last has none and fits all.
type topic struct {
	words     []string
	body      string
	listIntro string
	list      []string
}

func pick(from []topic, asked map[string]bool) topic {
	for _, t := range from[:len(from)-1] {
		if anyOf(asked, t.words...) {
			return t
		}
	}
	return from[len(from)-1]
}

var topics = []topic{
	{
		words:     []string{"error", "errors", "bug", "crash", "fails", "failing", "broken", "incident", "outage", "down", "slow"},
		body:      "When something breaks, the fastest way out is usually the last change that went in. Look for what is different between the moment when it worked and the moment when it did not, and write down each thing that you rule out, so that nobody checks it twice.",
		listIntro: "I would go through it in this order:",
		list: []string{
			"**Scope**: who is affected, since when, and is it getting worse?",
			"**Change**: what was deployed, configured or renewed shortly before?",
			"**Evidence**: one failing request with its log lines is worth more than a graph of many.",
			"**Relief**: roll back first if you can, and explain it afterwards.",
		},
	},
	{
		words:     []string{"deploy", "deployment", "release", "ship", "rollout", "migrate", "migration", "upgrade"},
		body:      "A release is calm when going back is as easy as going forward. Small steps, each of which can be undone alone, beat one big step that has to succeed.",
		listIntro: "Before you start:",
		list: []string{
			"**Backup**: take one, and restore it somewhere to see that it is one.",
			"**Order**: change the schema first, the readers second, the writers last.",
			"**Watch**: agree on the one number that tells you to stop.",
			"**Time**: not on a Friday afternoon, unless it mends something.",
		},
	},
	{
		words:     []string{"summary", "summarise", "summarize", "recap", "meeting", "notes", "minutes", "thread"},
		body:      "A good summary says what was decided, what is still open and who does what next. Who said it first rarely matters, and how long it took never does.",
		listIntro: "In short:",
		list: []string{
			"**Decided**: the plan stands, and the first half can begin now.",
			"**Open**: the date depends on one review that is still missing.",
			"**Next**: send the draft round, collect objections for two days, then close it.",
		},
	},
	{
		words:     []string{"hello", "hi", "hey", "thanks", "thank", "morning"},
		body:      "It is nice to hear from you. I live in this workspace, I answer in threads, and I remember what was said in each of them.",
		listIntro: "Some things to try:",
		list: []string{
			"ask how to **deploy** on a quiet day, or what to do in an **outage**,",
			"ask for a **table** that compares two ways of doing something,",
			"ask for the **code** of a small function.",
		},
	},
	{
		body:      "There is rarely one right answer, but there is nearly always a cheap first step that tells you more than another hour of thinking. Start with what you could still change next week, and leave the decisions that bind you for when you know more.",
		listIntro: "A way to go about it:",
		list: []string{
			"**Goal**: write one sentence that says how you would notice success.",
			"**Smallest step**: do the part that teaches you most, even if it is not the first part.",
			"**Feedback**: show it to someone who was not in the room.",
			"**Decide**: keep it, change it or drop it, and note why.",
		},
	},
}

const tablePart = `| | First way | Second way |
|---|---|---|
| Effort | one afternoon | two weeks |
| Risk | low, easy to undo | medium |
| Good for | finding out | the long run |
| Cost a month | $12 | $90 |`

// codeFor returns a code block in the language that was asked for.
func codeFor(asked map[string]bool) string {
	switch {
	case anyOf(asked, "python", "py"):
		return "```python\n" + `def retry(call, attempts=3):
    """Try a call a few times and raise its last error."""
    for attempt in range(1, attempts + 1):
        try:
            return call()
        except ConnectionError:
            if attempt == attempts:
                raise
` + "```"
	case anyOf(asked, "sql", "query", "database"):
		return "```sql\n" + `SELECT user_id, count(*) AS turns, sum(cost) AS cost
FROM   turns
WHERE  asked_at >= now() - interval '7 days'
GROUP  BY user_id
ORDER  BY cost DESC
LIMIT  10;
` + "```"
	default:
		return "```go\n" + `// Retry calls f up to n times and returns its last error.
func Retry(n int, f func() error) error {
	var err error
	for range n {
		if err = f(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("after %d attempts: %w", n, err)
}
` + "```"
	}
}
