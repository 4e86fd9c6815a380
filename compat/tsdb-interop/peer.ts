// Prometheus' own storage without its server, as a child process that carries out orders (peer/*.go).
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { inOrder, labelsText, rowText, type FoundSeries, type Row } from './samples.ts';

export interface PeerOptions {
  readonly compression?: 'none' | 'snappy' | 'zstd';
  readonly out_of_order_ms?: number;
  readonly xor2?: boolean;
  readonly st?: boolean;
  readonly histogram_st?: boolean;
  readonly exemplars?: number;
  readonly snapshot?: boolean;
  readonly range_ms?: number;
  readonly max_range_ms?: number;
  readonly segment_bytes?: number;
  readonly chunk_segment_bytes?: number;
}

interface Order {
  readonly op:
    | 'open'
    | 'series'
    | 'append'
    | 'mmap'
    | 'compact'
    | 'compact-ooo'
    | 'delete'
    | 'clean-tombstones'
    | 'dump'
    | 'close';
  readonly options?: PeerOptions;
  readonly series?: readonly Readonly<Record<string, string>>[];
  readonly rows?: readonly Row[];
  readonly mint?: number;
  readonly maxt?: number;
  readonly matchers?: readonly { name: string; op: string; value: string }[];
}

interface Answer {
  readonly ok: boolean;
  readonly error?: string;
  readonly refused?: readonly string[];
  readonly samples: number;
  readonly blocks?: readonly string[];
}

interface Dumped {
  readonly labels: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

export class TsdbPeer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #said = '';

  private constructor(program: string, dir: string) {
    this.#child = spawn(program, ['drive', dir], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr!.on('data', (bytes: Buffer) => (this.#said += bytes.toString()));
    this.#child.stdin!.on('error', () => undefined);
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  static async open(program: string, dir: string, options: PeerOptions): Promise<TsdbPeer> {
    const peer = new TsdbPeer(program, dir);
    await peer.#order({ op: 'open', options });
    return peer;
  }

  async series(series: readonly Readonly<Record<string, string>>[]): Promise<void> {
    await this.#order({ op: 'series', series });
  }

  /** One commit; rejects when a sample was refused. */
  async append(rows: readonly Row[]): Promise<void> {
    const { refused } = await this.#order({ op: 'append', rows });
    if (refused !== undefined) throw new Error(`refused: ${refused.slice(0, 3).join('; ')}`);
  }

  /** Resolves with the blocks' names. */
  async do(
    op: 'mmap' | 'compact' | 'compact-ooo' | 'clean-tombstones' | 'close',
  ): Promise<readonly string[]> {
    return (await this.#order({ op })).blocks ?? [];
  }

  async delete(mint: number, maxt: number, matchers: NonNullable<Order['matchers']>): Promise<void> {
    await this.#order({ op: 'delete', mint, maxt, matchers });
  }

  /** All samples, by default with their start times. */
  async dump(
    mint: number,
    maxt: number,
    textOf: (row: Omit<Row, 's'>) => string = (row) => rowText(row, true),
  ): Promise<FoundSeries[]> {
    const series: FoundSeries[] = [];
    await this.#order({ op: 'dump', mint, maxt }, (line) => {
      const { labels, rows } = line as Dumped;
      series.push({ labels: labelsText(labels), rows: rows.map((row) => textOf(row)) });
    });
    return inOrder(series);
  }

  /** Ends it after a clean close. */
  async end(): Promise<void> {
    await this.do('close');
    const ended = once(this.#child, 'exit');
    this.#child.stdin!.end();
    await ended;
  }

  /** As kill -9 at the point where it is. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #order(order: Order, line?: (value: unknown) => void): Promise<Answer> {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`tsdb-peer ended: ${this.#said.slice(-1000)}`);
      const answer = JSON.parse(value) as Answer | Dumped;
      if ('labels' in answer) line?.(answer);
      else if (answer.ok) return answer;
      else throw new Error(`tsdb-peer: ${answer.error}`);
    }
  }
}
