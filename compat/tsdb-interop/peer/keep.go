//go:build keep

// Keeps what Prometheus' own commands need in the module file.
package main

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
