// Whole data folders with damage anywhere: bytes turned, files cut, emptied, swapped, missing, folders where files belong; and the log's files and memory
// snapshots with wrong records under right checksums. The store opens, or says what is wrong with a StorageError; what it then gives of a folder whose
// checksums were left alone was written there once; it goes on taking samples; and a reader without the right to write changes nothing.
import { EnvError } from '@munjigi/env';
import { simWorld, type SimWorld } from '@munjigi/env/sim';
import {
  KIND,
  StorageError,
  SymbolReader,
  labelsFromObject,
  newColumn,
  type Appender,
  type Labels,
} from '@munjigi/model';
import { openChunkReader, openDb, withBlocks, type Db, type DbOptions } from '../index.ts';
import { crc32c } from '../wal/crc32c.ts';
import { putU32 } from '../wal/bytes.ts';
import type { Dice } from './histories.ts';
import { offer } from './samples.ts';

const PATH = '/data';
const RANGE_MS = 600_000;
const STEP_MS = 5000;
/** Out-of-order samples lie between two steps. */
const LATE_MS = 2500;
const START = 1_700_000_400_000;
const SERIES = 7;
const RANGES = 5;
/** Virtual time that anything may take. */
const LIMIT_MS = 10 * 60_000;

type Folder = Map<string, Uint8Array>;

/** Runs `rounds` damages of one store; throws an Error that says which when a promise is broken. */
export async function fuzzStore(random: Dice, rounds: number): Promise<void> {
  const options: DbOptions = {
    path: PATH,
    minBlock_ms: RANGE_MS,
    maxBlock_ms: 3 * RANGE_MS,
    interval_ms: 24 * 3_600_000,
    outOfOrderWindow_ms: RANGE_MS,
    walCompression: (['none', 'none', 'snappy', 'zstd'] as const)[random.below(4)]!,
    segmentBytes: 32_768,
    xor2: random.below(3) === 0,
  };
  const good = await writeStore(random, options);
  for (let round = 0; round < rounds; round++) {
    const folder = new Map(good);
    const sealed = random.below(4) === 0;
    const damages: string[] = [];
    for (let n = 1 + random.below(3); n > 0; n--)
      damages.push(sealed ? reseal(random, folder) : damage(random, folder));
    // Chunks of another block have right checksums too.
    const genuine = !sealed && !damages.some((text) => /\/chunks\/.*: holds what/.test(text));
    try {
      await ask(random, folder, options, genuine);
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`round ${round}, ${damages.join('; ')}: ${text}`, { cause: error });
    }
  }
}

// ---- a store with something of everything

async function writeStore(random: Dice, options: DbOptions): Promise<Folder> {
  const world = simWorld(random.below(2 ** 32));
  const db = await world.run(openDb(world.env, options));
  const steps = RANGE_MS / STEP_MS;
  for (let range = 0; range < RANGES; range++) {
    for (let step = 0; step < steps; step += 12) {
      const from = START + range * RANGE_MS + step * STEP_MS;
      await world.run(write(db, from, 12, range * steps + step));
    }
    if (range < RANGES - 1) await world.run(db.upkeep());
    if (range === 2)
      await world.run(db.deleteSeries([[{ name: 'i', op: '=', value: '2' }]], START, START + RANGE_MS));
  }
  await world.run(db.snapshotHead());
  await world.run(write(db, START + RANGES * RANGE_MS, 6, 0));
  if (random.below(2) === 0) await world.run(db.close());
  else world.disk.crash('process');
  return new Map(world.disk.tree().map((path) => [path, world.disk.read(path) ?? new Uint8Array(0)]));
}

async function write(db: Db, from: number, steps: number, number: number): Promise<void> {
  const appender = db.appender();
  for (let i = 0; i < SERIES; i++) {
    const ref = appender.series(labelsOf(i));
    for (let k = 0; k < steps; k++) put(appender, ref, i, from + k * STEP_MS);
    if (number % 24 === 0 && from > START + RANGE_MS) put(appender, ref, i, from - 100 * STEP_MS + LATE_MS);
  }
  const ref = appender.series(labelsOf(0));
  appender.exemplar(ref, { labels: labelsFromObject({ trace: String(number) }), value: 1, t_ms: from });
  appender.metadata(ref, { type: 'counter', help: `help ${number % 3}`, unit: 's' });
  const { accepted } = await appender.commit();
  if (accepted < SERIES * steps) throw new Error('samples of the good store were refused');
}

function labelsOf(i: number): Labels {
  return labelsFromObject({ __name__: `m${i % 3}`, i: String(i), zone: `z${i % 2}` });
}

function put(appender: Appender, ref: number, i: number, t: number): void {
  const v = valueOf(i, t);
  if (isHistogram(i)) offer(appender, ref, { t, v, buckets: [1 + (v % 7), v % 5, 2] });
  else offer(appender, ref, { t, v });
}

function isHistogram(i: number): boolean {
  return i % 3 === 1;
}

function valueOf(i: number, t: number): number {
  return (t / 100) % (1000 + 17 * i);
}

// ---- damage

function pick(random: Dice, folder: Folder, of: (path: string) => boolean = () => true): string | null {
  // Kinds of files first: there are many segments and one checkpoint.
  const kinds = new Map<string, string[]>();
  for (const path of folder.keys()) {
    if (path.endsWith('/') || !of(path)) continue;
    const kind = path.replaceAll(/\d+/g, '0').replace(/\/data\/[0-9A-Z]{26}\//, '/block/');
    kinds.set(kind, [...(kinds.get(kind) ?? []), path]);
  }
  const lists = [...kinds.values()];
  if (lists.length === 0) return null;
  const list = lists[random.below(lists.length)]!;
  return list[random.below(list.length)]!;
}

function damage(random: Dice, folder: Folder): string {
  const path = pick(random, folder)!;
  const b = folder.get(path)!;
  const lot = random.below(16);
  if (lot < 6 && b.length > 0) {
    const wrong = b.slice();
    const said: string[] = [];
    for (let n = 1 + random.below(4); n > 0; n--) {
      const at = random.below(b.length);
      wrong[at] = wrong[at]! ^ (1 + random.below(255));
      said.push(`byte ${at} is 0x${wrong[at].toString(16)} instead of 0x${b[at]!.toString(16)}`);
    }
    folder.set(path, wrong);
    return `${path}: ${said.join(', ')}`;
  }
  if (lot < 9) {
    const size = random.below(b.length + 1);
    folder.set(path, b.slice(0, size));
    return `${path}: cut from ${b.length} to ${size} bytes`;
  }
  if (lot === 9) {
    const longer = new Uint8Array(b.length + 1 + random.below(100));
    const byte = random.below(2) * 255;
    longer.fill(byte, b.length);
    longer.set(b);
    folder.set(path, longer);
    return `${path}: ${longer.length - b.length} bytes 0x${byte.toString(16)} more`;
  }
  if (lot === 10) {
    folder.delete(path);
    return `${path}: missing`;
  }
  if (lot === 11) {
    const from = random.below(b.length + 1);
    const wrong = b.slice();
    wrong.fill(0, from, from + 1 + random.below(600));
    folder.set(path, wrong);
    return `${path}: zeros from ${from} on`;
  }
  if (lot === 12) {
    const other = pick(random, folder)!;
    folder.set(path, folder.get(other)!);
    return `${path}: holds what ${other} does`;
  }
  if (lot === 13) {
    const dir = path.slice(0, path.lastIndexOf('/'));
    const name = ['00000000', '00000007', '000001', '000099', 'x', 'meta.json'][random.below(6)]!;
    folder.set(`${dir}/${name}`, b);
    return `${path}: also as ${name}`;
  }
  if (lot === 14) {
    folder.delete(path);
    folder.set(`${path}/`, new Uint8Array(0));
    return `${path}: a folder`;
  }
  const dir = `${path.slice(0, path.lastIndexOf('/'))}/`;
  for (const other of folder.keys()) if (other.startsWith(dir)) folder.delete(other);
  folder.set(dir.slice(0, -1), b);
  return `${dir.slice(0, -1)}: a file in the folder's place`;
}

/** Wrong bytes in records of a log or a snapshot, with the fragments' checksums made right again. */
function reseal(random: Dice, folder: Folder): string {
  const path = pick(
    random,
    folder,
    (p) => /\/(wal|wbl|chunk_snapshot[^/]*)\//.test(p) && folder.get(p)!.length > 7,
  );
  if (path === null) return 'nothing to damage';
  const b = folder.get(path)!.slice();
  const fragments: number[] = [];
  for (let at = 0; at + 7 < b.length;) {
    const length = (b[at + 1]! << 8) | b[at + 2]!;
    if (b[at] === 0 || at + 7 + length > b.length) at = (Math.floor(at / 32_768) + 1) * 32_768;
    else {
      if (length > 0) fragments.push(at);
      at += 7 + length;
    }
  }
  if (fragments.length === 0) return 'nothing to damage';
  const at = fragments[random.below(fragments.length)]!;
  const from = at + 7;
  const to = from + ((b[at + 1]! << 8) | b[at + 2]!);
  const said: string[] = [];
  for (let n = 1 + random.below(3); n > 0; n--) {
    const place = from + random.below(Math.min(to - from, random.below(2) === 0 ? 12 : to - from));
    b[place] = random.below(3) === 0 ? [0, 0xff, 0x7f, 0x80][random.below(4)]! : random.below(256);
    said.push(`byte ${place} is 0x${b[place].toString(16)}`);
  }
  putU32(b, at + 3, crc32c(b, from, to));
  folder.set(path, b);
  return `${path}: ${said.join(', ')}, checksum right`;
}

// ---- questions

async function ask(random: Dice, folder: Folder, options: DbOptions, genuine: boolean): Promise<void> {
  const world = simWorld(1);
  for (const [path, b] of folder)
    if (path.endsWith('/')) world.env.files.makeDir(path);
    else world.disk.put(path, b);
  if (random.below(4) === 0) await readOnly(world, options, genuine);
  const db = await opened(world, options);
  if (db === null) return;
  await readAll(world, db, genuine);
  await goOn(world, db);
  await readAll(world, db, genuine);
  await world.run(db.close(), LIMIT_MS);
  const again = await opened(world, options);
  if (again === null) throw new Error('it opened once, and not again');
  await readAll(world, again, genuine);
  await world.run(again.close(), LIMIT_MS);
}

async function readOnly(world: SimWorld, options: DbOptions, genuine: boolean): Promise<void> {
  const before = treeText(world);
  const db = await opened(world, { ...options, readOnly: true });
  if (db !== null) {
    await readAll(world, db, genuine);
    await world.run(db.close(), LIMIT_MS);
  }
  if (treeText(world) !== before) throw new Error('a reader changed the folder');
}

function treeText(world: SimWorld): string {
  return world.disk
    .tree()
    .map((path) => {
      const b = world.disk.read(path) ?? new Uint8Array(0);
      return `${path} ${b.length} ${crc32c(b, 0, b.length)}`;
    })
    .join('\n');
}

/** null: it said why not. */
async function opened(world: SimWorld, options: DbOptions): Promise<Db | null> {
  try {
    return await world.run(openDb(world.env, options), LIMIT_MS);
  } catch (error) {
    if (error instanceof StorageError) return null;
    throw error;
  }
}

/** New samples are taken, and upkeep may only say what stands in its way. */
async function goOn(world: SimWorld, db: Db): Promise<void> {
  const t = START + (RANGES + 1) * RANGE_MS;
  const appender = db.appender();
  for (let i = 0; i < SERIES; i++) put(appender, appender.series(labelsOf(i)), i, t);
  try {
    await world.run(appender.commit(), LIMIT_MS);
    await world.run(db.upkeep(), LIMIT_MS);
  } catch (error) {
    if (!(error instanceof StorageError) && !(error instanceof EnvError)) throw error;
  }
}

async function readAll(world: SimWorld, db: Db, genuine: boolean): Promise<void> {
  const { env } = world;
  const querier = withBlocks(env, db, { cacheBytes: 1 << 20 }).querier();
  try {
    const selection = await world.run(querier.select(-Infinity, Infinity, []), LIMIT_MS);
    const q = { mint: -Infinity, maxt: Infinity, matchers: [], limit: 0 };
    await world.run(querier.labelNames(q), LIMIT_MS);
    await world.run(querier.labelValues('i', q), LIMIT_MS);
    const reader = openChunkReader(env.files);
    const symbols = new SymbolReader(selection.symbols);
    const column = newColumn();
    for (let i = 0; i < selection.count; i++) {
      const flat: string[] = [];
      for (let w = selection.labelFirst[i]!; w < selection.labelFirst[i + 1]!; w++)
        flat.push(symbols.text(selection.labelSymbols[w]!));
      try {
        await world.run(reader.load(selection, i, i + 1), LIMIT_MS);
        reader.series(selection, i, -Infinity, Infinity, column);
      } catch (error) {
        if (error instanceof StorageError) continue;
        throw error;
      }
      if (genuine) checkSeries(flat, column);
    }
  } finally {
    querier.close();
  }
}

function checkSeries(flat: readonly string[], c: ReturnType<typeof newColumn>): void {
  const i = Number(flat[flat.indexOf('i') + 1]);
  if (!(i >= 0 && i < SERIES) || flat.join(' ') !== labelsOf(i).join(' '))
    throw new Error(`a series {${flat.join(' ')}} that was never written`);
  for (let k = 0; k < c.n; k++) {
    const t = c.t[k]!;
    if (k > 0 && !(t > c.t[k - 1]!)) throw new Error(`series ${i}: times out of order at ${k}`);
    const whole = c.kind?.[k] === KIND.histogram;
    const v = whole ? c.h!.sum[k]! : c.v[k]!;
    if ((t - START) % STEP_MS !== 0 && (t - START) % STEP_MS !== LATE_MS)
      throw new Error(`series ${i}: a sample at ${t}, where none was written`);
    if (whole !== isHistogram(i) || v !== valueOf(i, t))
      throw new Error(`series ${i}: ${v} at ${t} instead of ${valueOf(i, t)}`);
  }
}
