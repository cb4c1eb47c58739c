package storage

import "time"

// Verdict is one person's feedback on an answer.
type Verdict struct {
	UserID string
	Value  int // +1 or -1
	Turn   Turn
}

// Conversation is an entry of a person's list of theirs.
type Conversation struct {
	Key      ConversationKey
	Question string    // what they asked first that is still known
	Turns    int       // theirs
	Active   time.Time // when anything last happened in it
}
