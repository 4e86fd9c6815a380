// A storage that keeps what is written to it as text, for tests.
import {
  EMPTY_LABELS,
  FAULT,
  HIGH,
  isStale,
  labelsKey,
  labelValue,
  LOW,
  printLabels,
  type Appendable,
  type Appender,
  type CommitResult,
  type Exemplar,
  type Labels,
  type Metadata,
} from '@munjigi/model';

/** One commit: `series value` of each sample that was taken, in order; `stale` for a staleness marker. ` @t` where t is not `t`. */
export interface Batch {
  readonly t: number;
  readonly samples: string[];
}

export class Recorder implements Appendable {
  readonly batches: Batch[] = [];
  readonly metadata: string[] = [];
  readonly exemplars: string[] = [];
  rollbacks = 0;
  /** Set: the next commits reject with it. */
  failure: Error | null = null;
  /** Set: the next commit waits for it. */
  hold: Promise<void> | null = null;
  /** New series beyond this many are refused. */
  maxSeries: number = Infinity;
  /** How often a series was asked for. */
  asked = 0;
  readonly #refs = new Map<string, number>();
  readonly #labels: Labels[] = [EMPTY_LABELS];
  readonly #newest = new Map<number, { t: number; v: string }>();

  /** Gives up all references, as a head does with series that had no samples for long. */
  forget(): void {
    this.#refs.clear();
    for (let i = 0; i < this.#labels.length; i++) this.#labels[i] = EMPTY_LABELS;
    this.#newest.clear();
  }

  /** The last batch without the durations of scrapes, whose values nobody can foretell. */
  last(): string[] {
    return this.batches.at(-1)?.samples ?? [];
  }

  appender(): Appender {
    const rows: { ref: number; t: number; v: string }[] = [];
    const metadata: string[] = [];
    const exemplars: string[] = [];
    let refused = 0;
    return {
      series: (labels) => {
        this.asked++;
        const key = labelsKey(labels);
        let ref = this.#refs.get(key) ?? 0;
        if (ref === 0 && this.#refs.size >= this.maxSeries) {
          refused++;
          return 0;
        }
        if (ref === 0) {
          ref = this.#labels.length;
          this.#labels.push(labels);
          this.#refs.set(key, ref);
        }
        return ref;
      },
      find: (labels) => this.#refs.get(labelsKey(labels)) ?? 0,
      floats: (refs, t, v, _, n) => {
        const bits = new Uint32Array(v.buffer, v.byteOffset);
        for (let i = 0; i < n; i++)
          rows.push({ ref: refs[i]!, t: t[i]!, v: isStale(bits, i) ? 'stale' : printValue(v, bits, i) });
      },
      histogram: () => {
        throw new Error('no histograms are written');
      },
      exemplar: (ref, e: Exemplar) =>
        void exemplars.push(`${this.#print(ref)} ${printLabels(e.labels)} ${e.value} @${e.t_ms}`),
      metadata: (ref, m: Metadata) => void metadata.push(`${this.#print(ref)} ${m.type} ${m.help}`),
      commit: async (): Promise<CommitResult> => {
        const { hold } = this;
        this.hold = null;
        await hold;
        if (this.failure !== null) throw this.failure;
        const faults = rows.map((row) => this.#judge(row));
        const taken = rows.filter((_, i) => faults[i] === FAULT.none);
        const t = taken.at(-1)?.t ?? 0;
        this.batches.push({
          t,
          samples: taken
            .map((row) => `${this.#print(row.ref)} ${row.v}${row.t === t ? '' : ` @${row.t - t}`}`)
            .filter((line) => !line.startsWith('scrape_duration_seconds') || line.endsWith('stale')),
        });
        this.metadata.push(...metadata);
        this.exemplars.push(...exemplars);
        const bad = faults.some((fault) => fault !== FAULT.none);
        const byFault = new Uint32Array(8);
        byFault[FAULT.limit] = refused;
        return {
          accepted: taken.length,
          faults: bad ? Uint8Array.from(faults) : new Uint8Array(0),
          refused: byFault,
          created: 0,
        };
      },
      rollback: () => void this.rollbacks++,
    };
  }

  #judge({ ref, t, v }: { ref: number; t: number; v: string }): number {
    if (labelValue(this.#labels[ref] ?? EMPTY_LABELS, '__name__') === '') return FAULT.stale_ref;
    const newest = this.#newest.get(ref);
    if (newest !== undefined && t < newest.t) return FAULT.out_of_order;
    if (newest !== undefined && t === newest.t) return v === newest.v ? FAULT.none : FAULT.duplicate;
    this.#newest.set(ref, { t, v });
    return FAULT.none;
  }

  #print(ref: number): string {
    return printLabels(this.#labels[ref]!);
  }
}

/** NaN with other bits than Prometheus' normal NaN shows them. */
function printValue(v: Float64Array, bits: Uint32Array, i: number): string {
  if (!Number.isNaN(v[i]!) || (bits[2 * i + LOW] === 1 && bits[2 * i + HIGH] === 0x7ff80000))
    return String(v[i]);
  return `NaN ${bits[2 * i + HIGH]!.toString(16)} ${bits[2 * i + LOW]!.toString(16)}`;
}
