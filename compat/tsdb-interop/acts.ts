// What a case is made of: we write, Prometheus writes, each reads, and everything that was written must be found.
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DbOptions } from '@munjigi/tsdb';
import { startServer, writeRemote, type Server, type WrittenSeries } from '../prometheus/server.ts';
import { OurStore } from './ours.ts';
import { TsdbPeer, type PeerOptions } from './peer.ts';
import { readRemote, type Selector } from './remote-read.ts';
import { difference, type FoundSeries } from './samples.ts';
import { Workload, type WorkloadOptions } from './workload.ts';

/** The programs of one version of Prometheus. */
export interface Peers {
  readonly prometheus: string;
  readonly promtool: string;
  /** The driver of its storage; null: none of this version. */
  readonly tsdbPeer: string | null;
  /** Native histograms, start times, XOR2 and zstd are known to it. */
  readonly modern: boolean;
}

export interface CaseContext {
  readonly peers: Peers;
  /** An empty folder. */
  readonly dir: string;
  say(text: string): void;
}

const SELECTORS = 200;
const SELECTORS_PER_REQUEST = 20;
export const FROM_MS = 1_700_006_400_000;
export const OUT_OF_ORDER_MS = 1_800_000;
const EVERYTHING: Selector['matchers'] = [{ name: '__name__', op: '!=', value: '' }];

export function workload(c: CaseContext, seed: number, some: Partial<WorkloadOptions> = {}): Workload {
  const { modern } = c.peers;
  return new Workload({
    seed,
    hours: 10,
    step_ms: 60_000,
    from_ms: FROM_MS,
    histograms: modern,
    customBuckets: modern,
    startTimes: false,
    exemplars: true,
    outOfOrder_ms: 0,
    ...some,
  });
}

/** A stretch of writing by us: blocks, head chunks, log, deleted ranges. The folder is left by a clean close, or copied as kill -9 would leave it. */
export async function weWrite(
  c: CaseContext,
  w: Workload,
  options: Partial<DbOptions>,
  end: 'close' | 'kill',
  deletes: readonly Selector[] = [],
): Promise<string> {
  const path = join(c.dir, 'ours');
  const outOfOrderWindow_ms = w.options.outOfOrder_ms;
  const store = await OurStore.open(
    { path, segmentBytes: 256 * 1024, outOfOrderWindow_ms, ...options },
    w.labels,
  );
  try {
    let k = 0;
    for (const { rows } of w.batches(0, w.steps)) {
      await store.append(rows);
      if (++k % 45 === 0) {
        c.say(`writing, ${Math.round((100 * k) / w.steps)} %`);
        await store.db.upkeep();
      }
    }
    for (const selector of deletes) {
      await store.db.deleteSeries([selector.matchers], selector.mint, selector.maxt);
      w.delete(selector);
    }
    c.say('reading it ourselves');
    must('what we read of our own', await store.find(all(w)), w.find(all(w)));
    if (end === 'kill') cpSync(path, join(c.dir, 'killed'), { recursive: true });
  } finally {
    await store.close();
  }
  return end === 'kill' ? join(c.dir, 'killed') : path;
}

export function all(w: Workload): Selector {
  return { mint: w.mint - 1000, maxt: w.end, matchers: EVERYTHING };
}

export function must(what: string, got: readonly FoundSeries[], want: readonly FoundSeries[]): void {
  const wrong = difference(got, want);
  if (wrong !== null) throw new Error(`${what}: ${wrong}`);
}

/** Both answer every selector as written. */
async function compareServer(c: CaseContext, w: Workload, url: string): Promise<void> {
  const selectors = w.selectors(SELECTORS);
  for (let at = 0; at < selectors.length; at += SELECTORS_PER_REQUEST) {
    c.say(`selector ${at + 1} of ${SELECTORS}`);
    const some = selectors.slice(at, at + SELECTORS_PER_REQUEST);
    const answers = await readRemote(url, some);
    some.forEach((selector, i) =>
      must(
        `Prometheus' answer to selector ${at + i} ${selectorText(selector)}`,
        answers[i] ?? [],
        w.find(selector).map(withoutSign),
      ),
    );
  }
}

/** Remote read leaves out numbers that are 0, and takes -0 for it. */
export function withoutSign({ labels, rows }: FoundSeries): FoundSeries {
  return { labels, rows: rows.map((row) => row.replace(/ 8000000000000000$/, ' 0000000000000000')) };
}

async function compareOurs(c: CaseContext, w: Workload, store: OurStore, withSt: boolean): Promise<void> {
  let at = 0;
  for (const selector of w.selectors(SELECTORS)) {
    if (at % 20 === 0) c.say(`selector ${at + 1} of ${SELECTORS}`);
    must(
      `our answer to selector ${at} ${selectorText(selector)}`,
      await store.find(selector, withSt),
      w.find(selector, withSt),
    );
    at++;
  }
}

function selectorText({ matchers, mint, maxt }: Selector): string {
  return `{${matchers.map((m) => `${m.name}${m.op}"${m.value}"`).join(',')}} [${mint}, ${maxt}]`;
}

/** Starts the server on a folder, compares, stops it. */
export async function serverReads(
  c: CaseContext,
  w: Workload,
  data: string,
  args: readonly string[] = [],
): Promise<void> {
  const server = await startServer({
    program: c.peers.prometheus,
    data,
    args: ['--enable-feature=exemplar-storage', ...args],
    config: configText(w.options.outOfOrder_ms),
  });
  try {
    mustBeClean(server);
    await compareServer(c, w, server.url);
    await compareExemplars(w, server);
  } catch (error) {
    throw server.explain(error);
  } finally {
    await server.kill();
  }
}

function configText(outOfOrder_ms: number): string {
  return outOfOrder_ms > 0
    ? `storage: { tsdb: { out_of_order_time_window: ${outOfOrder_ms}ms } }\n`
    : 'global: {}\n';
}

/** It must have had nothing to repair. */
export function mustBeClean(server: Server): void {
  const line = server
    .log()
    .split('\n')
    .find((text) => /level=(?:warn|error)/i.test(text) && !NO_COMPLAINT.test(text));
  if (line !== undefined) throw new Error(`Prometheus complains: ${line}`);
}

/** Warnings about flags and the machine, and about our mark of what has left the out-of-order log: it belongs to no series. */
const NO_COMPLAINT =
  /deprecated|unsafe|GOMAXPROCS|memlimit|cgroup|retention|lockfile|ooo WAL replay".* samples=0 (?:histograms=0 )?mmap_markers=\d$/i;

interface ExemplarAnswer {
  readonly data: readonly {
    exemplars: readonly { labels: Record<string, string>; value: string; timestamp: number }[];
  }[];
}

async function compareExemplars(w: Workload, server: Server): Promise<void> {
  const params = new URLSearchParams({
    query: 'requests_total',
    start: String(w.mint / 1000),
    end: String(w.end / 1000),
  });
  const answer = (await (
    await fetch(`${server.url}/api/v1/query_exemplars?${params.toString()}`)
  ).json()) as ExemplarAnswer;
  const got = answer.data
    .flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels['trace'] ?? ''))
    .sort();
  // Older ones may be gone with the log that held them; the newest must be there, and none that was never written.
  const want = w.exemplars('requests_total').map((text) => /"trace","(\w+)"/.exec(text)![1]!);
  const known = new Set(want);
  const stranger = got.find((trace) => !known.has(trace));
  if (stranger !== undefined) throw new Error(`exemplar ${stranger} was never written`);
  const last = want
    .map((trace) => Number(trace.slice(1)))
    .sort((a, b) => a - b)
    .at(-1);
  if (last !== undefined && !got.includes(`t${last}`))
    throw new Error(`exemplar t${last} is missing; there are ${got.join(' ')}`);
}

/** Floats, by the server itself. */
export async function serverWrites(
  c: CaseContext,
  w: Workload,
  data: string,
  end: 'stop' | 'kill',
  args: readonly string[] = [],
): Promise<void> {
  const server = await startServer({
    program: c.peers.prometheus,
    data,
    args,
    config: configText(w.options.outOfOrder_ms),
  });
  try {
    await feed(c, w, server, 0, w.steps);
    await server[end === 'stop' ? 'stop' : 'kill']();
  } finally {
    await server.kill();
  }
}

export async function feed(
  c: CaseContext,
  w: Workload,
  server: Server,
  from: number,
  to: number,
): Promise<void> {
  const labels = w.labels.map((set) => Object.entries(set).sort(([a], [b]) => (a < b ? -1 : 1)));
  const BATCHES = 5;
  let pending = new Map<number, [number, string][]>();
  let k = from;
  const send = async (): Promise<void> => {
    const series: WrittenSeries[] = [...pending].map(([s, samples]) => ({ labels: labels[s]!, samples }));
    pending = new Map();
    await writeRemote(server.url, series);
  };
  for (const { rows } of w.batches(from, to)) {
    for (const { s, t, v } of rows) {
      if (v === undefined) continue;
      const samples = pending.get(s);
      if (samples === undefined) pending.set(s, [[t, v]]);
      else samples.push([t, v]);
    }
    if (++k % BATCHES === 0) {
      c.say(`Prometheus is writing, ${Math.round((100 * k) / w.steps)} %`);
      await send();
      await letItCut(server, w.options.from_ms + k * w.options.step_ms);
    }
  }
  if (pending.size > 0) await send();
}

/** Waits until its head spans no more than it would in real time, so that it cuts blocks as it goes. */
async function letItCut(server: Server, now: number): Promise<void> {
  for (let i = 0; i < 600; i++) {
    const mint = await server.metric('prometheus_tsdb_head_min_time');
    if (now - mint < 3.2 * 3_600_000) return;
    await sleep(50);
  }
  throw new Error('Prometheus does not cut its head');
}

export async function peerWrites(
  c: CaseContext,
  w: Workload,
  data: string,
  options: PeerOptions,
  end: 'close' | 'kill',
  deletes: readonly Selector[] = [],
): Promise<void> {
  const peer = await TsdbPeer.open(c.peers.tsdbPeer!, data, {
    out_of_order_ms: w.options.outOfOrder_ms,
    exemplars: 1000,
    ...options,
  });
  try {
    await peer.series(w.labels);
    let k = 0;
    for (const { rows } of w.batches(0, w.steps)) {
      await peer.append(rows);
      if (++k % 45 === 0) {
        c.say(`Prometheus' storage is writing, ${Math.round((100 * k) / w.steps)} %`);
        await peer.do('mmap');
        await peer.do('compact');
      }
    }
    for (const selector of deletes) {
      await peer.delete(selector.mint, selector.maxt, selector.matchers);
      w.delete(selector);
    }
    if (end === 'close') await peer.end();
  } finally {
    await peer.kill();
  }
}

/** Opens our store on a folder, compares, and the folder survives a second start. */
export async function weRead(
  c: CaseContext,
  w: Workload,
  path: string,
  withSt: boolean,
  options: Partial<DbOptions> = {},
): Promise<void> {
  for (const round of ['first', 'second']) {
    c.say(`our ${round} start`);
    const store = await OurStore.open(
      { path, outOfOrderWindow_ms: w.options.outOfOrder_ms, ...options },
      w.labels,
    );
    try {
      const { problems } = store.db.walReplay();
      if (problems.length > 0)
        throw new Error(`our start complains: ${problems.map(({ message }) => message).join('; ')}`);
      if (round === 'first') await compareOurs(c, w, store, withSt);
      else must('our second start', await store.find(all(w), withSt), w.find(all(w), withSt));
    } finally {
      await store.close();
    }
  }
}

export async function peerReads(
  c: CaseContext,
  w: Workload,
  data: string,
  options: PeerOptions,
  withSt: boolean,
): Promise<void> {
  c.say("Prometheus' storage reads");
  const peer = await TsdbPeer.open(c.peers.tsdbPeer!, data, {
    out_of_order_ms: w.options.outOfOrder_ms,
    ...options,
  });
  try {
    const found = await peer.dump(w.mint - 1000, w.end);
    const want = w.find(all(w), true);
    must(
      "what Prometheus' storage finds",
      withSt ? found : found.map(withoutSt),
      withSt ? want : want.map(withoutSt),
    );
  } finally {
    await peer.kill();
  }
}

function withoutSt({ labels, rows }: FoundSeries): FoundSeries {
  return { labels, rows: rows.map((row) => row.replace(/ st -?\d+$/, '')) };
}

export function deletesOf(w: Workload): Selector[] {
  const hour = 3_600_000;
  return [
    {
      mint: w.mint + 2.5 * hour,
      maxt: w.mint + 3.5 * hour,
      matchers: [{ name: 'job', op: '=', value: 'job-1' }],
    },
    {
      mint: w.end - hour / 2,
      maxt: w.end - hour / 4,
      matchers: [{ name: '__name__', op: '=~', value: 'temp.*|odd' }],
    },
    { mint: w.mint, maxt: w.mint + 5 * hour, matchers: [{ name: 'room', op: '=', value: 'r7' }] },
  ];
}

const BLOCK = /^[0-9A-HJKMNP-TV-Z]{26}$/;

export function blocksIn(path: string): string[] {
  return readdirSync(path).filter((name) => BLOCK.test(name) && existsSync(join(path, name, 'index')));
}

export function mustHave(path: string, blocks: number, ...folders: string[]): void {
  const is = blocksIn(path).length;
  if (is < blocks) throw new Error(`${is} blocks were written, at least ${blocks} were wanted`);
  for (const folder of folders)
    if (!existsSync(join(path, folder)) || readdirSync(join(path, folder)).length === 0)
      throw new Error(`nothing was written to ${folder}/`);
}
