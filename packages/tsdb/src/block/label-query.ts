// Label names and values of a block, in the order of bytes.
import { decodeUtf8, type LabelQuery } from '@munjigi/model';
import { compileBlockTests, matchSeries, textBytes } from './match.ts';
import type { Block } from './reader.ts';
import type { Steps } from './steps.ts';

/** Names of the labels of the series that match (no matchers: of all), at most q.limit (0: all). */
export function* blockLabelNames(block: Block, q: LabelQuery): Steps<string[]> {
  yield* block.index.table.prepare();
  if (q.matchers.length === 0) return limited(block.labelNames(), q.limit);
  const names = new Set<number>();
  yield* eachMatching(block, q, (labels, words) => {
    for (let i = 0; i < words; i += 2) names.add(labels[i]!);
  });
  return yield* texts(block, names, q.limit);
}

export function* blockLabelValues(block: Block, name: string, q: LabelQuery): Steps<string[]> {
  const { table, symbols } = block.index;
  yield* table.prepare();
  const range = table.range(name);
  if (range === undefined) return [];
  if (q.matchers.length === 0) {
    const values: string[] = [];
    let { place } = range;
    for (let n = range.first; n < range.end && (q.limit === 0 || values.length < q.limit); n++) {
      const { value, next } = table.entry(place);
      values.push(decodeUtf8(value.b, value.from, value.to));
      place = next;
      yield 1;
    }
    return values;
  }
  yield* symbols.prepare();
  const symbol = symbols.find(textBytes(name));
  const values = new Set<number>();
  yield* eachMatching(block, q, (labels, words) => {
    for (let i = 0; i < words; i += 2) if (labels[i] === symbol) values.add(labels[i + 1]!);
  });
  return yield* texts(block, values, q.limit);
}

function* eachMatching(
  block: Block,
  q: LabelQuery,
  visit: (labels: Uint32Array, words: number) => void,
): Steps<void> {
  for (const matchers of q.matchers) {
    const refs = yield* matchSeries(block.index, compileBlockTests(matchers));
    const cursor = block.cursor(refs, q.mint, q.maxt);
    while (cursor.next()) {
      visit(cursor.labels, cursor.labelCount);
      yield 8;
    }
  }
}

/** Symbols are numbered in the order of their bytes. */
function* texts(block: Block, symbols: ReadonlySet<number>, limit: number): Steps<string[]> {
  const found: string[] = [];
  const sorted = Uint32Array.from(symbols).sort();
  for (const symbol of limit > 0 ? sorted.subarray(0, limit) : sorted) {
    found.push(block.symbolText(symbol));
    yield 4;
  }
  return found;
}

function limited(texts: string[], limit: number): string[] {
  return limit > 0 ? texts.slice(0, limit) : texts;
}
