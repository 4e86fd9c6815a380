// What it costs to take samples in and to keep them, beside Debian's Prometheus given the same samples in the same run, and beside the storage of
// Prometheus 3.16 alone where `npm run peers` has made its driver.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startServer, type Server } from '../compat/prometheus/server.ts';
import { readNumbers } from '../tools/arguments.ts';
import { folderBytes } from '../tools/folders.ts';
import { cachedPeer, which } from '../tools/peers.ts';
import { newProgress, type Progress } from '../tools/progress.ts';
import { FROM_MS, INTERVAL_MS } from './support/load.ts';
import { cpuSecondsOf, restingMemory, type Memory } from './support/process-usage.ts';
import { feed } from './support/remote-feed.ts';
import { startStore } from './support/store-child.ts';

export const usage: string = `npm run bench -- ingest [--series N] [--scrapes N] [--disk-series N] [--disk-hours N]
Append and log alone, memory per active series, bytes per sample on disk after compaction, and replay after kill -9, beside Debian's
Prometheus, which gets the same samples over remote write (ten scrapes of 500 series a request), and replays a copy of our folder.
  --series       held in memory (200000), --scrapes: of each, every 15 s (120)
  --disk-series  and --disk-hours: what is compacted (10000, 6)
example: npm run bench -- ingest --series 50000`;

/** A scrape of one target. */
const BATCH = 5000;
const APPEND_GOAL_NS = 300;
/** Without load before memory is read: its upkeep runs every minute. */
const REST_S = 75;
const MIB: number = 2 ** 20;
const run = promisify(execFile);

interface Replay {
  readonly ms: number;
  readonly cpu_s: number;
}

/** One column of the table; null: not measured. */
interface Figures {
  append_ns: number | null;
  memory: Memory | null;
  disk: number | null;
  replay: Replay | null;
  logBytes: number | null;
}

interface Size {
  readonly series: number;
  readonly scrapes: number;
  readonly diskSeries: number;
  readonly diskScrapes: number;
}

export async function main(args: string[]): Promise<number> {
  const numbers = readNumbers(args, {
    series: 200_000,
    scrapes: 120,
    'disk-series': 10_000,
    'disk-hours': 6,
  });
  if (typeof numbers === 'string') {
    console.error(`${numbers}\n${usage}`);
    return 2;
  }
  const program = which('prometheus');
  if (program === null) {
    console.error('prometheus is not on this machine: apt-get install prometheus');
    return 1;
  }
  const size: Size = {
    series: numbers.series,
    scrapes: numbers.scrapes,
    diskSeries: numbers['disk-series'],
    diskScrapes: Math.round((numbers['disk-hours'] * 3_600_000) / INTERVAL_MS),
  };
  const dir = mkdtempSync(join(tmpdir(), 'munjigi-bench-ingest-'));
  const progress = newProgress(true);
  try {
    const [copy, another] = [join(dir, 'copy'), join(dir, 'another')];
    const ours = await measureOurs(join(dir, 'ours'), size, [copy, another], progress);
    const theirs = await measureServer(program, join(dir, 'theirs'), size, copy, progress);
    const driver = await measureDriver(join(dir, 'driver'), size, another, progress);
    progress.done();
    print(size, ours, theirs, driver);
    return (ours.append_ns ?? Infinity) <= APPEND_GOAL_NS ? 0 : 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

// ---- ours

async function measureOurs(
  dir: string,
  size: Size,
  copies: readonly string[],
  progress: Progress,
): Promise<Figures> {
  mkdirSync(dir);
  const { series, scrapes } = size;
  const figures: Figures = { append_ns: null, memory: null, disk: null, replay: null, logBytes: null };
  const appendDir = join(dir, 'append');
  let child = startStore();
  try {
    await child.ask({ do: 'open', path: appendDir });
    const job = { do: 'append', series, batch: BATCH, upkeepEvery: 0 } as const;
    // The first scrapes make the series and warm the code up.
    const warm = Math.min(10, scrapes >> 1);
    await child.ask({ ...job, from: 0, to: warm });
    const to = Math.max(warm + 1, scrapes >> 1);
    const { cpu_ms } = await child.ask({ ...job, from: warm, to }, (part) =>
      progress.at('ours: append and log alone', part),
    );
    figures.append_ns = (cpu_ms * 1e6) / ((to - warm) * series);
    figures.logBytes = folderBytes(join(appendDir, 'wal')) / (to * series);
  } finally {
    await child.kill();
  }
  rmSync(appendDir, { recursive: true, force: true });

  const heldDir = join(dir, 'held');
  child = startStore();
  try {
    await child.ask({ do: 'open', path: heldDir });
    await child.ask({ do: 'append', series, batch: BATCH, upkeepEvery: 4, from: 0, to: scrapes }, (part) =>
      progress.at('ours: memory', part),
    );
    progress.at('ours: memory at rest');
    figures.memory = await restingMemory(child.pid, REST_S);
  } finally {
    await child.kill();
  }
  // The others replay the very same folder.
  for (const copy of copies) cpSync(heldDir, copy, { recursive: true });
  progress.at('ours: replay after kill -9');
  const began = performance.now();
  child = startStore();
  try {
    await child.ask({ do: 'open', path: heldDir });
    figures.replay = { ms: performance.now() - began, cpu_s: cpuSecondsOf(child.pid) };
  } finally {
    await child.kill();
  }
  rmSync(heldDir, { recursive: true, force: true });

  const diskDir = join(dir, 'disk');
  child = startStore();
  try {
    await child.ask({ do: 'open', path: diskDir });
    await child.ask(
      { do: 'append', series: size.diskSeries, batch: BATCH, upkeepEvery: 20, from: 0, to: size.diskScrapes },
      (part) => progress.at('ours: blocks', part),
    );
    await child.ask({ do: 'close' });
  } finally {
    await child.kill();
  }
  figures.disk = bytesPerSample(diskDir);
  return figures;
}

/** Blocks' bytes, index and chunks and all, over the samples in them. */
function bytesPerSample(dir: string): number {
  let bytes = 0;
  let samples = 0;
  for (const name of readdirSync(dir)) {
    if (!/^[0-9A-Z]{26}$/.test(name)) continue;
    bytes += folderBytes(join(dir, name));
    const meta = JSON.parse(readFileSync(join(dir, name, 'meta.json'), 'utf8')) as {
      stats: { numSamples: number };
    };
    samples += meta.stats.numSamples;
  }
  if (samples === 0) throw new Error(`no block was cut in ${dir}`);
  return bytes / samples;
}

// ---- Debian's Prometheus

async function measureServer(
  program: string,
  dir: string,
  size: Size,
  copy: string,
  progress: Progress,
): Promise<Figures> {
  mkdirSync(dir);
  const { series, scrapes } = size;
  const figures: Figures = { append_ns: null, memory: null, disk: null, replay: null, logBytes: null };
  const held = join(dir, 'held');
  let server = await startServer({ program, data: held });
  try {
    const cpu = cpuSecondsOf(server.pid);
    await feed(server.url, series, 0, scrapes, 10, (k) => {
      progress.at('Prometheus: memory', k / scrapes);
      return Promise.resolve();
    });
    const used = cpuSecondsOf(server.pid) - cpu;
    progress.done(
      `Prometheus took ${Math.round((used * 1e9) / (series * scrapes))} ns of CPU a sample over remote write, reading the requests included`,
    );
    progress.at('Prometheus: memory at rest');
    figures.memory = await restingMemory(server.pid, REST_S);
  } finally {
    await server.kill();
  }
  figures.logBytes = folderBytes(join(held, 'wal')) / (series * scrapes);
  rmSync(held, { recursive: true, force: true });
  progress.at('Prometheus: replay after kill -9');
  figures.replay = await replayBy(program, copy);

  const disk = join(dir, 'disk');
  server = await startServer({ program, data: disk });
  try {
    await feed(server.url, size.diskSeries, 0, size.diskScrapes, 10, async (k) => {
      progress.at('Prometheus: blocks', k / size.diskScrapes);
      await hasCut(server, FROM_MS + k * INTERVAL_MS);
    });
    await server.stop();
  } finally {
    await server.kill();
  }
  figures.disk = bytesPerSample(disk);
  return figures;
}

async function replayBy(program: string, data: string): Promise<Replay> {
  const server = await startServer({ program, data });
  const replay = { ms: server.ready_ms, cpu_s: cpuSecondsOf(server.pid) };
  await server.kill();
  return replay;
}

/** Waits while its head spans more than it would in real time. */
async function hasCut(server: Server, now: number): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    const mint = await server.metric('prometheus_tsdb_head_min_time');
    if (now - mint < 3.2 * 3_600_000) return;
    await sleep(50);
  }
  throw new Error('Prometheus does not cut its head');
}

// ---- the storage of Prometheus 3.16 alone

async function measureDriver(
  dir: string,
  size: Size,
  copy: string,
  progress: Progress,
): Promise<Figures | null> {
  const driver = cachedPeer('tsdb-peer');
  if (driver === null) return null;
  progress.at("Prometheus 3.16's storage alone");
  const { series, scrapes } = size;
  const { stdout } = await run(driver, ['bench', String(series), String(scrapes), dir, String(BATCH)]);
  const { cpu_ns_per_sample, resident_bytes, anonymous_bytes } = JSON.parse(stdout) as {
    cpu_ns_per_sample: number;
    resident_bytes: number;
    anonymous_bytes: number;
  };
  const figures: Figures = {
    append_ns: cpu_ns_per_sample,
    memory: { resident: resident_bytes, anonymous: anonymous_bytes },
    disk: null,
    replay: null,
    logBytes: folderBytes(join(dir, 'wal')) / (series * scrapes),
  };
  const program = cachedPeer('prometheus-3.16');
  if (program !== null) figures.replay = await replayBy(program, copy);
  return figures;
}

// ---- the table

function print(size: Size, ours: Figures, theirs: Figures, driver: Figures | null): void {
  const { series, scrapes } = size;
  console.log(
    `${cpus().length} cores; ${series} series of ${scrapes} scrapes in commits of ${BATCH}; blocks: ${size.diskSeries} series of ${size.diskScrapes} scrapes.\n` +
      'CPU of the whole process; memory: the lowest of the whole process at rest, over the series; disk: blocks with their indexes, over the\n' +
      'samples in them; replay: from starting the process until it is ready, after kill -9, of one folder (ours, copied). The driver of 3.16\ncollects garbage before its memory is read.',
  );
  const rows: readonly (readonly [name: string, unit: string, value: (f: Figures) => number | null])[] = [
    ['append and log', 'ns a sample', (f) => f.append_ns],
    ['log', 'bytes a sample', (f) => f.logBytes],
    ['resident memory', 'bytes a series', (f) => (f.memory === null ? null : f.memory.resident / series)],
    [
      'without pages of files',
      'bytes a series',
      (f) => (f.memory === null ? null : f.memory.anonymous / series),
    ],
    ['blocks', 'bytes a sample', (f) => f.disk],
    ['replay', 's', (f) => (f.replay === null ? null : f.replay.ms / 1000)],
    ['replay', 's of CPU', (f) => f.replay?.cpu_s ?? null],
  ];
  const head = ['', '', 'ours', 'Prometheus', 'ratio', '3.16 alone', 'ratio'];
  const lines = rows.map(([name, unit, value]) => {
    const own = value(ours);
    const debian = value(theirs);
    const alone = driver === null ? null : value(driver);
    return [name, unit, number(own), number(debian), ratio(own, debian), number(alone), ratio(own, alone)];
  });
  const widths = head.map((text, i) => Math.max(text.length, ...lines.map((line) => line[i]!.length)));
  for (const line of [head, ...lines])
    console.log(
      line.map((text, i) => (i < 2 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  '),
    );
  if (driver === null) console.log('3.16 alone: not in the cache of peers (npm run peers)');
  const memory = ours.memory === null ? 0 : ours.memory.resident / MIB;
  console.log(
    `ours in all: ${memory.toFixed(0)} MiB resident; goal for append and log: ${APPEND_GOAL_NS} ns`,
  );
}

function number(value: number | null): string {
  if (value === null) return '-';
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function ratio(own: number | null, other: number | null): string {
  return own === null || other === null ? '-' : `${(own / other).toFixed(2)}x`;
}
