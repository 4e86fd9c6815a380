import { simWorld } from '@munjigi/env/sim';
import { ENCODING, StorageError } from '@munjigi/model';
import { expect, test } from 'vitest';
import { scanHeadChunks, type HeadChunk, type HeadChunkScan } from './head-chunk-scan.ts';
import { headChunkFile, headChunkStart, newHeadChunkWriter, type HeadChunkWriter } from './head-chunks.ts';

type World = ReturnType<typeof simWorld>;
const DIR = '/data/chunks_head';

interface Plain {
  readonly ref: number;
  readonly mint: number;
  readonly maxt: number;
  readonly encoding: number;
  readonly outOfOrder: boolean;
  readonly samples: number;
  readonly data: Uint8Array;
}

/** Chunk i of a test: all encodings, sizes with one to three bytes of length. */
function plain(i: number): Plain {
  const encoding = 1 + (i % 6);
  const word = encoding === ENCODING.histogramSt || encoding === ENCODING.floatHistogramSt;
  const samples = 1 + ((i * 7) % 120);
  const data = Uint8Array.from({ length: [30, 200, 17_000][i % 3]! + i }, (_, k) => (k * 31 + i) & 255);
  // The upper two bits of the first byte are the reset header, the rest is the count.
  if (word) data.set([((i % 4) << 6) | (samples >> 8), samples & 255]);
  return {
    ref: i + 1,
    mint: i * 100 - 50,
    maxt: i * 100 + 49,
    encoding,
    outOfOrder: i % 5 === 0,
    samples,
    data,
  };
}

function makeWorld(seed: number): World {
  const world = simWorld(seed);
  world.env.files.makeDir(DIR);
  return world;
}

/** Appends chunks [from, to) as one batch; returns where they are. */
function put(
  writer: HeadChunkWriter,
  from: number,
  to: number,
): { file: number; offset: number; bytes: number }[] {
  const places: number[] = [];
  for (let i = from; i < to; i++) {
    const p = plain(i);
    const b = Uint8Array.from([9, 9, 9, ...p.data, 9]);
    places.push(
      writer.append(p.ref, p.mint, p.maxt, p.encoding, p.outOfOrder, p.samples, b, 3, p.data.length),
    );
  }
  const base = writer.flush();
  return places.map((place, i) => ({
    file: writer.file(),
    offset: base + place,
    bytes: plain(from + i).data.length,
  }));
}

async function scan(
  world: World,
  each: (chunk: HeadChunk) => string = () => '',
): Promise<HeadChunkScan & { found: HeadChunk[]; data: Uint8Array[] }> {
  const found: HeadChunk[] = [];
  const data: Uint8Array[] = [];
  const { files } = world.env;
  const result = await world.run(
    scanHeadChunks(
      files,
      DIR,
      (chunk) => {
        const wrong = each(chunk);
        if (wrong === '') {
          found.push({ ...chunk });
          const b = new Uint8Array(chunk.bytes);
          const file = files.open(headChunkFile(DIR, chunk.file), 'r');
          file.read(b, 0, b.length, chunk.offset);
          file.close();
          data.push(b);
        }
        return wrong;
      },
      { repair: true, rest: () => world.env.clock.yield() },
    ),
  );
  return { ...result, found, data };
}

async function write(world: World, ...sizes: number[]): Promise<ReturnType<typeof put>> {
  const writer = newHeadChunkWriter(world.env.files, DIR, 1);
  const places: ReturnType<typeof put> = [];
  let n = 0;
  for (const size of sizes) {
    if (size === 0) await world.run(writer.cut());
    else places.push(...put(writer, n, n + size));
    n += size;
  }
  await world.run(writer.sync());
  writer.close();
  return places;
}

test('chunks of all encodings, in batches and files, are found where they were put', async () => {
  const world = makeWorld(1);
  const places = await write(world, 10, 1, 0, 150, 20);
  const { found, data, ...result } = await scan(world);
  expect(result).toMatchObject({ lastFile: 2, chunks: 181, problems: [] });
  expect(found).toEqual(
    places.map(({ file, offset, bytes }, i) => {
      const { data: _, ...rest } = plain(i);
      return { ...rest, file, offset, bytes, at: headChunkStart(rest.encoding, offset, bytes) };
    }),
  );
  expect(data.every((b, i) => Buffer.compare(b, plain(i).data) === 0)).toBe(true);
  // Chunks follow each other without a gap.
  expect(found[0]!.at).toBe(8);
  expect(world.disk.read(headChunkFile(DIR, 1))!.slice(0, 8)).toEqual(
    Uint8Array.of(0x01, 0x30, 0xbc, 0x91, 1, 0, 0, 0),
  );
});

test('a batch that does not fit begins a new file', async () => {
  const world = makeWorld(2);
  const writer = newHeadChunkWriter(world.env.files, DIR, 7);
  await world.run(writer.ready(200 * 2 ** 20));
  put(writer, 0, 3);
  await world.run(writer.ready(127 * 2 ** 20));
  expect(writer.file()).toBe(7);
  put(writer, 3, 4);
  await world.run(writer.ready(128 * 2 ** 20));
  expect(writer.file()).toBe(8);
  expect(writer.pending()).toBe(0);
  expect(writer.flush()).toBe(0);
  await world.run(writer.cut());
  expect(world.disk.tree().filter((f) => f.startsWith(DIR))).toHaveLength(1);
  put(writer, 4, 5);
  writer.close();
  expect((await scan(world)).found.map(({ file, ref }) => [file, ref])).toEqual([
    [7, 1],
    [7, 2],
    [7, 3],
    [7, 4],
    [8, 5],
  ]);
});

test('a full disk refuses the batch whole, and the next one comes behind the last good', async () => {
  const world = makeWorld(3);
  const writer = newHeadChunkWriter(world.env.files, DIR, 1);
  world.disk.full(10);
  let error: unknown = null;
  try {
    put(writer, 0, 3);
  } catch (e) {
    error = e;
  }
  expect(error).toBeInstanceOf(StorageError);
  expect(error).toMatchObject({ code: 'ENOSPC', retryable: true });
  expect((error as Error).message).toMatch(/cannot write chunks of the head: .*stay in memory/);
  world.disk.full(Infinity);
  put(writer, 0, 3);
  world.disk.full(100);
  expect(() => put(writer, 3, 6)).toThrow(StorageError);
  world.disk.full(Infinity);
  const places = put(writer, 6, 9);
  writer.close();
  const { found, problems } = await scan(world);
  expect(found.map(({ ref }) => ref)).toEqual([1, 2, 3, 7, 8, 9]);
  expect(found.slice(3).map(({ offset }) => offset)).toEqual(places.map(({ offset }) => offset));
  expect(problems).toEqual([]);
});

const set =
  (at: number, ...values: number[]) =>
  (b: Uint8Array): Uint8Array => {
    b.set(values, at);
    return b;
  };

/** Three files of 3 chunks: which chunks (by reference) are left, which files, and what is said. */
test.each<[string, number, (b: Uint8Array) => Uint8Array | null, number[], number[], RegExp | null]>([
  ['nothing', 3, (b) => b, [1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3], null],
  [
    'a wrong bit in the data',
    2,
    set(300, 1),
    [1, 2, 3, 4],
    [1, 2],
    /byte \d+ of .*000002 \(a checksum is wrong\): the rest of it and a later file were dropped/,
  ],
  ['a wrong bit in a time', 2, set(8 + 16, 0xff), [1, 2, 3], [1, 2], /checksum/],
  [
    'a torn end',
    3,
    (b) => b.slice(0, b.length - 1),
    [1, 2, 3, 4, 5, 6, 7, 8],
    [1, 2, 3],
    /ends inside a chunk\): the rest of it was dropped/,
  ],
  [
    'a torn end in the head of a chunk',
    3,
    (b) => Uint8Array.from([...b, ...b.slice(8, 20)]),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3],
    /ends inside the head/,
  ],
  [
    'zeros behind the end',
    3,
    (b) => Uint8Array.from([...b, ...new Uint8Array(5000)]),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3],
    null,
  ],
  [
    'a few zeros behind the end',
    3,
    (b) => Uint8Array.from([...b, 0, 0, 0]),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3],
    null,
  ],
  [
    'zeros behind the end of an older file',
    2,
    (b) => Uint8Array.from([...b, ...new Uint8Array(50)]),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3],
    null,
  ],
  ['a hole', 3, (b) => b.fill(0, 8, 100), [1, 2, 3, 4, 5, 6], [1, 2, 3], /zeros stand where/],
  ['an empty newest file', 3, () => new Uint8Array(0), [1, 2, 3, 4, 5, 6], [1, 2], null],
  ['a newest file of zeros', 3, () => new Uint8Array(100), [1, 2, 3, 4, 5, 6], [1, 2], null],
  [
    'an empty older file',
    2,
    () => new Uint8Array(0),
    [1, 2, 3],
    [1],
    /no header\): it and a later file were dropped/,
  ],
  [
    'another magic number',
    3,
    set(3, 0x92),
    [1, 2, 3, 4, 5, 6],
    [1, 2],
    /begins with 0x130bc92, not 0x130bc91/,
  ],
  ['another version', 1, set(4, 2), [], [], /version 2\): it and 2 later files were dropped/],
  ['a missing file', 2, () => null, [1, 2, 3], [1], /000002 before it is missing/],
  [
    'a length that cannot be',
    3,
    set(8 + 25, 0xff, 0xff, 0xff, 0x7f),
    [1, 2, 3, 4, 5, 6],
    [1, 2, 3],
    /the length 268435455/,
  ],
])('damage: %s', async (_, which, damage, left, files, said) => {
  const world = makeWorld(4);
  await write(world, 3, 0, 3, 0, 3);
  const damaged = damage(world.disk.read(headChunkFile(DIR, which))!);
  world.disk.crash('process');
  world.restart();
  if (damaged === null) world.env.files.remove(headChunkFile(DIR, which));
  else world.disk.put(headChunkFile(DIR, which), damaged);
  for (const again of [false, true]) {
    const { found, problems, lastFile } = await scan(world);
    expect(found.map(({ ref }) => ref)).toEqual(left);
    const message = problems.map((p) => p.message).join();
    if (again || said === null) expect(message).toBe('');
    else expect(message).toMatch(said);
    expect(lastFile).toBe(files.at(-1) ?? 0);
    expect(world.env.files.list(DIR).map(({ name }) => Number(name))).toEqual(files);
  }
});

test('what the caller refuses is dropped like damage', async () => {
  const world = makeWorld(5);
  await write(world, 3, 0, 3);
  const first = await scan(world, ({ ref }) => (ref === 2 ? 'it is not liked' : ''));
  expect(first.problems.map((p) => p.message)).toEqual([expect.stringMatching(/000001 \(it is not liked\)/)]);
  expect((await scan(world)).found.map(({ ref }) => ref)).toEqual([1]);
});

test('without repair nothing changes on disk', async () => {
  const world = makeWorld(6);
  await write(world, 3, 0, 3);
  world.disk.put(headChunkFile(DIR, 1), new Uint8Array(3));
  const tree = (): unknown[] => world.disk.tree().map((f) => [f, world.disk.read(f)?.length]);
  const before = tree();
  const result = await world.run(
    scanHeadChunks(world.env.files, DIR, () => '', { repair: false, rest: async () => undefined }),
  );
  expect(result).toMatchObject({ lastFile: 0, chunks: 0, problems: [{ field: 'byte 0' }] });
  expect(tree()).toEqual(before);
});

test('after any power failure a prefix of the chunks is left', async () => {
  const wrong: unknown[] = [];
  for (let seed = 0; seed < 60; seed++) {
    const world = makeWorld(seed);
    const writer = newHeadChunkWriter(world.env.files, DIR, 1);
    let synced = 0;
    for (let n = 0; n < 12; n += 3) {
      put(writer, n, n + 3);
      if (n === (seed % 3) * 3) await world.run(writer.cut());
      if (n === (seed % 3) * 3) synced = n + 3;
    }
    world.disk.crash('power');
    world.restart();
    if (world.env.files.stat(DIR) === null) continue;
    const { found, data } = await scan(world);
    const right = found.every(({ ref }, i) => ref === i + 1 && Buffer.compare(data[i]!, plain(i).data) === 0);
    const makesSense = right && (found.length >= synced || synced === 0);
    const again = await scan(world);
    if (!makesSense || again.problems.length > 0 || again.found.length !== found.length)
      wrong.push({ seed, found: found.length, synced, again: again.problems });
  }
  expect(wrong).toEqual([]);
});
