package plan_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

func labelled(key, value string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

func expression(key string, operator metav1.LabelSelectorOperator, values ...string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
}

func TestSelection(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "red", "stage": "test"}}}
	red, blue := labelled("team", "red"), labelled("team", "blue")
	tests := []struct {
		reason  string
		one     *metav1.LabelSelector
		several []metav1.LabelSelector
		names   []string
		want    bool
	}{
		{reason: "nothing is asked for", want: false},
		{reason: "the one selector matches", one: &red, want: true},
		{reason: "the one selector does not match", one: &blue, want: false},
		{reason: "an empty selector matches everything", one: &metav1.LabelSelector{}, want: true},
		{reason: "an empty one of several does too", several: []metav1.LabelSelector{{}}, want: true},
		{reason: "one of several is enough", several: []metav1.LabelSelector{blue, red}, want: true},
		{reason: "none of several matches", several: []metav1.LabelSelector{blue, labelled("team", "green")}, want: false},
		{reason: "one of all fields is enough", one: &blue, several: []metav1.LabelSelector{blue}, names: []string{"shop"}, want: true},
		{reason: "another name", names: []string{"shop-2"}, want: false},
		{
			reason: "all labels of one selector count", want: false,
			one: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "red", "stage": "live"}},
		},
		{reason: "In", several: []metav1.LabelSelector{expression("team", metav1.LabelSelectorOpIn, "green", "red")}, want: true},
		{reason: "NotIn", several: []metav1.LabelSelector{expression("team", metav1.LabelSelectorOpNotIn, "red")}, want: false},
		{reason: "Exists", several: []metav1.LabelSelector{expression("stage", metav1.LabelSelectorOpExists)}, want: true},
		{reason: "DoesNotExist", several: []metav1.LabelSelector{expression("stage", metav1.LabelSelectorOpDoesNotExist)}, want: false},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			s, err := plan.NewSelection(tt.one, tt.several, tt.names)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Matches(namespace); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestSelectionRefuses(t *testing.T) {
	wrong := expression("team", "Is", "red")
	tests := []struct {
		reason  string
		one     *metav1.LabelSelector
		several []metav1.LabelSelector
		want    []string
	}{
		{"an operator that there is not", &wrong, nil, []string{"spec.namespaceSelector ", `"Is"`}},
		{"the second of several", nil, []metav1.LabelSelector{{}, wrong}, []string{"spec.namespaceSelectors[1] ", `"Is"`}},
		{
			"In without values", nil,
			[]metav1.LabelSelector{expression("team", metav1.LabelSelectorOpIn)},
			[]string{"spec.namespaceSelectors[0] ", "values"},
		},
		{"a key that is none", nil, []metav1.LabelSelector{labelled("the team", "red")}, []string{"spec.namespaceSelectors[0] ", "the team"}},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := plan.NewSelection(tt.one, tt.several, nil)
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("got %v, want an Invalid", err)
			}
			for _, text := range tt.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
		})
	}
}
