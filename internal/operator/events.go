package operator

import (
	"fmt"
	"hash/fnv"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	"github.com/sluice-operator/sluice/internal/pipeline/report"
)

// tellingApart is a recorder that makes an event of every different note. The recorder within takes events that differ in
// their note alone for repetitions of the first, so that nobody would read what else went wrong.
type tellingApart struct{ events.EventRecorder }

// Eventf implements events.EventRecorder.
func (r tellingApart) Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any) {
	text := fmt.Sprintf(note, args...)
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(text)) // a hash takes everything
	r.EventRecorder.Eventf(regarding, related, eventtype, reason, fmt.Sprintf("%s-%08x", action, sum.Sum32()), "%s", report.Note(text))
}
