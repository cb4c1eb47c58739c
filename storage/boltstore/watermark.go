package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// markPrefix begins the keys of watermarks in bucketMeta; the channel's id
// follows.
const markPrefix = "mark/"

// SetWatermarks implements [storage.Store].
func (s *Store) SetWatermarks(ctx context.Context, marks []storage.Watermark) error {
	if len(marks) == 0 {
		return ctx.Err()
	}
	marks = append([]storage.Watermark(nil), marks...)
	if err := s.writer.submit(ctx, func(c *change) error {
		for _, m := range marks {
			key := []byte(markPrefix + m.ChannelID)
			old, ok, err := c.watermark(key)
			if err != nil {
				return err
			}
			if ok && compareTS(m.TS, old.TS) <= 0 {
				continue
			}
			e := newEncoder(32)
			e.string(m.TS)
			e.bool(m.Shared)
			c.put(bucketMeta, key, e)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("set watermarks: %w", err)
	}
	return nil
}

func (v view) watermark(key []byte) (m storage.Watermark, ok bool, err error) {
	payload, ok, err := v.get(bucketMeta, key)
	if !ok {
		return m, false, err
	}
	m, err = decodeWatermark(key, payload)
	return m, err == nil, err
}

func decodeWatermark(key, payload []byte) (storage.Watermark, error) {
	d := decoder{b: payload}
	m := storage.Watermark{ChannelID: string(key[len(markPrefix):]), TS: d.string(), Shared: d.bool()}
	if err := d.end(); err != nil {
		return m, damaged(bucketMeta, key, err.Error())
	}
	return m, nil
}

// Watermarks implements [storage.Store].
func (s *Store) Watermarks(ctx context.Context) ([]storage.Watermark, error) {
	var marks []storage.Watermark
	err := s.read(ctx, func(v view) error {
		c := v.cursor(bucketMeta)
		prefix := []byte(markPrefix)
		for k, record := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, record = c.Next() {
			payload, err := unseal(bucketMeta, k, record)
			if err != nil {
				return err
			}
			m, err := decodeWatermark(k, payload)
			if err != nil {
				return err
			}
			marks = append(marks, m)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read watermarks: %w", err)
	}
	return marks, nil
}

// Recent implements [storage.Store].
func (s *Store) Recent(ctx context.Context, since time.Time, limit int) ([]storage.ConversationKey, error) {
	keys, err := s.OpenConversations(ctx)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(v view) error {
		c := v.cursor(bucketIdle)
		first := idleKey(hourOf(since), nil)
		for k, record := c.Last(); k != nil && bytes.Compare(k, first) >= 0 && len(keys) < limit; k, record = c.Prev() {
			if _, err := unseal(bucketIdle, k, record); err != nil {
				return err
			}
			r := keyReader{decoder{b: k[hourSize:]}}
			key := r.thread()
			if err := r.end(); err != nil {
				return damaged(bucketIdle, k, err.Error())
			}
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("recent conversations: %w", err)
	}
	return keys[:min(len(keys), limit)], nil
}
