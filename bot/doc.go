// Package bot serves one Slack workspace: it takes messages in over Socket
// Mode, has a model answer them and shows the answers while they grow.
//
//	b, err := bot.New(bot.Options{Slack: …, Provider: …, Store: …})
//	err = b.Run(ctx) // blocks until everything has stopped
//
// # The way of a message
//
// The files carry the names of the stages. In order:
//
//   - socket.go keeps two Socket Mode connections and replaces each before the old
//     one goes; socketconn.go reads one, watchdog.go notices one that is deaf,
//     socketack.go acknowledges an envelope once it was taken in.
//   - envelope.go decodes what Slack sent, slacktext.go its markup.
//   - intake.go decides what a message is: our own echo, a command, or a
//     question. access.go is the one gate, which commands and buttons pass too.
//   - The question becomes a turn: Store.Accept claims all names Slack may
//     deliver it under and stores the turn, in one durable write. This is the
//     journal; from here on a kill loses nothing.
//   - conversation.go runs one worker for each thread. It leases the
//     conversation and answers its turns in Slack's order; what arrives
//     meanwhile is joined into one turn.
//   - turn.go brings a turn to its end, or takes up what an earlier process
//     left. budget.go reserves what the answer may cost, or refuses it, and
//     books what it did cost; budgetnotice.go tells people that a limit is near.
//   - prompt.go makes the request from the history, a pure function; thread.go
//     adds what people said in the thread without mentioning us.
//   - The model answers: package llm, whose retries and fallbacks happen before
//     the first visible text or void it.
//   - reply.go is the message being written, on a goroutine of its own, so that
//     Slack never slows the reading of the model; part.go is one Slack message
//     of it, write.go the calls, streams.go where native streams are refused.
//   - What it shows goes through sanitize.go and links.go, which make a model's
//     text harmless, unfinished.go, which holds back what does not look right
//     yet, and split.go, which cuts it into messages. failure.go has the words
//     for when there is no answer.
//   - pacer.go is asked before every call to Slack and orders those that wait;
//     seat.go keeps a place for each reply's last write; slackcall.go makes the
//     call.
//   - Store.Finish stores answer, history and usage in one write, before the
//     last edit tells people that the answer is whole. Then the turn is done.
//
// Beside the path: catchup.go reads what was said while no socket was open, and
// edits.go follows edits and deletions. command.go answers the slash command,
// usage.go and cost.go its reports (report.go, chart.go and figures.go show them),
// home.go the App Home, weekly.go posts the week's summary. interaction.go answers
// the buttons (stop.go ends an answer, details.go explains one), aside.go tells
// one person something. forget.go and export.go are for
// people's own data, retention.go deletes what has expired, manifest.go prints the
// Slack app.
//
// # States
//
// A turn's state is a promise about Slack: see [storage.State]. The turn's id
// is the marker in the reply's metadata, so that a reply whose ts was never
// stored is found again and not posted twice.
package bot
