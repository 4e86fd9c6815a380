// The k-way merge: series sources in label order into one block. In memory are one series, a cursor a source, and four bytes a symbol of
// every source.
import { StorageError } from '@munjigi/model';
import type { BlockWriter } from '../block/writer.ts';
import { mergeSymbols } from './merge-symbols.ts';
import { newSeriesChunks } from './series-chunks.ts';
import type { SeriesSource } from './source.ts';

/** How often `progress` is called: every so many series. */
const PROGRESS_SERIES = 4096;

export interface MergeOptions {
  /** The block's range in ms, [mint, maxt): other samples are left out. */
  readonly mint: number;
  readonly maxt: number;
  /** Floats that must be encoded anew become XOR2 instead of XOR. Samples with start times and what was XOR2 always do. */
  readonly xor2: boolean;
  /** One shared Int32: not 0 ends the work with StorageError ECANCELED before the next series. */
  readonly stop?: Int32Array;
  readonly progress?: (series: number) => void;
}

/**
 * Writes all series of `sources` (oldest first, each in label order) and leaves out those without samples. Returns how many series
 * were written; the caller finishes or aborts the writer. Throws StorageError of a source and EnvError of the disk.
 */
export async function writeMerged(
  sources: readonly SeriesSource[],
  writer: BlockWriter,
  o: MergeOptions,
): Promise<number> {
  const numbers = mergeSymbols(sources, (b, from, to) => writer.symbol(b, from, to));
  const cursors = new MergedCursors(sources, numbers);
  const chunks = newSeriesChunks(writer, o);
  let done = 0;
  let written = 0;
  while (cursors.next()) {
    if (o.stop !== undefined && Atomics.load(o.stop, 0) !== 0)
      throw new StorageError('ECANCELED', 'the compaction was stopped before its end', true);
    for (const i of cursors.group) chunks.add(sources[i]!);
    if (await chunks.write(cursors.labels, cursors.labelCount)) written++;
    if (++done % PROGRESS_SERIES === 0) o.progress?.(done);
  }
  o.progress?.(done);
  return written;
}

/** The sources' cursors, sorted by the labels of their current series. */
class MergedCursors {
  /** Sources that have the current series, oldest first. */
  readonly group: number[] = [];
  /** The current series' labels in new symbol numbers. */
  labels: Uint32Array = new Uint32Array(0);
  labelCount = 0;
  readonly #sources: readonly SeriesSource[];
  readonly #numbers: readonly Uint32Array[];
  readonly #labels: Uint32Array[];
  /** Sources that are not at their end, by label order, of equal labels the oldest first. */
  readonly #order: number[] = [];
  readonly #counts: number[];

  constructor(sources: readonly SeriesSource[], numbers: readonly Uint32Array[]) {
    this.#sources = sources;
    this.#numbers = numbers;
    this.#labels = sources.map(() => new Uint32Array(32));
    this.#counts = sources.map(() => 0);
    for (let i = 0; i < sources.length; i++) this.group.push(i);
  }

  /** Moves those of the current group on and makes the next group. Throws StorageError when a source is not in label order. */
  next(): boolean {
    for (const i of this.group) if (this.#sources[i]!.next()) this.#insert(i);
    this.group.length = 0;
    const least = this.#order[0];
    if (least === undefined) return false;
    let n = 1;
    while (n < this.#order.length && this.#compare(this.#order[n]!, least) === 0) n++;
    for (const i of this.#order.splice(0, n)) this.group.push(i);
    this.labels = this.#labels[least]!;
    this.labelCount = this.#counts[least]!;
    return true;
  }

  #insert(i: number): void {
    this.#takeLabels(i);
    let from = 0;
    let to = this.#order.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const other = this.#order[middle]!;
      if ((this.#compare(other, i) || other - i) < 0) from = middle + 1;
      else to = middle;
    }
    this.#order.splice(from, 0, i);
  }

  /** The labels of source i's new series in new numbers; they must come behind those that it had. */
  #takeLabels(i: number): void {
    const { labels, labelCount, name } = this.#sources[i]!;
    const map = this.#numbers[i]!;
    if (this.#labels[i]!.length < labelCount) this.#labels[i] = doubled(this.#labels[i]!, labelCount);
    const mine = this.#labels[i]!;
    const before = this.#counts[i]!;
    let order = 0;
    for (let k = 0; k < labelCount; k++) {
      const symbol = map[labels[k]!]!;
      if (order === 0) order = k < before ? symbol - mine[k]! : 1;
      mine[k] = symbol;
    }
    this.#counts[i] = labelCount;
    if (order > 0) return;
    throw new StorageError(
      'EFORMAT',
      `${name} has series out of label order: delete it, or make it anew with a program that sorts them`,
      false,
    );
  }

  #compare(i: number, k: number): number {
    const a = this.#labels[i]!;
    const b = this.#labels[k]!;
    const n = Math.min(this.#counts[i]!, this.#counts[k]!);
    for (let at = 0; at < n; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
    return this.#counts[i]! - this.#counts[k]!;
  }
}

function doubled(old: Uint32Array, least: number): Uint32Array {
  const fresh = new Uint32Array(2 * least);
  fresh.set(old);
  return fresh;
}
