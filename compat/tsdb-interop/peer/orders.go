package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/compression"
)

// Order is one line of input. Op: open, series, append, mmap, compact, compact-ooo, delete, clean-tombstones, dump, close; kill ends the
// process without a word.
type Order struct {
	Op       string              `json:"op"`
	Options  Options             `json:"options"`
	Series   []map[string]string `json:"series"`
	Rows     []Row               `json:"rows"`
	Mint     int64               `json:"mint"`
	Maxt     int64               `json:"maxt"`
	Matchers []Matcher           `json:"matchers"`
}

// Options are those of the storage that change what it writes.
type Options struct {
	Compression  string `json:"compression"`
	OutOfOrderMs int64  `json:"out_of_order_ms"`
	Xor2         bool   `json:"xor2"`
	St           bool   `json:"st,omitempty"`
	HistogramSt  bool   `json:"histogram_st"`
	Exemplars    int64  `json:"exemplars"`
	Snapshot     bool   `json:"snapshot"`
	Metadata     bool   `json:"metadata"`
	RangeMs      int64  `json:"range_ms"`
	MaxRangeMs   int64  `json:"max_range_ms"`
	SegmentBytes int    `json:"segment_bytes"`
	ChunkBytes   int64  `json:"chunk_segment_bytes"`
}

// Row is one sample: series S (a number from the order `series`, counted from 0 over all of them).
type Row struct {
	S    int        `json:"s,omitempty"`
	T    int64      `json:"t"`
	V    Bits       `json:"v"`
	St   int64      `json:"st,omitempty"`
	H    *Histogram `json:"h,omitempty"`
	X    []Exemplar `json:"x,omitempty"`
	Meta *Metadata  `json:"meta,omitempty"`
}

type Exemplar struct {
	Labels map[string]string `json:"labels"`
	V      Bits              `json:"v"`
	T      int64             `json:"t"`
}

type Metadata struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// Matcher has Prometheus' own operators: = != =~ !~.
type Matcher struct {
	Name  string `json:"name"`
	Op    string `json:"op"`
	Value string `json:"value"`
}

// Answer ends what an order prints.
type Answer struct {
	Ok       bool     `json:"ok"`
	Error    string   `json:"error,omitempty"`
	Refused  []string `json:"refused,omitempty"`
	Series   int      `json:"series"`
	Samples  int      `json:"samples"`
	Blocks   []string `json:"blocks,omitempty"`
	HeadMint int64    `json:"head_mint"`
	HeadMaxt int64    `json:"head_maxt"`
}

// Dumped is one series of a dump: rows in time order.
type Dumped struct {
	Labels map[string]string `json:"labels"`
	Rows   []Row             `json:"rows"`
}

type store struct {
	dir    string
	db     *tsdb.DB
	series []labels.Labels
	refs   []storage.SeriesRef
}

func (s *store) carryOut(o *Order, encoder *json.Encoder) Answer {
	a := Answer{Ok: true}
	if err := s.do(o, encoder, &a); err != nil {
		return Answer{Error: fmt.Sprintf("%s: %v", o.Op, err)}
	}
	if s.db != nil {
		a.HeadMint, a.HeadMaxt = s.db.Head().MinTime(), s.db.Head().MaxTime()
		for _, b := range s.db.Blocks() {
			a.Blocks = append(a.Blocks, b.Meta().ULID.String())
		}
	}
	return a
}

func (s *store) do(o *Order, encoder *json.Encoder, a *Answer) error {
	ctx := context.Background()
	if o.Op != "open" && o.Op != "series" && s.db == nil {
		return fmt.Errorf("the storage is not open")
	}
	switch o.Op {
	case "open":
		return s.open(o.Options)
	case "series":
		for _, l := range o.Series {
			s.series = append(s.series, labels.FromMap(l))
			s.refs = append(s.refs, 0)
		}
		return nil
	case "append":
		return s.append(ctx, o.Rows, a)
	case "mmap":
		s.db.ForceHeadMMap()
		return nil
	case "compact":
		return s.db.Compact(ctx)
	case "compact-ooo":
		return s.db.CompactOOOHead(ctx)
	case "delete":
		matchers, err := toMatchers(o.Matchers)
		if err != nil {
			return err
		}
		return s.db.Delete(ctx, o.Mint, o.Maxt, matchers...)
	case "clean-tombstones":
		return s.db.CleanTombstones()
	case "dump":
		return s.dump(ctx, o, encoder, a)
	case "close":
		db := s.db
		s.db = nil
		return db.Close()
	}
	return fmt.Errorf("unknown order")
}

func (s *store) open(o Options) error {
	options := tsdb.DefaultOptions()
	options.RetentionDuration = math.MaxInt64 / 2
	options.WALCompression = compression.Type(o.Compression)
	if o.Compression == "" {
		options.WALCompression = compression.None
	}
	options.OutOfOrderTimeWindow = o.OutOfOrderMs
	options.EnableSTStorage = o.St
	options.EnableHistogramSTEncoding = o.HistogramSt
	options.EnableMetadataWALRecords = o.Metadata
	options.EnableMemorySnapshotOnShutdown = o.Snapshot
	if o.Exemplars > 0 {
		options.EnableExemplarStorage = true
		options.MaxExemplars = o.Exemplars
	}
	if o.Xor2 {
		options.FloatChunkEncoding = chunkenc.EncXOR2
	}
	if o.RangeMs > 0 {
		options.MinBlockDuration = o.RangeMs
		options.MaxBlockDuration = max(o.RangeMs, o.MaxRangeMs)
	}
	if o.SegmentBytes > 0 {
		options.WALSegmentSize = o.SegmentBytes
	}
	if o.ChunkBytes > 0 {
		options.MaxBlockChunkSegmentSize = o.ChunkBytes
	}
	db, err := tsdb.Open(s.dir, promslog.NewNopLogger(), nil, options, tsdb.NewDBStats())
	if err != nil {
		return err
	}
	// Only when it is ordered.
	db.DisableCompactions()
	s.db = db
	for i := range s.refs {
		s.refs[i] = 0
	}
	return nil
}

func (s *store) append(ctx context.Context, rows []Row, a *Answer) error {
	appender := s.db.AppenderV2(ctx)
	for i := range rows {
		r := &rows[i]
		if r.S < 0 || r.S >= len(s.series) {
			_ = appender.Rollback()
			return fmt.Errorf("row %d: there is no series %d", i, r.S)
		}
		h, fh := r.H.model()
		options := storage.AppendV2Options{}
		for _, x := range r.X {
			options.Exemplars = append(options.Exemplars, exemplar.Exemplar{
				Labels: labels.FromMap(x.Labels), Value: float64(x.V), Ts: x.T, HasTs: true,
			})
		}
		if r.Meta != nil {
			options.Metadata = metadata.Metadata{Type: model.MetricType(r.Meta.Type), Help: r.Meta.Help, Unit: r.Meta.Unit}
		}
		ref, err := appender.Append(s.refs[r.S], s.series[r.S], r.St, r.T, float64(r.V), h, fh, options)
		if err != nil {
			a.Refused = append(a.Refused, fmt.Sprintf("row %d: %v", i, err))
			continue
		}
		s.refs[r.S] = ref
		a.Samples++
	}
	return appender.Commit()
}

func (s *store) dump(ctx context.Context, o *Order, encoder *json.Encoder, a *Answer) error {
	matchers, err := toMatchers(o.Matchers)
	if err != nil {
		return err
	}
	if len(matchers) == 0 {
		matchers = append(matchers, labels.MustNewMatcher(labels.MatchRegexp, "", ".*"))
	}
	querier, err := s.db.Querier(o.Mint, o.Maxt)
	if err != nil {
		return err
	}
	defer querier.Close()
	set := querier.Select(ctx, true, nil, matchers...)
	var it chunkenc.Iterator
	for set.Next() {
		series := set.At()
		d := Dumped{Labels: series.Labels().Map(), Rows: []Row{}}
		it = series.Iterator(it)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			r := Row{T: it.AtT(), St: it.AtST()}
			switch kind {
			case chunkenc.ValFloat:
				_, v := it.At()
				r.V = Bits(v)
			case chunkenc.ValHistogram:
				_, h := it.AtHistogram(nil)
				r.H = fromHistogram(h)
			case chunkenc.ValFloatHistogram:
				_, h := it.AtFloatHistogram(nil)
				r.H = fromFloatHistogram(h)
			}
			d.Rows = append(d.Rows, r)
		}
		if err := it.Err(); err != nil {
			return err
		}
		a.Series++
		a.Samples += len(d.Rows)
		if err := encoder.Encode(d); err != nil {
			return err
		}
	}
	return set.Err()
}

func toMatchers(list []Matcher) ([]*labels.Matcher, error) {
	kinds := map[string]labels.MatchType{
		"=": labels.MatchEqual, "!=": labels.MatchNotEqual, "=~": labels.MatchRegexp, "!~": labels.MatchNotRegexp,
	}
	var out []*labels.Matcher
	for _, m := range list {
		kind, known := kinds[m.Op]
		if !known {
			return nil, fmt.Errorf("unknown operator %q", m.Op)
		}
		matcher, err := labels.NewMatcher(kind, m.Name, m.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, matcher)
	}
	return out, nil
}
