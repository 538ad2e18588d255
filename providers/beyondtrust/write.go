package beyondtrust

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// Put implements providers.Writer. Who owns the secret stands in the last line of its notes. Between two clients that write one secret
// at the same moment, the last one wins: Secrets Safe knows no condition for a write.
func (c *client) Put(ctx context.Context, w providers.Write) error {
	value, err := wholeOf(w)
	if err != nil {
		return err
	}
	d, err := c.pushable(w.Key, w.Options)
	if err != nil {
		return err
	}
	if err := c.writing.enter(ctx); err != nil {
		return err
	}
	defer c.writing.leave()
	in, live, err := c.look(ctx, d)
	if fault.Is(err, fault.NotFound) {
		return fault.Wrap(fault.Invalid, err, "%s: create it first", fault.Message(err))
	}
	if err != nil {
		return err
	}
	if err := w.Unchanged(fmt.Sprintf("secret %q", d.title), live.fields()); err != nil {
		return err
	}
	self, err := pushedBy(w.Owner, d)
	switch {
	case err != nil:
		return fault.Wrap(fault.Unknown, err, "metadata has no JSON form")
	case live == nil:
		return c.create(ctx, d, in, value, self)
	default:
		return c.change(ctx, d, live, value, self, w)
	}
}

// Delete implements providers.Writer.
func (c *client) Delete(ctx context.Context, r providers.Removal) error {
	if (r.Fields != nil && !slices.Contains(r.Fields, "")) || len(r.Keep) > 0 {
		return nil
	}
	d, err := c.pushable(r.Key, r.Options)
	if err != nil {
		return err
	}
	if err := c.writing.enter(ctx); err != nil {
		return err
	}
	defer c.writing.leave()
	_, live, err := c.look(ctx, d)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	self := pusher{Name: r.Owner, Place: digest(d.place)}
	if err != nil || live == nil || live.mark.at(self) < 0 {
		return err
	}
	left := live.mark.without(self)
	if len(left.Owners) == 0 && left.Created {
		return c.remove(ctx, live)
	}
	return c.update(ctx, destination{title: d.title}, live, live.value, left, live.notes)
}

// pushable returns where a push goes, when the store can be pushed to.
func (c *client) pushable(key string, options json.RawMessage) (destination, error) {
	switch {
	case !c.secrets && options == nil:
		return destination{}, fault.New(fault.Unsupported, "managed accounts cannot be written to: set %s.server.retrievalType: SECRET", specPath)
	case !c.decrypt:
		return destination{}, fault.New(fault.Unsupported, "a store with %s.server.decrypt: false cannot be written to, since it does not "+
			"see what is there", specPath)
	}
	return c.destination(key, options)
}

// pushed is a secret that is there.
type pushed struct {
	*element

	value []byte
	notes string // without the mark
	mark  mark
}

// fields returns what the secret holds, as a Write names it; nil when there is none.
func (p *pushed) fields() map[string][]byte {
	if p == nil {
		return nil
	}
	return map[string][]byte{"": p.value}
}

// look returns the folder of a push, fault.NotFound when there is none, and the secret there with its value, nil when there is none.
func (c *client) look(ctx context.Context, d destination) (in folder, live *pushed, err error) {
	if in, err = c.folder(ctx, d); err != nil {
		return in, nil, err
	}
	at := in.holding(d.title)
	found, err := c.find(ctx, at)
	if fault.Is(err, fault.NotFound) {
		return in, nil, nil
	}
	if err != nil {
		return in, nil, err
	}
	live = &pushed{element: found}
	live.notes, live.mark = splitNotes(found.Notes)
	live.value, err = c.value(ctx, at, found)
	return in, live, err
}

// change makes the secret hold the value, when w may do that.
func (c *client) change(ctx context.Context, d destination, live *pushed, value []byte, self pusher, w providers.Write) error {
	if bytes.Equal(live.value, value) {
		if len(live.mark.Owners) == 0 || slices.Contains(live.mark.Owners, self) {
			return nil // nothing has changed, or it belongs to somebody else, who holds the same value
		}
		return c.update(ctx, d, live, value, live.mark.with(self), cmp.Or(d.Notes, live.notes))
	}
	others := live.mark.others(w.Owner)
	if len(live.mark.Owners) == 0 {
		others = []string{cmp.Or(live.ModifiedBy, "another user of Password Safe")}
	}
	for _, other := range others {
		if !w.TakesFrom(other, "") {
			return w.Refusal(fmt.Sprintf("secret %q", d.title), other)
		}
	}
	return c.update(ctx, d, live, value, mark{Created: live.mark.Created, Owners: []pusher{self}}, cmp.Or(d.Notes, live.notes))
}

func (c *client) create(ctx context.Context, d destination, in folder, value []byte, self pusher) error {
	err := c.write(ctx, writing{
		call: call{
			name: "CreateSecret", what: fmt.Sprintf("create secret %q in folder %q", d.title, in.path), method: http.MethodPost,
			path: "secrets-safe/folders/" + url.PathEscape(in.ID) + "/secrets",
		},
		destination: d, kind: d.kindOf(value), value: value, mark: mark{Created: true, Owners: []pusher{self}}, notes: d.Notes,
	})
	if statusOf(err) == http.StatusConflict {
		return fault.Wrap(fault.Unavailable, err, "secret %q was created by somebody else at the same time", d.title)
	}
	return err
}

func (c *client) update(ctx context.Context, d destination, live *pushed, value []byte, m mark, notes string) error {
	if d.SecretType != "" && d.SecretType != live.kind() {
		return fault.New(fault.Invalid, "secret %q is of type %s, and metadata.secret_type is %s: a secret keeps its type, so delete it first",
			d.title, live.kind(), d.SecretType)
	}
	return c.write(ctx, writing{
		call: call{
			name: "UpdateSecret", what: fmt.Sprintf("update secret %q", d.title), method: http.MethodPut,
			path: "secrets-safe/secrets/" + url.PathEscape(live.ID),
		},
		destination: d, kind: live.kind(), value: value, live: live.element, mark: m, notes: notes,
	})
}

func (c *client) remove(ctx context.Context, live *pushed) error {
	_, err := c.session.do(ctx, call{
		name: "DeleteSecret", what: fmt.Sprintf("delete secret %q", live.Title), method: http.MethodDelete,
		path: "secrets-safe/secrets/" + url.PathEscape(live.ID),
	})
	return err
}

// writing is a call that gives a secret its content.
type writing struct {
	call
	destination

	kind  string
	value []byte
	live  *element
	mark  mark
	notes string
}

func (c *client) write(ctx context.Context, w writing) error {
	live, err := c.session.current(ctx, nil)
	if err != nil {
		return err
	}
	sent, err := w.content(w.kind, w.value, w.live, live.user, c.version)
	if err != nil {
		return err
	}
	if sent.Notes, err = w.mark.in(w.notes); err != nil {
		return fault.Wrap(fault.Unknown, err, "%s: its mark has no JSON form", w.what)
	}
	if utf8.RuneCountInString(sent.Notes) > maxNotes {
		return fault.New(fault.Invalid, "%s: its notes leave no room to say who pushes it: they have at most %d characters",
			w.what, maxNotes)
	}
	made := w.call
	if made.body, made.contentType, err = sent.encode(); err != nil {
		return fault.Wrap(fault.Unknown, err, "%s: it has no form to be sent in", w.what)
	}
	if w.kind != kindCredential {
		made.path += "/" + strings.ToLower(w.kind)
	}
	made.query = c.withVersion(url.Values{})
	_, err = c.session.do(ctx, made)
	return err
}
