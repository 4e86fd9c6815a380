// A result of any type as rows with points, and texts of numbers and times.
import { formatNumber, printLabels } from '@munjigi/model';
import { eachPoint, printHistogram, type Histogram, type Result } from '@munjigi/promql';

export interface Point {
  readonly t_ms: number;
  /** NaN where it is a histogram. */
  readonly value: number;
  readonly text: string;
}

export interface Row {
  readonly name: string;
  readonly points: readonly Point[];
}

export function rowsOf(result: Result): Row[] {
  switch (result.type) {
    case 'string':
      return [{ name: 'string', points: [{ t_ms: result.t_ms, value: NaN, text: result.value }] }];
    case 'scalar':
      return [{ name: 'scalar', points: [floatPoint(result.t_ms, result.value)] }];
    case 'vector':
      return result.labels.map((labels, i) => ({
        name: printLabels(labels),
        points: [pointOf(result.t_ms, result.values[i]!, result.histograms?.[i] ?? null)],
      }));
    case 'matrix':
      return result.labels.map((labels, i) => {
        const points: Point[] = [];
        eachPoint(result, i, (t_ms, value, histogram) => points.push(pointOf(t_ms, value, histogram)));
        return { name: printLabels(labels), points };
      });
  }
}

function pointOf(t_ms: number, value: number, histogram: Histogram | null): Point {
  return histogram === null ? floatPoint(t_ms, value) : { t_ms, value: NaN, text: printHistogram(histogram) };
}

function floatPoint(t_ms: number, value: number): Point {
  return { t_ms, value, text: formatNumber(value, 'json') };
}

/** 13:37:05 of UTC. */
export function clockText(t_ms: number): string {
  return new Date(t_ms).toISOString().slice(11, 19);
}

/** 2026-01-02 13:37:05. */
export function timeText(t_ms: number): string {
  return new Date(t_ms).toISOString().slice(0, 19).replace('T', ' ');
}
