package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// families are metrics by their names.
type families map[string]*dto.MetricFamily

// parseMetrics reads metrics in the text format of Prometheus.
func parseMetrics(text io.Reader) (families, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return nil, fmt.Errorf("parse metrics: %w", err)
	}
	return all, nil
}

// scrape reads the named metrics from an address that serves them to everybody. To ask for a few names spares whoever serves them the
// work of writing thousands of lines.
func scrape(ctx context.Context, address string, names ...string) (families, error) {
	query := url.Values{"name[]": names}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, response.Status)
	}
	return parseMetrics(response.Body)
}

// sum adds the values of a counter or gauge over all label sets that contain the given pairs of a label and its value.
func (f families) sum(name string, pairs ...string) float64 {
	total := 0.0
	for _, m := range f[name].GetMetric() {
		labels := labelsOf(m)
		matches := true
		for i := 0; i < len(pairs); i += 2 {
			matches = matches && labels[pairs[i]] == pairs[i+1]
		}
		if matches {
			total += m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
		}
	}
	return total
}

func labelsOf(m *dto.Metric) map[string]string {
	labels := make(map[string]string, len(m.GetLabel()))
	for _, pair := range m.GetLabel() {
		labels[pair.GetName()] = pair.GetValue()
	}
	return labels
}
