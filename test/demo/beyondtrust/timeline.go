package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-operator/sluice/test/fakes/beyondtrust"
	"github.com/sluice-operator/sluice/test/story"
)

// line is the life of one of the credentials, each time from the beginning of the demo.
type line struct {
	lease            string
	began, left, end time.Duration
}

// watch looks at the Secret until the demo ends, and tells of each change.
func watch(ctx context.Context, w *story.World, service *beyondtrust.WorkloadCredentials) ([]line, error) {
	began := time.Now()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	var lines []line
	for time.Since(began) < length {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-look.C:
		}
		var s corev1.Secret
		err := w.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "aws-temp-credentials"}, &s)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("read the secret: %w", err)
		}
		lease, last := string(s.Data["leaseId"]), len(lines)-1
		if lease == "" || last >= 0 && lines[last].lease == lease {
			continue
		}
		until, err := time.Parse(time.RFC3339, string(s.Data["expiration"]))
		if err != nil {
			return nil, fmt.Errorf("read the field expiration: %w", err)
		}
		now := time.Since(began)
		if last >= 0 {
			lines[last].left = now
			fmt.Printf("%4.0f s  replaced, %.0f s before they end\n", now.Seconds(), (lines[last].end - now).Seconds())
		}
		lines = append(lines, line{lease: lease, began: now, left: length, end: until.Sub(began)})
		fmt.Printf("%4.0f s  %s %s, lease %s, until %s (%d in force)\n",
			now.Seconds(), s.Name, s.Data["accessKeyId"], lease, s.Data["expiration"], service.Counts().Live)
	}
	return lines, nil
}

// draw shows when each of the credentials was in the Secret, and when it was in force beside its successor.
func draw(to io.Writer, lines []line) {
	const step = 3 * time.Second
	columns := func(from, until time.Duration, mark string) string {
		until = min(until, length)
		return strings.Repeat(mark, max(int(until/step)-int(from/step), 0))
	}
	_, _ = fmt.Fprintf(to, "\nA column is %s; = in the Secret, - still in force\n\n", step)
	for _, l := range lines {
		_, _ = fmt.Fprintf(to, "%.8s |%s%s%s\n", l.lease, columns(0, l.began, " "), columns(l.began, l.left, "="), columns(l.left, l.end, "-"))
	}
}
