// One page at once, as objects: for checks, pushes and tests. Repeated pages of a target go through ScrapeParser.
import type { Exemplar, Labels, Metadata } from '@munjigi/model';
import type { Format } from './format.ts';
import { PARSER_LIMITS, ScrapeParser, type ExpositionError, type ParserLimits } from './parser.ts';

export interface PageSample {
  readonly labels: Labels;
  /** Not for NaN bits: those are kept in a ScrapeParser's columns only. */
  readonly value: number;
  /** null: the line has no time. */
  readonly t_ms: number | null;
  readonly exemplar: Exemplar | null;
}

export interface Page {
  /** In the order of the page; empty when there is an error. */
  readonly samples: readonly PageSample[];
  readonly families: ReadonlyMap<string, Metadata>;
  readonly errors: readonly ExpositionError[];
}

/** Reads one page. Never throws on input. */
export function parsePage(bytes: Uint8Array, format: Format, limits: ParserLimits = PARSER_LIMITS): Page {
  const parser = new ScrapeParser(limits);
  parser.parse(bytes, format);
  const exemplars = new Map(parser.exemplars.map(({ sample, exemplar }) => [sample, exemplar]));
  const samples: PageSample[] = [];
  for (let i = 0; i < parser.n; i++) {
    const t = parser.t[i]!;
    samples.push({
      labels: parser.labels(parser.entry[i]!),
      value: parser.v[i]!,
      t_ms: Number.isNaN(t) ? null : t,
      exemplar: exemplars.get(i) ?? null,
    });
  }
  return { samples, families: parser.families(), errors: parser.errors };
}
