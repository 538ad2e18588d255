package webhook

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sluice-operator/sluice/internal/fault"
)

// FuzzMembers feeds foreign answers and paths: whatever they are, the result has values or an error that says what is wrong
// and quotes nothing.
func FuzzMembers(f *testing.F) {
	f.Add(`{"data":{"a":"b","n":1e400,"o":{"x":[null]}}}`, "$.data")
	f.Add(`{"data":"{\"a\":\"do-not-quote\"}"}`, `$["data"]`)
	f.Add(`[[[[{}]]]]`, "$[0][-1][0]")
	f.Add(`"do-not-quote"`, "")
	f.Add("{\"\xff\":\"\xff\"}", "$['\\u00e9']")
	f.Fuzz(func(t *testing.T, answer, text string) {
		path, err := parsePath(text)
		if err == nil {
			var data map[string][]byte
			data, err = members([]byte(answer), path)
			if err == nil && !json.Valid([]byte(answer)) {
				t.Errorf("%d values of what is not JSON", len(data))
			}
		}
		if err != nil && (!fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "do-not-quote")) {
			t.Errorf("the error is %v (%v)", err, fault.KindOf(err))
		}
	})
}
