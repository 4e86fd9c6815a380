// meta.json with wrong bytes, and with wrong values in right JSON: an error that names the file, or a meta that is written and read again as it was.
import { StorageError, decodeUtf8 } from '@munjigi/model';
import { readMeta, writeMeta, type BlockMeta } from '../block/meta.ts';
import { blockRanges, planCompaction } from '../compact/plan.ts';
import { hexOf } from './chunk-vectors.ts';
import type { Dice } from './histories.ts';
import { encodeText, meta, ulidOf } from './metas.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const PATH = '/data/meta.json';

/** Runs `rounds` inputs; throws an Error with the input's bytes in hexadecimal when a promise is broken. */
export function fuzzMeta(random: Dice, rounds: number): void {
  for (let round = 0; round < rounds; round++) {
    const b = input(random);
    try {
      ask(b);
    } catch (error) {
      throw new Error(`bytes ${hexOf(b)}: ${String(error)}`, { cause: error });
    }
  }
}

function ask(b: Uint8Array): void {
  let read: BlockMeta;
  try {
    read = readMeta(b, PATH);
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'EFORMAT') throw error;
    if (!error.message.includes(PATH))
      throw new Error(`no file is named: ${error.message}`, { cause: error });
    return;
  }
  const again = readMeta(writeMeta(read), PATH);
  if (JSON.stringify({ ...again, version: 1 }) !== JSON.stringify({ ...read, version: 1 }))
    throw new Error('what is written is not what was read');
  const others = [1, 2, 3].map((n) => meta(n, [n * 7_200_000, (n + 1) * 7_200_000]));
  planCompaction([read, ...others], { ranges_ms: blockRanges(7_200_000, 0) });
}

function input(random: Dice): Uint8Array {
  const n = random.below(5);
  const good: BlockMeta = {
    ...meta(n, [
      n * 7_200_000,
      (n + 1) * 7_200_000,
      { level: 1 + random.below(3), hints: ['a'], tombstones: n },
    ]),
    thanos: { labels: { a: 'b' }, downsample: { resolution: 0 } },
    extra: { munjigi: { retention: { policy: 'p', step_ms: 5 } } },
  };
  const bytes = writeMeta({
    ...good,
    compaction: { ...good.compaction, parents: [{ ulid: ulidOf(9), minTime: 1, maxTime: 2 }] },
  });
  if (random.below(3) === 0) return mutateBytes(random, bytes);
  const json = JSON.parse(decodeUtf8(bytes, 0, bytes.length)) as Json;
  for (let i = 1 + random.below(3); i > 0; i--) mutateJson(random, json);
  return encodeText(JSON.stringify(json));
}

function mutateBytes(random: Dice, good: Uint8Array): Uint8Array {
  const b = good.slice();
  for (let i = 1 + random.below(4); i > 0; i--) b[random.below(b.length)] = random.below(256);
  return random.below(3) === 0 ? b.subarray(0, random.below(b.length)) : b;
}

/** Another value, no value or one more at some place. */
function mutateJson(random: Dice, json: Json): void {
  if (typeof json !== 'object' || json === null) return;
  const keys = Object.keys(json);
  const all = json as Record<string, Json>;
  const key = keys.length === 0 ? 'x' : keys[random.below(keys.length)]!;
  const value = all[key] ?? null;
  if (typeof value === 'object' && value !== null && random.below(3) > 0) return mutateJson(random, value);
  const lot = random.below(8);
  if (lot === 0) delete all[key];
  else if (lot === 1) all[['__proto__', 'toString', 'ulid', 'z'][random.below(4)]!] = value;
  else all[key] = randomJson(random);
}

const ODD: readonly Json[] = [
  null,
  true,
  '',
  'x',
  'NaN',
  '01HF7YAT00000000000000000A',
  -1,
  0.5,
  1e300,
  -1e300,
  2 ** 53,
  2 ** 63,
  {},
  [],
];

function randomJson(random: Dice): Json {
  const lot = random.below(20);
  if (lot < ODD.length) return structuredClone(ODD[lot]!);
  if (lot === 14) return deep(1 + random.below(200));
  if (lot === 15) return Array.from({ length: random.below(2000) }, () => 'x');
  return random.below(2 ** 32) * random.below(2 ** 20);
}

function deep(levels: number): Json {
  let json: Json = [];
  for (let i = 0; i < levels; i++) json = i % 2 === 0 ? [json] : { a: json };
  return json;
}
