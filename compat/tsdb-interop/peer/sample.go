package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
)

// Bits is a float64 that is written as its 16 hexadecimal digits, so that the bits of a NaN survive.
type Bits float64

func (b Bits) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "\"%016x\"", math.Float64bits(float64(b))), nil
}

func (b *Bits) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	u, err := strconv.ParseUint(s, 16, 64)
	*b = Bits(math.Float64frombits(u))
	return err
}

// Histogram has absolute counts in both kinds; spans are [offset, length] pairs.
type Histogram struct {
	Float     bool       `json:"float,omitempty"`
	Hint      byte       `json:"hint"`
	Schema    int32      `json:"schema"`
	Threshold float64    `json:"zero_threshold"`
	Zero      float64    `json:"zero_count"`
	Count     Bits       `json:"count"`
	Sum       Bits       `json:"sum"`
	PSpans    [][2]int64 `json:"positive_spans"`
	NSpans    [][2]int64 `json:"negative_spans"`
	Positive  []float64  `json:"positive"`
	Negative  []float64  `json:"negative"`
	Bounds    []float64  `json:"bounds"`
}

func (h *Histogram) model() (*histogram.Histogram, *histogram.FloatHistogram) {
	if h == nil {
		return nil, nil
	}
	hint := histogram.CounterResetHint(h.Hint)
	if h.Float {
		return nil, &histogram.FloatHistogram{
			CounterResetHint: hint, Schema: h.Schema, ZeroThreshold: h.Threshold, ZeroCount: h.Zero, Count: float64(h.Count),
			Sum: float64(h.Sum), PositiveSpans: toSpans(h.PSpans), NegativeSpans: toSpans(h.NSpans),
			PositiveBuckets: h.Positive, NegativeBuckets: h.Negative, CustomValues: h.Bounds,
		}
	}
	return &histogram.Histogram{
		CounterResetHint: hint, Schema: h.Schema, ZeroThreshold: h.Threshold, ZeroCount: uint64(h.Zero),
		Count: uint64(float64(h.Count)), Sum: float64(h.Sum), PositiveSpans: toSpans(h.PSpans), NegativeSpans: toSpans(h.NSpans),
		PositiveBuckets: toDeltas(h.Positive), NegativeBuckets: toDeltas(h.Negative), CustomValues: h.Bounds,
	}, nil
}

func fromHistogram(h *histogram.Histogram) *Histogram {
	return &Histogram{
		Hint: byte(h.CounterResetHint), Schema: h.Schema, Threshold: h.ZeroThreshold, Zero: float64(h.ZeroCount),
		Count: Bits(float64(h.Count)), Sum: Bits(h.Sum), PSpans: fromSpans(h.PositiveSpans), NSpans: fromSpans(h.NegativeSpans),
		Positive: fromDeltas(h.PositiveBuckets), Negative: fromDeltas(h.NegativeBuckets), Bounds: h.CustomValues,
	}
}

func fromFloatHistogram(h *histogram.FloatHistogram) *Histogram {
	return &Histogram{
		Float: true, Hint: byte(h.CounterResetHint), Schema: h.Schema, Threshold: h.ZeroThreshold, Zero: h.ZeroCount,
		Count: Bits(h.Count), Sum: Bits(h.Sum), PSpans: fromSpans(h.PositiveSpans), NSpans: fromSpans(h.NegativeSpans),
		Positive: h.PositiveBuckets, Negative: h.NegativeBuckets, Bounds: h.CustomValues,
	}
}

func toSpans(pairs [][2]int64) []histogram.Span {
	var out []histogram.Span
	for _, p := range pairs {
		out = append(out, histogram.Span{Offset: int32(p[0]), Length: uint32(p[1])})
	}
	return out
}

func fromSpans(spans []histogram.Span) [][2]int64 {
	var out [][2]int64
	for _, s := range spans {
		out = append(out, [2]int64{int64(s.Offset), int64(s.Length)})
	}
	return out
}

func toDeltas(counts []float64) []int64 {
	var out []int64
	last := int64(0)
	for _, c := range counts {
		out = append(out, int64(c)-last)
		last = int64(c)
	}
	return out
}

func fromDeltas(deltas []int64) []float64 {
	var out []float64
	last := int64(0)
	for _, d := range deltas {
		last += d
		out = append(out, float64(last))
	}
	return out
}
