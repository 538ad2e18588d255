package providers_test

import (
	"testing"

	"github.com/sluice-operator/sluice/providers"
)

func TestRemoves(t *testing.T) {
	tests := []struct {
		reason       string
		fields, keep []string
		want         bool
	}{
		{reason: "without a list, everything goes", want: true},
		{reason: "what is listed goes", fields: []string{"b", "a"}, want: true},
		{reason: "what is not listed stays", fields: []string{"b"}},
		{reason: "an empty list removes nothing", fields: []string{}},
		{reason: "what another write wants stays", keep: []string{"a"}},
		{reason: "also where it is listed", fields: []string{"a"}, keep: []string{"a"}},
		{reason: "what another write wants of something else does not matter", keep: []string{"b"}, want: true},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if got := (providers.Removal{Fields: tt.fields, Keep: tt.keep}).Removes("a"); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
