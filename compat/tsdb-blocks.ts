// Real blocks of Prometheus, Mimir and Thanos: read with the samples that others read from them, and those of the present format written again
// byte by byte.
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEnv } from '@munjigi/env/node';
import { SymbolReader, newColumn, type BlockRef, type Matcher, type Selection } from '@munjigi/model';
import { newBlockCache } from '../packages/tsdb/src/block/cache.ts';
import { withBlocks } from '../packages/tsdb/src/block/querier.ts';
import { checkBlock, openBlock, type Block } from '../packages/tsdb/src/block/reader.ts';
import { newSeriesEntry } from '../packages/tsdb/src/block/series-entry.ts';
import { openChunkReader } from '../packages/tsdb/src/chunk/reader.ts';
import { storeOfBlocks } from '../packages/tsdb/src/testing/empty-store.ts';
import { copyBlock } from '../packages/tsdb/src/testing/copy-block.ts';

interface Expected {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [number, string])[];
    }[];
  };
}

type Verdict = (name: string, problem: string) => void;

const env = nodeEnv();
const V1_SERIES = 102;

export async function run(dataDir: string): Promise<{ passed: number; failures: string[] }> {
  const dir = join(dataDir, 'metrics/tsdb');
  const failures: string[] = [];
  let passed = 0;
  const verdict: Verdict = (name, problem) => {
    if (problem === '') passed++;
    else failures.push(`${name}: ${problem}`);
  };
  const scratch = mkdtempSync(join(tmpdir(), 'munjigi-blocks-'));
  try {
    const snapshots = join(dir, 'vm-prometheus-snapshot/snapshots');
    const prometheus = only(join(snapshots, readdirSync(snapshots)[0]!));
    const mimir = join(dir, 'vm-mimir-tsdb/anonymous/01JFJBS3YP1SHZ3PJQ6HK76EC3');
    const thanos = join(dir, 'vm-thanos-snapshot');
    const raw = join(thanos, '01KKS78P6B68DNJC87ZVPRGC3X');
    await samples(
      verdict,
      prometheus,
      join(dir, 'vm-prometheus-snapshot/expected_response.json'),
      () => true,
    );
    await samples(verdict, mimir, join(dir, 'vm-mimir-tsdb/expected_response.json'), () => true);
    // The other series of the file are made of downsampled blocks.
    const isRaw = (name: string): boolean => !name.includes(':');
    await samples(verdict, raw, join(thanos, 'expected_all_aggr_response.json'), isRaw);
    for (const block of [prometheus, mimir, raw]) {
      verdict(`${block}: counts`, await counts(block));
      await rewritten(verdict, block, scratch);
    }
    const first = join(dir, 'prometheus/index_format_v1');
    verdict(`${first}: counts`, await counts(first));
    verdict(`${first}: postings`, postingsOfV1(first));
    verdict('repair_index_version', indexOfVersion2(only(join(dir, 'prometheus/repair_index_version'))));
    verdict(
      'out_of_order_chunks',
      await outOfOrder(join(dir, 'thanos-block/out_of_order_chunks/index'), scratch),
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return { passed, failures };
}

function only(dir: string): string {
  return join(dir, readdirSync(dir)[0]!);
}

async function using<T>(dir: string, fn: (block: Block) => T | Promise<T>): Promise<T> {
  const block = openBlock(env.files, dir, newBlockCache(1024 * 1024));
  try {
    return await fn(block);
  } finally {
    block.close();
  }
}

async function select(dir: string, matchers: readonly Matcher[]): Promise<Selection> {
  const ref = await using(dir, ({ meta }): BlockRef => ({
    dir,
    ulid: meta.ulid,
    mint: -Infinity,
    maxt: Infinity,
    version: 0,
  }));
  const all = withBlocks(env, storeOfBlocks([ref]), { cacheBytes: 1024 * 1024 });
  return all.querier().select(-Infinity, Infinity, matchers);
}

/** One case a series of the answer that lies beside the block. */
async function samples(
  verdict: Verdict,
  dir: string,
  answer: string,
  wanted: (name: string) => boolean,
): Promise<void> {
  const { data } = JSON.parse(readFileSync(answer, 'utf8')) as Expected;
  const reader = openChunkReader(env.files);
  const column = newColumn(1);
  for (const { metric, values } of data.result) {
    if (!wanted(metric['__name__']!)) continue;
    const matchers = Object.entries(metric).map(([name, value]): Matcher => ({ name, op: '=', value }));
    const s = await select(dir, matchers);
    const found: [number, number][] = [];
    for (let i = 0; i < s.count; i++) {
      await reader.load(s, i, i + 1);
      reader.series(s, i, -Infinity, Infinity, column);
      for (let k = 0; k < column.n; k++) found.push([column.t[k]! / 1000, column.v[k]!]);
    }
    const problem =
      s.warnings.length > 0
        ? s.warnings.join()
        : s.count !== 1
          ? `${s.count} series`
          : sameSamples(found, values)
            ? ''
            : `${JSON.stringify(found)} instead of ${JSON.stringify(values)}`;
    verdict(`${dir}: ${JSON.stringify(metric)}`, problem);
  }
}

/** The answers that lie beside the blocks keep 13 digits. */
function sameSamples(
  found: readonly (readonly [number, number])[],
  want: readonly (readonly [number, string])[],
): boolean {
  return (
    found.length === want.length &&
    found.every(([t, v], i) => {
      const [wantT, wantV] = want[i]!;
      return t === wantT && Math.abs(v - Number(wantV)) <= 1e-12 * Math.abs(v);
    })
  );
}

/** Everything is read; the counts are those of the meta, series lie in label order. */
async function counts(dir: string): Promise<string> {
  checkBlock(env.files, dir);
  const s = await select(dir, []);
  const reader = openChunkReader(env.files);
  const column = newColumn(1);
  const symbols = new SymbolReader(s.symbols);
  await reader.load(s, 0, s.count);
  let n = 0;
  let last = '';
  for (let i = 0; i < s.count; i++) {
    reader.series(s, i, -Infinity, Infinity, column);
    n += column.n;
    const labels = Array.from(s.labelSymbols.subarray(s.labelFirst[i], s.labelFirst[i + 1]), (w) =>
      symbols.text(w),
    );
    // ASCII in all of these.
    const text = labels.join('\0');
    if (text <= last) return `${text} comes after ${last}`;
    last = text;
  }
  return using(dir, ({ meta }) => {
    const { numSeries, numSamples, numChunks } = meta.stats;
    const got = [s.count, n, s.first[s.count]].join();
    const want = [numSeries, numSamples, numChunks].join();
    return got === want ? '' : `${got} series, samples and chunks instead of ${want}`;
  });
}

/** Written again, the files are the same; of an index that has sections which are no longer written, all others are. */
async function rewritten(verdict: Verdict, dir: string, scratch: string): Promise<void> {
  const made = await copyBlock(env.files, dir, scratch);
  for (const name of readdirSync(join(dir, 'chunks'))) {
    const same = readFileSync(join(dir, 'chunks', name)).equals(readFileSync(join(made, 'chunks', name)));
    verdict(`${dir}: chunks/${name} written again`, same ? '' : 'other bytes');
  }
  const [theirs, ours] = [openToc(join(dir, 'index')), openToc(join(made, 'index'))];
  // Symbols and series, then postings: where they begin differs when sections of the old kind stand between them.
  const same =
    theirs.seriesEnd === theirs.postings
      ? theirs.b.equals(ours.b)
      : theirs.b.subarray(0, theirs.seriesEnd).equals(ours.b.subarray(0, ours.seriesEnd)) &&
        lists(theirs).equals(lists(ours));
  verdict(`${dir}: index written again`, same ? '' : 'other bytes');
}

interface IndexBytes {
  readonly b: Buffer;
  readonly seriesEnd: number;
  readonly postings: number;
  readonly postingsEnd: number;
}

function openToc(path: string): IndexBytes {
  const b = readFileSync(path);
  const place = (at: number): number => Number(b.readBigUInt64BE(b.length - 52 + at));
  return { b, seriesEnd: place(16), postingsEnd: place(24), postings: place(32) };
}

function lists({ b, postings, postingsEnd }: IndexBytes): Buffer {
  return b.subarray(Math.ceil(postings / 4) * 4, postingsEnd);
}

function postingsOfV1(dir: string): string {
  const block = openBlock(env.files, dir, newBlockCache(1024 * 1024));
  try {
    const all = block.postings('', '');
    if (all.length !== V1_SERIES) return `${all.length} series`;
    for (const name of block.labelNames())
      for (const value of block.labelValues(name)) {
        const cursor = block.cursor(block.postings(name, value), -Infinity, Infinity);
        while (cursor.next()) {
          const texts = Array.from(cursor.labels.subarray(0, cursor.labelCount), (w) => block.symbolText(w));
          if (!texts.some((text, i) => i % 2 === 0 && text === name && texts[i + 1] === value))
            return `${texts.join()} is listed for ${name}=${value}`;
        }
      }
    return '';
  } finally {
    block.close();
  }
}

/** An index whose version byte is wrong, which the version of its meta tells. */
function indexOfVersion2(dir: string): string {
  const block = openBlock(env.files, dir, newBlockCache(1024 * 1024));
  try {
    const found: string[] = [];
    const series = newSeriesEntry();
    for (const ref of block.postings('b', '1')) {
      // Without chunks no cursor stops there.
      block.index.series(ref, -Infinity, Infinity, series);
      found.push(Array.from(series.labels.subarray(0, series.labelCount), (w) => block.symbolText(w)).join());
    }
    return found.join(' ') === 'a,1,b,1 a,2,b,1' ? '' : `series ${found.join(' ')}`;
  } finally {
    block.close();
  }
}

/** A series whose second chunk lies before its first one. */
async function outOfOrder(index: string, scratch: string): Promise<string> {
  const ulid = '01HF7YAT00000000000000000A';
  const dir = join(scratch, 'out-of-order');
  mkdirSync(join(dir, 'chunks'), { recursive: true });
  copyFileSync(index, join(dir, 'index'));
  writeFileSync(join(dir, 'meta.json'), JSON.stringify({ ulid, minTime: 0, maxTime: 10, version: 1 }));
  return using(dir, (block) => {
    const cursor = block.series(null, -Infinity, Infinity);
    if (!cursor.next()) return 'no series';
    const times = Array.from(cursor.chunkMint.subarray(0, cursor.chunkCount)).join();
    return times === `${2 ** 63},1` ? '' : `chunks from ${times}`;
  });
}
