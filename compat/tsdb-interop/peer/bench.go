package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/common/promslog"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

// bench appends SAMPLES samples to each of SERIES series, BATCH of them in one commit, references kept, and prints what the process used.
func bench(args []string) error {
	series, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	samples, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	batch := 5000
	if len(args) > 3 {
		if batch, err = strconv.Atoi(args[3]); err != nil {
			return err
		}
	}
	options := tsdb.DefaultOptions()
	options.WALCompression = compression.Snappy
	db, err := tsdb.Open(args[2], promslog.NewNopLogger(), nil, options, tsdb.NewDBStats())
	if err != nil {
		return err
	}
	db.DisableCompactions()
	all := make([]labels.Labels, series)
	for i := range all {
		all[i] = labelsOf(i)
	}
	refs := make([]storage.SeriesRef, series)
	values := make([]float64, series)
	const start = 1_700_006_400_000
	// The first sample makes the series: it isn't part of the measured time.
	if err := appendAll(db, all, refs, values, start, 0, batch); err != nil {
		return err
	}
	cpu := cpuSeconds()
	began := time.Now()
	for k := 1; k < samples; k++ {
		if err := appendAll(db, all, refs, values, start, k, batch); err != nil {
			return err
		}
	}
	used := cpuSeconds() - cpu
	wall := time.Since(began).Seconds()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	count := float64(series) * float64(samples-1)
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"cpu_ns_per_sample": used * 1e9 / count, "wall_ns_per_sample": wall * 1e9 / count, "heap_bytes": float64(m.HeapInuse),
		"resident_bytes": status("VmRSS"), "anonymous_bytes": status("RssAnon") + status("RssShmem"),
	})
}

// labelsOf names a series as the benchmark's own pages do.
func labelsOf(i int) labels.Labels {
	method := "POST"
	if i&1 == 1 {
		method = "GET"
	}
	return labels.FromStrings("__name__", fmt.Sprintf("http_requests_%d_total", i%50), "job", "api", "instance",
		fmt.Sprintf("10.%d.%d.%d:9090", i>>16, i>>8&255, i&255), "code", strconv.Itoa(200+i%5), "path", fmt.Sprintf("/x/%d", i%100),
		"env", "prod", "cluster", "eu-1", "method", method)
}

func appendAll(db *tsdb.DB, all []labels.Labels, refs []storage.SeriesRef, values []float64, start int64, k, batch int) error {
	t := start + int64(k)*15_000
	for i := range values {
		if i&3 == 3 {
			values[i] = 20 + float64((i*31+k*17)%1000)/100
		} else {
			values[i] += float64((i*7 + k*13) % 50)
		}
	}
	for from := 0; from < len(all); from += batch {
		appender := db.AppenderV2(context.Background())
		for i := from; i < min(from+batch, len(all)); i++ {
			ref, err := appender.Append(refs[i], all[i], 0, t, values[i], nil, nil, storage.AppendV2Options{})
			if err != nil {
				return err
			}
			refs[i] = ref
		}
		if err := appender.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// status is a line of /proc/self/status in bytes.
func status(name string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb float64
		if rest, found := strings.CutPrefix(line, name+":"); found {
			_, _ = fmt.Sscan(rest, &kb)
			return kb * 1024
		}
	}
	return 0
}
