// How many samples, bytes and buckets the chunks of a block have: what `analyze --extended` shows, as promtool draws it.
import type { Files } from '@munjigi/env';
import { ENCODING, type Column } from '@munjigi/model';
import { openChunks, type SeriesCursor } from '@munjigi/tsdb';
import type { Printer } from './output.ts';
import type { Progress } from './progress.ts';

export interface ChunkStatistics {
  chunks: number;
  readonly floatSamples: number[];
  readonly floatBytes: number[];
  readonly histogramSamples: number[];
  readonly histogramBytes: number[];
  readonly histogramBuckets: number[];
}

export function chunkStatistics(
  files: Files,
  dir: string,
  cursor: SeriesCursor,
  series: number,
  progress: Progress,
): ChunkStatistics {
  const s: ChunkStatistics = {
    chunks: 0,
    floatSamples: [],
    floatBytes: [],
    histogramSamples: [],
    histogramBytes: [],
    histogramBuckets: [],
  };
  const chunks = openChunks(files, dir);
  try {
    for (let done = 0; cursor.next(); done++) {
      if (done % 256 === 0) progress.at('reading chunks', done, series);
      for (let i = 0; i < cursor.chunkCount; i++) {
        const { encoding, bytes, column } = chunks.read(cursor.chunkRef[i]!);
        s.chunks++;
        if (encoding === ENCODING.xor || encoding === ENCODING.xor2) {
          s.floatSamples.push(column.n);
          s.floatBytes.push(bytes);
        } else {
          s.histogramSamples.push(column.n);
          s.histogramBytes.push(bytes);
          s.histogramBuckets.push(buckets(column));
        }
      }
    }
  } finally {
    chunks.close();
  }
  return s;
}

function buckets({ n, h }: Column): number {
  let sum = 0;
  if (h === null) return 0;
  for (let i = 0; i < n; i++)
    sum += h.positiveEnd[i]! - h.positiveFirst[i]! + h.negativeEnd[i]! - h.negativeFirst[i]!;
  return sum;
}

export function printChunkStatistics(out: Printer, s: ChunkStatistics): void {
  out.line('');
  out.line('Compaction analysis:');
  out.line('');
  distribution(out, 'samples per float chunk', s.floatSamples, s.chunks);
  distribution(out, 'bytes per float chunk', s.floatBytes, s.chunks);
  distribution(out, 'samples per histogram chunk', s.histogramSamples, s.chunks);
  distribution(out, 'bytes per histogram chunk', s.histogramBytes, s.chunks);
  distribution(out, 'buckets per histogram chunk', s.histogramBuckets, s.chunks);
}

function distribution(out: Printer, what: string, values: readonly number[], total: number): void {
  if (values.length === 0) {
    out.line(`${what}: N/A`);
    out.line('');
    return;
  }
  let [least, most, sum] = [Infinity, -Infinity, 0];
  for (const v of values) {
    least = Math.min(least, v);
    most = Math.max(most, v);
    sum += v;
  }
  let step = 10;
  while (step < Math.trunc((most - least) / 10) && step <= 10_000) step *= 10;
  const start = least - (least % step);
  const end = most - (most % step) + step;
  const counts = Array.from({ length: Math.trunc((end - start) / step) + 1 }, () => 0);
  for (const v of values) counts[Math.trunc((v - start) / step)]!++;
  out.line(`${what} (min/avg/max): ${least}/${Math.trunc(sum / values.length)}/${most}`);
  const left = String(end).length;
  const right = String(end + step).length;
  const width = String(Math.max(...counts)).length;
  counts.forEach((n, i) => {
    const from = String(i * step + start + 1).padStart(left);
    const to = String((i + 1) * step + start).padStart(right);
    const bar = '#'.repeat(Math.trunc((100 * n) / total));
    out.line(`[${from}, ${to}]: ${String(n).padStart(width)} ${bar}`);
  });
  out.line('');
}
