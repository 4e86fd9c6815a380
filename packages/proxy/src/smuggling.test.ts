// Requests that say two things at once, against the whole gate with an upstream that records what it gets. Our own vectors are in testdata; the
// public ones run when the conformance data is there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningDataPlane } from './plane.ts';
import { freePort, oneRoute, started } from './testing/world.ts';
import { RawClient, recorder, type Recorder } from './testing/wire.ts';

interface Vector {
  readonly id: string;
  /** Latin-1; `<<REPEAT:c:n>>` and `<<HEADERS:X:n>>` stand for long things. */
  readonly raw: string;
  readonly expect: 'reject' | 'reject_or_sanitize' | 'accept' | 'consistent';
  /** Exact status, where it matters. */
  readonly status?: number;
}

const own = JSON.parse(
  readFileSync(new URL('./testdata/requests.json', import.meta.url), 'utf8'),
) as Vector[];
const root = fileURLToPath(new URL('../../..', import.meta.url));
const dir = process.env['MUNJIGI_CONFORMANCE'] ?? join(root, '../shared/conformance');
const file = join(dir, 'gateway/http1/derived/http1-smuggling-vectors.json');
const there = existsSync(file);
if (!there) console.log(`no public smuggling vectors: ${file} is not there (set MUNJIGI_CONFORMANCE)`);
const published = there ? (JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] }).vectors : [];

let up: Recorder;
let plane: RunningDataPlane;
let port = 0;
beforeAll(async () => {
  up = await recorder();
  port = await freePort();
  plane = await started(oneRoute(port, [up.port]));
});
afterAll(async () => {
  await plane.close(0);
  await up.close();
});

function expand(raw: string): string {
  return raw
    .replace(/<<REPEAT:(.):(\d+)>>/g, (_, c: string, n: string) => c.repeat(Number(n)))
    .replace(/<<HEADERS:(\w+):(\d+)>>/g, (_, name: string, n: string) =>
      Array.from({ length: Number(n) }, (_x, i) => `${name}${i}: 1`).join('\r\n'),
    );
}

/** Sends the bytes and a request behind them, then closes the sending side; what both ends saw. */
async function run(raw: string): Promise<{ statuses: number[]; seen: string[]; bodies: string[] }> {
  const before = up.requests.length;
  const client = new RawClient(port);
  client.send(expand(raw));
  // A client may send its body without waiting for the 100.
  if (raw.endsWith('Expect: 100-continue\r\nContent-Length: 5\r\n\r\n')) client.send('hello');
  client.send('GET /canary HTTP/1.1\r\nHost: canary.test\r\nConnection: close\r\n\r\n');
  client.socket.end();
  const answers = await client.all();
  client.close();
  const requests = up.requests.slice(before);
  return {
    statuses: answers.map(({ status }) => status),
    seen: requests.map(({ start }) => start.split(' ')[1]!),
    bodies: requests.map(({ body }) => body),
  };
}

/** What is wrong with how a vector was taken; nothing, when all is well. */
async function trouble(v: Vector): Promise<string[]> {
  const { statuses, seen, bodies } = await run(v.raw);
  const first = statuses[0] ?? 0;
  const refused = first >= 400 && seen.length === 0;
  const fulfilled: Record<Vector['expect'], boolean> = {
    reject: refused && statuses.length === 1,
    accept: first === 200 && seen.at(-1) === '/canary',
    reject_or_sanitize: refused || first === 200 || seen.length === 0,
    consistent: refused || first >= 400 || seen.at(-1) === '/canary',
  };
  const wrong: string[] = [];
  if (v.status !== undefined && first !== v.status) wrong.push(`answered ${first} instead of ${v.status}`);
  // Whatever happened: one answer for each request that went through, and no request inside another's body.
  if (bodies.some((body) => body.includes('canary'))) wrong.push('a request went into a body');
  if (statuses.filter((status) => status === 200).length !== seen.length)
    wrong.push('answers and requests differ');
  if (!fulfilled[v.expect]) wrong.push(`not: ${v.expect}`);
  return wrong.map((w) => `${w}: answers ${statuses.join(' ')}, upstream saw ${seen.join(' ')}`);
}

describe('our own vectors', () => {
  it.each(own.map((v) => [v.id, v] as const))('%s', async (_, v) => {
    expect(await trouble(v)).toEqual([]);
  });
});

describe.runIf(there)('published vectors', () => {
  it.each(published.map((v) => [v.id, v] as const))('%s', async (_, v) => {
    expect(await trouble(v)).toEqual([]);
  });
});
