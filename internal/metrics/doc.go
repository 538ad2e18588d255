// Package metrics is for what operators of Sluice watch: counters and gauges under the names that dashboards for the
// External Secrets API know.
package metrics
