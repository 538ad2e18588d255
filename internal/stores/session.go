package stores

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/retry"
	"github.com/sluice-operator/sluice/providers"
)

// readTimeout bounds a read that several wait for, with all its retries.
const readTimeout = 5 * time.Minute

// Session is one use of a store, usually one reconciliation long. It reads each secret once and answers from memory
// afterwards, so that everything taken from one secret is of one version. Where the store is watched, it answers from what
// the watch has told. It is safe for concurrent use; what it returns is to be read only. All its errors are faults that name
// the store, and fault.NotFound means that a secret, or a property in it, is certainly absent.
type Session struct {
	pool     *Pool
	name     providers.Store
	spec     *esv1.SecretStoreSpec
	provider providers.Provider
	retry    retry.Policy
	key      key
	live     bool

	mu   sync.Mutex
	memo map[providers.Ref]*memo
}

// memo is the secret of one Ref. Its mutex makes concurrent readers of one secret wait for the first.
type memo struct {
	mu    sync.Mutex
	known bool
	// told says that the watch has told it, and not the store.
	told   bool
	secret providers.Secret
	err    error
}

// Store names the store.
func (s *Session) Store() providers.Store { return s.name }

// Check returns no error when the store is usable, also for a provider that has no check beyond being opened, and what it
// cannot do with the rights at hand, empty for nothing. A fault.Unavailable error says that this could not be found out.
func (s *Session) Check(ctx context.Context) (limits string, err error) {
	err = s.call(ctx, func(ctx context.Context, c providers.Client) error {
		checker, ok := c.(providers.Checker)
		if !ok {
			return nil
		}
		limits, err = checker.Check(ctx)
		return err
	})
	return limits, err
}

// Push writes to one secret.
func (s *Session) Push(ctx context.Context, w providers.Write) error {
	if err := checkSizes(w.Key, w.Fields); err != nil {
		return s.in(err)
	}
	defer s.forget(w.Key)
	w.Written = func(version string) { s.pool.expect(s.key, w.Key, version, w.Owner) }
	return s.call(ctx, func(ctx context.Context, c providers.Client) error {
		writer, ok := c.(providers.Writer)
		if !ok {
			return s.unsupported("be written to")
		}
		return writer.Put(ctx, w)
	})
}

// Delete removes what was pushed to one secret. What is absent already is no error.
func (s *Session) Delete(ctx context.Context, r providers.Removal) error {
	defer s.forget(r.Key)
	return s.call(ctx, func(ctx context.Context, c providers.Client) error {
		writer, ok := c.(providers.Writer)
		if !ok {
			return s.unsupported("be deleted from")
		}
		return writer.Delete(ctx, r)
	})
}

// Locate names the place that a Push of this key with these options goes to. Two pushes to one place have the same name.
func (s *Session) Locate(ctx context.Context, key string, options json.RawMessage) (place string, err error) {
	place = key
	err = s.call(ctx, func(_ context.Context, c providers.Client) error {
		if locator, ok := c.(providers.Locator); ok {
			place, err = locator.Locate(key, options)
		}
		return err
	})
	return place, err
}

// Read returns the secret that a Push of the same key and options would change. It is read anew each time.
func (s *Session) Read(ctx context.Context, key string, options json.RawMessage) (providers.Secret, error) {
	return s.fetch(ctx, providers.Ref{Key: key}, options)
}

// Exact returns what a push to a property of a secret that Read has returned would change: the value of one field, or all of it
// when property is empty. Property is a name here and never a path.
func (s *Session) Exact(secret providers.Secret, key, property string) ([]byte, error) {
	value, err := exact(secret, key, property)
	return value, s.in(err)
}

// read returns the secret of ref, from the store the first time. Only what is certain is remembered: a secret, or its absence.
func (s *Session) read(ctx context.Context, ref providers.Ref) (providers.Secret, error) {
	s.mu.Lock()
	m := s.memo[ref]
	if m == nil {
		m = &memo{}
		s.memo[ref] = m
	}
	s.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.known {
		m.secret, m.told, m.err = s.look(ctx, ref)
		m.known = m.err == nil || fault.Is(m.err, fault.NotFound)
	}
	return m.secret, m.err
}

// look returns the secret of ref as the watch of the store tells it, and else as the store does, which others who look for
// it at the same time do not ask again. That a secret is absent is for the store alone to say.
func (s *Session) look(ctx context.Context, ref providers.Ref) (secret providers.Secret, told bool, err error) {
	if s.live {
		secret, err = s.fetch(ctx, ref, nil)
		return secret, false, err
	}
	w := s.pool.watching(ctx, s.key)
	if w != nil && ref.Version == "" {
		if secret, certain := w.mirror.get(ref.Key, s.pool.config.Clock.Now()); certain {
			return secret, true, s.in(checkSecret(ref.Key, secret))
		}
	}
	read := s.pool.reads.DoChan(s.key.String()+"\n"+ref.Version+"\n"+ref.Key, func() (read any, err error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		defer func() {
			// Here nobody else would catch it, and the process would end.
			if problem := recover(); problem != nil {
				err = s.in(fault.New(fault.Unknown, "provider %s failed by a mistake of its own", s.provider.Name()))
			}
		}()
		return s.fetch(ctx, ref, nil)
	})
	select {
	case result := <-read:
		secret, _ := result.Val.(providers.Secret)
		if w != nil && result.Err == nil && ref.Version == "" {
			w.mirror.fill(ref.Key, secret)
		}
		return secret, false, result.Err
	case <-ctx.Done():
		return providers.Secret{}, false, s.in(classify(ctx.Err()))
	}
}

// reread returns the secret of ref as the store has it, when it was the watch that told it before: that something is absent
// is for the store alone to say.
func (s *Session) reread(ctx context.Context, ref providers.Ref) (providers.Secret, error) {
	s.mu.Lock()
	m := s.memo[ref]
	s.mu.Unlock()
	if m == nil {
		return s.fetch(ctx, ref, nil)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.told {
		m.secret, m.err = s.fetch(ctx, ref, nil)
		m.told, m.known = false, m.err == nil || fault.Is(m.err, fault.NotFound)
	}
	return m.secret, m.err
}

func (s *Session) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref := range s.memo {
		if ref.Key == key {
			delete(s.memo, ref)
		}
	}
}

func (s *Session) fetch(ctx context.Context, ref providers.Ref, options json.RawMessage) (secret providers.Secret, err error) {
	err = s.call(ctx, func(ctx context.Context, c providers.Client) error {
		if locator, ok := c.(providers.Locator); ok && options != nil {
			secret, err = locator.GetAt(ctx, ref, options)
			return err
		}
		reader, ok := c.(providers.Reader)
		if !ok {
			return s.unsupported("be read")
		}
		secret, err = reader.Get(ctx, ref)
		return err
	})
	if err == nil {
		err = s.in(checkSecret(ref.Key, secret))
	}
	return secret, err
}

// call runs op with the store's client, and again where the store's spec asks for retries.
func (s *Session) call(ctx context.Context, op func(context.Context, providers.Client) error) error {
	return s.in(s.retry.Run(ctx, s.pool.config.Clock, retry.Passing, func() error {
		e, err := s.pool.acquire(ctx, s)
		if err != nil {
			return notAbsent(classify(err))
		}
		defer s.pool.release(ctx, e)
		err = classify(op(ctx, e.client))
		s.pool.judge(ctx, s.key, e, err)
		return err
	}))
}

// classify gives a kind to errors of the context, which clients pass on as they are.
func classify(err error) error {
	var known *fault.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(fault.Unavailable, err, "the store did not answer in time")
	case errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Unavailable, err, "the call was cancelled")
	}
	return err
}

// notAbsent makes a failure to open a store one that nobody takes for an absent secret.
func notAbsent(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.Wrap(fault.Invalid, err, "%s", fault.Message(err))
	}
	return err
}

// in names the store in front of an error. The text of an error without a kind is kept out of the message.
func (s *Session) in(err error) error { return fault.In(err, "%s %q", s.name.Kind, s.name.Name) }

func (s *Session) unsupported(ability string) error {
	return fault.New(fault.Unsupported, "stores of provider %s cannot %s", s.provider.Name(), ability)
}
