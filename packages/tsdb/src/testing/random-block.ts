// Blocks of random labels for tests, with a model of what is in them: label lists in label order and one-sample chunks.
import type { Files } from '@munjigi/env';
import type { Prng } from '@munjigi/env/sim';
import { ENCODING, compareLabels, compareText, labelsFrom, type Labels } from '@munjigi/model';
import type { BlockMeta } from '../block/meta.ts';
import { newBlockWriter, type BlockWriterOptions } from '../block/writer.ts';
import { encodeText } from './metas.ts';

/** The time of each chunk's only sample, ms. */
export interface RandomSeries {
  readonly labels: Labels;
  readonly times: readonly number[];
}

export interface RandomBlock {
  readonly meta: BlockMeta;
  readonly dir: string;
  readonly series: readonly RandomSeries[];
}

// Their order as UTF-16 is another one than as UTF-8.
const TEXTS = ['a', 'b', 'zone', '\u{1f600}', '\uff5e', '\ue000', 'ä', 'a\u{1f600}', 'a\uff5e', ''];

export function randomLabels(random: Prng, names: number, values: number): Labels {
  const pairs: [string, string][] = [['__name__', `m${random.below(3)}`]];
  for (let i = random.below(5); i > 0; i--)
    pairs.push([
      `${TEXTS[random.below(TEXTS.length)]}${random.below(names)}`,
      `${TEXTS[random.below(TEXTS.length)]}${random.below(values)}`,
    ]);
  return labelsFrom(pairs);
}

/** Writes `<parent>/<ulid>` with times in [mint, maxt). */
export async function writeRandomBlock(
  files: Files,
  parent: string,
  ulid: string,
  random: Prng,
  o: { series: number; mint: number; maxt: number } & BlockWriterOptions,
): Promise<RandomBlock> {
  const byKey = new Map<string, Labels>();
  for (let i = 0; i < o.series; i++) {
    const labels = randomLabels(random, 3, 20);
    byKey.set(labels.join('\0'), labels);
  }
  const series = [...byKey.values()].sort(compareLabels).map((labels): RandomSeries => {
    const times = new Set<number>();
    for (let i = 1 + random.below(4); i > 0; i--) times.add(o.mint + random.below(o.maxt - o.mint));
    return { labels, times: [...times].sort((a, b) => a - b) };
  });
  const texts = [...new Set(series.flatMap(({ labels }) => [...labels]))].sort(compareText);
  const numbers = new Map(texts.map((text, i) => [text, i]));
  const writer = newBlockWriter(files, parent, ulid, o);
  try {
    for (const text of texts) {
      const b = encodeText(text);
      writer.symbol(b, 0, b.length);
    }
    for (const { labels, times } of series) {
      writer.series(
        Uint32Array.from(labels, (text) => numbers.get(text)!),
        labels.length,
      );
      for (const t of times) {
        const b = oneSample(t);
        writer.chunk(ENCODING.xor, t, t, 1, b, 0, b.length);
      }
    }
  } catch (error) {
    writer.abort();
    throw error;
  }
  const meta = await writer.finish({
    minTime: o.mint,
    maxTime: o.maxt,
    compaction: { level: 1, sources: [ulid] },
  });
  return { meta, dir: `${parent}/${ulid}`, series };
}

/** An XOR chunk of a 1 at time t >= 0, as a segment holds it. */
function oneSample(t: number): Uint8Array {
  const b = [0, 1];
  let rest = 2 * t;
  for (; rest >= 128; rest = Math.floor(rest / 128)) b.push((rest % 128) | 128);
  b.push(rest, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0);
  return Uint8Array.from(b);
}
