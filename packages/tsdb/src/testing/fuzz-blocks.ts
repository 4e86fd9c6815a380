// Blocks with wrong bytes. A decoder gives an error that names the file, or the answer of the block as it was; with checksums made right again any
// answer will do, but nothing else is thrown and nothing runs away.
import type { Files } from '@munjigi/env';
import { Prng, simWorld, type SimWorld } from '@munjigi/env/sim';
import { StorageError, SymbolReader, newColumn, type BlockRef, type Matcher } from '@munjigi/model';
import { newBlockCache } from '../block/cache.ts';
import { compileBlockTests } from '../block/match.ts';
import { readMeta, type BlockMeta } from '../block/meta.ts';
import { withBlocks } from '../block/querier.ts';
import { checkBlock, openBlock } from '../block/reader.ts';
import { mergeTombstones, readTombstones, tombstonesFrom, writeTombstones } from '../block/tombstones.ts';
import { openChunkReader } from '../chunk/reader.ts';
import { crc32c } from '../wal/crc32c.ts';
import { storeOfBlocks } from './empty-store.ts';
import { writeRandomBlock } from './random-block.ts';

const ULID = '01HF7YAT00000000000000000A';
const FILES = ['index', 'meta.json', 'tombstones', 'chunks/000001'] as const;
const MATCHERS: readonly Matcher[][] = [
  [{ name: '__name__', op: '=', value: 'm1' }],
  [{ name: '__name__', op: '=~', value: 'm.*' }],
  [{ name: 'a1', op: '!~', value: 'b.+' }],
  [
    { name: 'b2', op: '=', value: '' },
    { name: 'zone0', op: '!=', value: 'a1' },
  ],
];

export interface FuzzResult {
  /** Rounds that ended in an error, and in the answer of the good block. */
  readonly refused: number;
  readonly right: number;
}

/** Throws when a block of wrong bytes does anything but what it should; the message names the round's seed. */
export async function fuzzBlocks(random: { u32(): number }, rounds: number): Promise<FuzzResult> {
  const result = { refused: 0, right: 0 };
  const world = simWorld(random.u32());
  const { files } = world.env;
  files.makeDir('/good');
  const good = await world.run(
    writeRandomBlock(files, '/good', ULID, world.random('good'), { series: 40, mint: 0, maxt: 7_200_000 }),
  );
  const tombstones = tombstonesFrom([20, 20, 40], [5, 100, 0], [9, 200, 7]);
  await world.run(files.writeWhole(`${good.dir}/tombstones`, writeTombstones(tombstones)));
  const bytes = new Map(FILES.map((name) => [name, files.readFile(`${good.dir}/${name}`)]));
  const answer = await ask(world, files, good.dir, good.meta);
  for (let round = 0; round < rounds; round++) {
    const seed = random.u32();
    try {
      const prng = new Prng(seed, 'mutate');
      const file = FILES[prng.below(10) < 7 ? 0 : 1 + prng.below(3)]!;
      const sealed = prng.chance(0.5);
      const wrong = mutate(prng, bytes.get(file)!);
      if (sealed) seal(prng, file, wrong);
      for (const [name, b] of bytes) put(files, `/bad/${ULID}/${name}`, name === file ? wrong : b);
      const said = await ask(world, files, `/bad/${ULID}`, good.meta);
      if (said instanceof StorageError) result.refused++;
      else if (said === answer) result.right++;
      else if (file.startsWith('chunks') || (!sealed && file !== 'meta.json'))
        throw new Error(`another answer for wrong bytes in ${file}`);
    } catch (error) {
      throw new Error(`fuzzBlocks: seed ${seed}: ${String(error)}`, { cause: error });
    }
  }
  return result;
}

function put(files: Files, path: string, b: Uint8Array): void {
  files.makeDir(path.slice(0, path.lastIndexOf('/')));
  const file = files.open(path, 'create');
  file.write(b, 0, b.length, 0);
  file.close();
}

function mutate(random: Prng, good: Uint8Array): Uint8Array {
  let b = good.slice();
  for (let n = 1 + random.below(3); n > 0; n--) {
    const at = random.below(b.length);
    const kind = random.below(8);
    if (kind === 0) b = b.slice(0, at + 1);
    else if (kind === 1) {
      const longer = new Uint8Array(b.length + 1 + random.below(50));
      longer.set(b);
      b = longer;
    } else if (kind === 2) b.fill(0xff, at, at + 1 + random.below(10));
    else if (kind === 3) b.fill(0, at, at + 1 + random.below(10));
    else if (kind === 4) b.copyWithin(at, random.below(b.length), random.below(b.length));
    else b[at]! ^= 1 << random.below(8);
  }
  return b;
}

/** Makes checksums right again, so that what lies behind them is reached. */
function seal(random: Prng, file: string, b: Uint8Array): void {
  const view = new DataView(b.buffer, b.byteOffset, b.length);
  const sum = (from: number, to: number): void => {
    if (from >= 0 && from < to && to + 4 <= b.length) view.setUint32(to, crc32c(b, from, to));
  };
  const section = (at: number): void => {
    if (at >= 0 && at + 4 <= b.length) sum(at + 4, at + 4 + view.getUint32(at));
  };
  if (file === 'tombstones') return sum(5, b.length - 4);
  if (file !== 'index' || b.length < 60) return;
  const toc = b.length - 52;
  if (random.chance(0.2)) view.setUint32(toc + 8 * random.below(6) + 4, random.below(b.length));
  sum(toc, toc + 48);
  const [symbols, series, , , postings, table] = [0, 1, 2, 3, 4, 5].map((i) =>
    view.getUint32(toc + 8 * i + 4),
  );
  section(symbols!);
  section(table!);
  for (let at = Math.ceil(postings! / 4) * 4; at + 8 < table! && at + 8 < b.length;) {
    section(at);
    at += 8 + Math.ceil(view.getUint32(at) / 4) * 4;
  }
  for (let at = Math.ceil(series! / 16) * 16; at < postings! && at + 6 < b.length;) {
    const short = b[at]! < 128;
    const length = short ? b[at]! : (b[at]! & 127) + 128 * b[at + 1]!;
    const from = at + (short ? 1 : 2);
    sum(from, from + length);
    at = Math.ceil((from + length + 4) / 16) * 16;
  }
}

/** All that the public functions say about a block as one text; what they refuse as the error. */
async function ask(
  world: SimWorld,
  files: Files,
  dir: string,
  meta: BlockMeta,
): Promise<string | StorageError> {
  const said: unknown[] = [];
  try {
    said.push(readMeta(files.readFile(`${dir}/meta.json`), `${dir}/meta.json`));
    const stones = readTombstones(files.readFile(`${dir}/tombstones`), `${dir}/tombstones`);
    said.push(mergeTombstones(stones, stones).mint.join());
    checkBlock(files, dir);
    const block = openBlock(files, dir, newBlockCache(50_000));
    try {
      for (const matchers of [null, ...MATCHERS]) {
        const tests = matchers === null ? null : compileBlockTests(matchers);
        const cursor = block.series(tests, -Infinity, Infinity);
        while (cursor.next()) {
          for (let i = 0; i < cursor.labelCount; i++) said.push(block.symbolText(cursor.labels[i]!));
          said.push(cursor.chunkMint.slice(0, cursor.chunkCount).join(), cursor.chunkRef[0]);
        }
      }
      for (const name of block.labelNames())
        for (const value of block.labelValues(name))
          said.push(name, value, block.postings(name, value).join());
    } finally {
      block.close();
    }
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'EFORMAT') throw error;
    if (!error.message.includes(dir)) throw new Error(`no file is named: ${error.message}`, { cause: error });
    await select(world, dir, meta);
    return error;
  }
  const selected = await select(world, dir, meta);
  if (selected instanceof StorageError) return selected;
  return JSON.stringify([...said, ...selected]);
}

/** Through the merged Queryable, which does not fail: it warns. Only the bytes of chunks may be refused. */
async function select(world: SimWorld, dir: string, meta: BlockMeta): Promise<unknown[] | StorageError> {
  const ref: BlockRef = { dir, ulid: meta.ulid, mint: meta.minTime, maxt: meta.maxTime, version: 0 };
  const all = withBlocks(world.env, storeOfBlocks([ref]), { cacheBytes: 50_000 });
  const querier = all.querier();
  const s = await world.run(querier.select(0, 7_200_000, MATCHERS[1]!));
  const reader = new SymbolReader(s.symbols);
  const texts = Array.from(s.labelSymbols, (symbol) => reader.text(symbol));
  const q = { mint: 0, maxt: 7_200_000, matchers: MATCHERS, limit: 0 };
  const { names } = await world.run(querier.labelNames(q));
  const { values } = await world.run(querier.labelValues('a1', q));
  const samples: string[] = [];
  const column = newColumn(1);
  try {
    const chunks = openChunkReader(world.env.files);
    await chunks.load(s, 0, s.count);
    for (let i = 0; i < s.count; i++) {
      chunks.series(s, i, 0, 7_200_000, column);
      samples.push(column.t.slice(0, column.n).join(), column.v.slice(0, column.n).join());
    }
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'EFORMAT') throw error;
    return error;
  }
  return [s.count, texts, samples, s.warnings.length, names, values];
}
