package boltstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bobbin-bot/bobbin/storage"
)

// leases are kept in memory: the lock on the file makes this process the only
// one, so a lease need not outlive it. Fences must, or a lease from before a
// restart could pass for a new one; their high half counts the openings of
// the file.
type leases struct {
	mu   sync.Mutex
	boot uint32
	last uint32
	held map[storage.ConversationKey]storage.Lease
}

// holds returns [storage.ErrFenced] unless l is the newest lease on its
// conversation. A lease that is over its time but that nobody else took is
// still good: there is nobody to protect from it.
func (s *leases) holds(l storage.Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.check(l)
}

func (s *leases) check(l storage.Lease) error {
	if held, ok := s.held[l.Key]; !ok || held.Fence != l.Fence || held.Owner != l.Owner {
		return fmt.Errorf("lease on %s: %w", l, storage.ErrFenced)
	}
	return nil
}

func (s *leases) acquire(key storage.ConversationKey, owner string, now time.Time, ttl time.Duration) (storage.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held, ok := s.held[key]; ok && held.Owner != owner && now.Before(held.Until) {
		return storage.Lease{}, fmt.Errorf("acquire %s for %s until %s: %w by %s", key, owner,
			held.Until.Format(time.TimeOnly), storage.ErrLeased, held.Owner)
	}
	s.last++
	l := storage.Lease{Key: key, Owner: owner, Fence: uint64(s.boot)<<32 | uint64(s.last), Until: now.Add(ttl)}
	s.held[key] = l
	return l, nil
}

// Acquire implements [storage.Store]. It takes its turn among the writes,
// though it writes nothing: a write of the last holder that was checked before
// is then committed, and the new holder's reads show it.
func (s *Store) Acquire(ctx context.Context, key storage.ConversationKey, owner string, now time.Time, ttl time.Duration) (storage.Lease, error) {
	var l storage.Lease
	err := s.writer.submit(ctx, func(*change) (err error) {
		l, err = s.leases.acquire(key, owner, now, ttl)
		return err
	})
	if err != nil {
		return storage.Lease{}, err
	}
	return l, nil
}

// Renew implements [storage.Store].
func (s *Store) Renew(ctx context.Context, l storage.Lease, now time.Time, ttl time.Duration) (storage.Lease, error) {
	if err := s.usable(ctx); err != nil {
		return storage.Lease{}, err
	}
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	if err := s.leases.check(l); err != nil {
		return storage.Lease{}, err
	}
	l.Until = now.Add(ttl)
	s.leases.held[l.Key] = l
	return l, nil
}

// Release implements [storage.Store].
func (s *Store) Release(ctx context.Context, l storage.Lease) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	if s.leases.check(l) == nil {
		delete(s.leases.held, l.Key)
	}
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.writer.isClosed() {
		return storage.ErrClosed
	}
	return nil
}
