package boltstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bobbin-bot/bobbin/storage"
)

// Turn implements [storage.Store].
func (s *Store) Turn(ctx context.Context, id string) (storage.Turn, error) {
	var turn storage.Turn
	err := s.read(ctx, func(v view) (err error) {
		turn, err = v.turnByID(id)
		return err
	})
	if err != nil {
		return storage.Turn{}, fmt.Errorf("turn %s: %w", id, err)
	}
	return turn, nil
}

// OpenConversations implements [storage.Store].
func (s *Store) OpenConversations(ctx context.Context) ([]storage.ConversationKey, error) {
	var keys []storage.ConversationKey
	err := s.read(ctx, func(v view) error {
		c := v.cursor(bucketOpen)
		for k, record := c.First(); k != nil; k, record = c.Next() {
			if _, err := unseal(bucketOpen, k, record); err != nil {
				return err
			}
			r := keyReader{decoder{b: k}}
			keys = append(keys, r.thread())
			if err := r.end(); err != nil {
				return damaged(bucketOpen, k, err.Error())
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open conversations: %w", err)
	}
	return keys, nil
}

// Open implements [storage.Store].
func (s *Store) Open(ctx context.Context, key storage.ConversationKey) ([]storage.Turn, error) {
	var turns []storage.Turn
	err := s.read(ctx, func(v view) (err error) {
		turns, err = v.openTurns(key)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open turns of %s: %w", key, err)
	}
	return turns, nil
}

func (v view) openTurns(key storage.ConversationKey) ([]storage.Turn, error) {
	thread := threadKey(key)
	c, ok, err := v.conversation(thread)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, v.absent(bucketThread, conversationKey(thread))
	}
	turns := make([]storage.Turn, 0, len(c.open))
	for _, id := range c.open {
		turn, ok, err := v.turn(key, thread, id)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, missing(bucketThread, turnKey(thread, id))
		}
		turns = append(turns, turn)
	}
	slices.SortFunc(turns, compareTurns)
	return turns, nil
}

// Turns implements [storage.Store].
func (s *Store) Turns(ctx context.Context, key storage.ConversationKey) ([]storage.Turn, error) {
	var turns []storage.Turn
	err := s.read(ctx, func(v view) (err error) {
		turns, err = v.allTurns(key, threadKey(key))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("turns of %s: %w", key, err)
	}
	slices.SortFunc(turns, compareTurns)
	return turns, nil
}

func (v view) allTurns(key storage.ConversationKey, thread []byte) ([]storage.Turn, error) {
	_, ok, err := v.conversation(thread)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, v.absent(bucketThread, conversationKey(thread))
	}
	var turns []storage.Turn
	for turn, err := range v.turns(key, thread) {
		if err != nil {
			return nil, err
		}
		turns = append(turns, turn)
	}
	return turns, nil
}

func compareTurns(a, b storage.Turn) int {
	return cmp.Or(compareTS(a.TS, b.TS), a.ReceivedAt.Compare(b.ReceivedAt), strings.Compare(a.ID, b.ID))
}

// compareTS orders Slack timestamps, "seconds.micros" without leading zeros, as
// numbers. As text, 999.000001 would come after 1000.000001.
func compareTS(a, b string) int {
	aSec, aMicro, _ := strings.Cut(a, ".")
	bSec, bMicro, _ := strings.Cut(b, ".")
	return cmp.Or(cmp.Compare(len(aSec), len(bSec)), strings.Compare(aSec, bSec), strings.Compare(aMicro, bMicro))
}
