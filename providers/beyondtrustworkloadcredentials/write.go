package beyondtrustworkloadcredentials

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/sdk/workloadcredentials"
	"github.com/sluice-operator/sluice/providers"
)

// Put implements providers.Writer. Labels and annotations are not kept.
func (c *client) Put(ctx context.Context, w providers.Write) error {
	if err := noOptions(w.Options); err != nil {
		return err
	}
	at, err := c.path(w.Key)
	if err != nil {
		return err
	}
	if err := writable(at, w.Fields); err != nil {
		return err
	}
	return c.alone(at, func() error { return c.put(ctx, at, w) })
}

func writable(at workloadcredentials.Path, fields map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == "" {
			return fault.New(fault.Invalid, "a push to static secret %q needs remoteRef.property: a static secret holds named values", at)
		}
		if !utf8.Valid(fields[name]) {
			return fault.New(fault.Invalid, "value %q for static secret %q is not text in UTF-8, and BeyondTrust Workload Credentials holds nothing else: "+
				"encode it, for example with b64enc in a template", name, at)
		}
	}
	return nil
}

// alone runs f while no other write of this process to the same secret does.
func (c *client) alone(at workloadcredentials.Path, f func() error) error {
	key := c.site + " " + at.String()
	c.writing.LockKey(key)
	defer func() { _ = c.writing.UnlockKey(key) }() // it is locked
	return f()
}

func (c *client) put(ctx context.Context, at workloadcredentials.Path, w providers.Write) error {
	what := fmt.Sprintf("static secret %q", at)
	live, err := c.get(ctx, at)
	if fault.Is(err, fault.NotFound) {
		return c.create(ctx, at, what, w)
	}
	if err != nil {
		return err
	}
	if err := w.Unchanged(what, live.Values); err != nil {
		return err
	}
	before, err := owned(live.Tags, live.Values)
	if err != nil {
		return fault.In(err, "%s", what)
	}
	changes, after, err := merge(what, live.Values, before, w)
	if err != nil {
		return err
	}
	return c.write(ctx, live, changes, before, after)
}

// create makes the secret.
func (c *client) create(ctx context.Context, at workloadcredentials.Path, what string, w providers.Write) error {
	if err := w.Unchanged(what, nil); err != nil {
		return err
	}
	values, owners := map[string]string{}, ownership{Created: true, Fields: map[string][]string{}}
	for name, value := range w.Fields {
		values[name], owners.Fields[name] = string(value), []string{w.Owner}
	}
	err := c.make(ctx, at, values)
	if answer, ok := errors.AsType[*workloadcredentials.StatusError](err); ok && answer.Status == http.StatusConflict {
		if err := c.clear(ctx, at, what, err); err != nil {
			return err
		}
		err = c.make(ctx, at, values)
	}
	if err != nil {
		return err
	}
	if err := c.tag(ctx, workloadcredentials.Static{Path: at}, owners); err != nil {
		return c.unmake(ctx, at, what, err)
	}
	return nil
}

func (c *client) make(ctx context.Context, at workloadcredentials.Path, values map[string]string) error {
	err := c.api.Create(ctx, at, values)
	c.observe("CreateStatic", err)
	if fault.Is(err, fault.NotFound) {
		return fault.Wrap(fault.Invalid, err, "%s", fault.Message(err))
	}
	return err
}

// clear makes room for a secret that could not be made, as err says, where one of the same name is deleted and can be restored: for good,
// when a push had made it. What somebody else has deleted is not touched.
func (c *client) clear(ctx context.Context, at workloadcredentials.Path, what string, err error) error {
	former, unread := c.api.Metadata(ctx, at)
	c.observe("GetStaticMetadata", unread)
	if unread != nil || !former.Deleted {
		return fault.Wrap(fault.Unavailable, err, "%s was created by somebody else at the same time", what)
	}
	if was, unreadable := owned(former.Tags, nil); unreadable != nil || !was.Created {
		return fault.Wrap(fault.Conflict, err, "%s was deleted by somebody else, and can be restored: restore it, or delete it for good", what)
	}
	return c.delete(ctx, at, true)
}

// unmake takes away what was just made, and belongs to nobody since its tags could not be written, as err says.
func (c *client) unmake(ctx context.Context, at workloadcredentials.Path, what string, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
	defer cancel()
	if left := c.delete(ctx, at, true); left != nil {
		return fault.In(err, "%s was created and could not be marked as Sluice's, nor be taken away again (%s)", what, fault.Message(left))
	}
	return fault.In(err, "%s was created, could not be marked as Sluice's, and was taken away again", what)
}

func (c *client) delete(ctx context.Context, at workloadcredentials.Path, permanent bool) error {
	err := c.api.Delete(ctx, at, permanent)
	c.observe("DeleteStatic", err)
	return err
}

// merge returns what w changes, with nil for a value that goes, and who owns what after it.
func merge(what string, live map[string][]byte, before ownership, w providers.Write) (map[string]*string, ownership, error) {
	changes, after := map[string]*string{}, before.clone()
	for _, name := range slices.Sorted(maps.Keys(live)) {
		wanted, wants := w.Fields[name]
		same := wants && bytes.Equal(live[name], wanted)
		if err := allowed(fmt.Sprintf("value %q of %s", name, what), name, before, w, same); err != nil {
			return nil, after, err
		}
		switch {
		case same:
			after.join(name, w.Owner)
		case wants:
			changes[name], after.Fields[name] = new(string(wanted)), []string{w.Owner}
		case w.Clears():
			changes[name] = nil
			delete(after.Fields, name)
		case w.Prune && before.owns(name, w.Owner) && !after.leave(name, w.Owner):
			changes[name] = nil
		}
	}
	for name, value := range w.Fields {
		if _, exists := live[name]; !exists {
			changes[name], after.Fields[name] = new(string(value)), []string{w.Owner}
		}
	}
	return changes, after, nil
}

// allowed returns an error when w would change or remove a value that it may not take from one of its owners.
func allowed(subject, name string, before ownership, w providers.Write, same bool) error {
	_, wants := w.Fields[name]
	for _, other := range before.others(name, w.Owner) {
		takes := wants && !same && !w.TakesFrom(other, name)
		clears := !wants && w.Clears() && !w.ClearsFrom(other)
		if takes || clears {
			return w.Refusal(subject, other)
		}
	}
	return nil
}

// Delete implements providers.Writer.
func (c *client) Delete(ctx context.Context, r providers.Removal) error {
	if err := noOptions(r.Options); err != nil {
		return err
	}
	at, err := c.path(r.Key)
	if err != nil {
		return err
	}
	err = c.alone(at, func() error { return c.remove(ctx, at, r) })
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func (c *client) remove(ctx context.Context, at workloadcredentials.Path, r providers.Removal) error {
	live, err := c.get(ctx, at)
	if err != nil {
		return err
	}
	before, err := owned(live.Tags, live.Values)
	if err != nil {
		return fault.In(err, "static secret %q", at)
	}
	changes, after := map[string]*string{}, before.clone()
	for name := range live.Values {
		if before.owns(name, r.Owner) && r.Removes(name) && !after.leave(name, r.Owner) {
			changes[name] = nil
		}
	}
	if before.Created && len(changes) > 0 && len(changes) == len(live.Values) {
		return c.delete(ctx, at, false)
	}
	return c.write(ctx, live, changes, before, after)
}

// write changes the values, and who owns them; nothing where nothing changes. What is written is claimed first and what is removed is
// given up last: a process that dies in between, or may not write tags, leaves no value that nobody owns.
func (c *client) write(
	ctx context.Context, live workloadcredentials.Static, changes map[string]*string, before, after ownership,
) error {
	claimed := before.claim(after, live.Values)
	if !claimed.equal(before) {
		if err := c.tag(ctx, live, claimed); err != nil {
			return err
		}
	}
	if len(changes) > 0 {
		err := c.api.Patch(ctx, live.Path, changes)
		c.observe("UpdateStatic", err)
		if err != nil {
			return err
		}
	}
	if after.equal(claimed) {
		return nil
	}
	return c.tag(ctx, live, after)
}

func (c *client) tag(ctx context.Context, live workloadcredentials.Static, owners ownership) error {
	tags, err := owners.tags(live.Tags)
	if err != nil {
		return err
	}
	err = c.api.Tag(ctx, live.Path, tags)
	c.observe("TagStatic", err)
	return err
}
