// Labels of a selection's series as text, as far as they are needed, and what their names tell.
import {
  METRIC_NAME,
  labelsFromSorted,
  type Labels,
  type Selection,
  type SymbolReader,
} from '@munjigi/model';
import { counterNameHint } from './annotations.ts';
import type { Remark } from './fragment.ts';

/** Reads a selection's labels as text, as far as they are needed. */
export class SeriesLabels {
  readonly #s: Selection;
  readonly #symbols: SymbolReader;
  /** Of names that were asked for and found: then numbers are compared instead of texts. */
  readonly #nameSymbols = new Map<string, number>();

  constructor(s: Selection, symbols: SymbolReader) {
    this.#s = s;
    this.#symbols = symbols;
  }

  all(i: number): Labels {
    const { labelFirst, labelSymbols } = this.#s;
    const flat: string[] = [];
    for (let k = labelFirst[i]!; k < labelFirst[i + 1]!; k++) flat.push(this.#symbols.text(labelSymbols[k]!));
    return labelsFromSorted(flat);
  }

  value(i: number, name: string): string {
    const { labelFirst, labelSymbols } = this.#s;
    const known = this.#nameSymbols.get(name);
    for (let k = labelFirst[i]!; k < labelFirst[i + 1]!; k += 2) {
      const symbol = labelSymbols[k]!;
      if (known === undefined ? this.#symbols.text(symbol) !== name : symbol !== known) continue;
      if (known === undefined) this.#nameSymbols.set(name, symbol);
      return this.#symbols.text(labelSymbols[k + 1]!);
    }
    return '';
  }
}

/** Prometheus' hint when rate or increase sees a metric whose name is not a counter's. */
export class CounterNames {
  readonly #place: string;
  readonly #seen = new Set<string>();
  readonly #annotations: Remark[];

  constructor(place: string, annotations: Remark[]) {
    this.#place = place;
    this.#annotations = annotations;
  }

  see(labels: SeriesLabels, i: number): void {
    const name = labels.value(i, METRIC_NAME);
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    const hint = counterNameHint(name, this.#place);
    if (hint !== null) this.#annotations.push(hint);
  }
}
