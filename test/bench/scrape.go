package main

import (
	"bytes"
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
	content, err := fetch(ctx, address+"?"+url.Values{"name[]": names}.Encode())
	if err != nil {
		return nil, err
	}
	return parseMetrics(bytes.NewReader(content))
}

// fetch reads what an address answers.
func fetch(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody) //nolint:gosec // the operator's own address
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request) //nolint:gosec // as above
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, response.Status)
	}
	return io.ReadAll(response.Body)
}

// sum adds the values of a counter or gauge over all its labels.
func (f families) sum(name string) float64 {
	total := 0.0
	for _, m := range f[name].GetMetric() {
		total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
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
