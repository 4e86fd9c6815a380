// Series come and go: memory comes back, and nothing is lost that is written while a sweep takes things away.
import { simWorld } from '@munjigi/env/sim';
import { labelsFromObject, type Matcher } from '@munjigi/model';
import { expect, test } from 'vitest';
import { openMemoryHead, type Head } from '../index.ts';
import { query, using, write, type Row } from '../testing/store.ts';

const SERIES = 600;
/** Long texts, so that the symbol table is worth making anew. */
const LONG = 'x'.repeat(4000);

/** Series `id`: a unique label, one of a few values, and one that a generation of series has in common. */
function labelsOf(id: number, tail = LONG): Record<string, string> {
  return { __name__: `m${id % 7}`, pod: `${id}-${tail}`, wave: String(Math.floor(id / 100)), env: 'prod' };
}

const ascending = (a: number, b: number): number => a - b;
const equal = (name: string, value: string): Matcher => ({ name, op: '=', value });

test('24 rounds in which a tenth of the series is replaced: no structure grows after the first rounds', async () => {
  const world = simWorld(1);
  const head = openMemoryHead(world.env, { retention_ms: 15_000 });
  const sizes: ReturnType<Head['stats']>['bytes'][] = [];
  let first = 0;
  for (let round = 0; round < 24; round++) {
    const t = round * 10_000;
    await write(
      head,
      Array.from({ length: SERIES }, (_, i): Row => [labelsOf(first + i), t, round]),
    );
    await world.run(head.sweep());
    sizes.push(head.stats().bytes);
    first += SERIES / 10;
  }
  const [settled, end] = [sizes[7]!, sizes.at(-1)!];
  expect(end.columns).toBe(settled.columns);
  expect(end.postings).toBe(settled.postings);
  expect(end.pages).toBe(settled.pages);
  expect(end.chunks).toBeLessThanOrEqual(1.2 * settled.chunks);
  const live = head.stats().series;
  expect(live).toBeLessThanOrEqual(1.4 * SERIES);
  // Half of a symbol table may be dead, and what comes between two sweeps.
  for (const { symbols } of sizes)
    expect(symbols).toBeLessThanOrEqual(2.5 * 1.4 * SERIES * (LONG.length + 30));
  const status = await head.tsdbStatus(3);
  expect(status.labelValueCountByLabelName[0]).toEqual({ name: 'pod', value: live });
  expect(status.numLabelPairs).toBe(live + 7 + 1 + new Set(waves(first, live)).size);
  expect(await query(head, [equal('wave', '0')])).toEqual([]);
  expect(await query(head, [equal('pod', `${first}-${LONG}`)])).toHaveLength(1);
});

/** The waves of the series that are there: the newest `live`. */
function waves(first: number, live: number): number[] {
  const end = first - SERIES / 10 + SERIES;
  return Array.from({ length: live }, (_, i) => Math.floor((end - 1 - i) / 100));
}

/** What is written while a sweep drops everything that was there before `t`. */
async function duringSweep(
  delay: number,
  slice_ms: number,
): Promise<{ head: Head; accepted: number; rows: Row[] }> {
  const world = simWorld(delay);
  const head = openMemoryHead(world.env, { retention_ms: 1000, slice_ms });
  const n = 60;
  const old = Array.from({ length: n }, (_, i): Row => [labelsOf(i, ''), 0, 1]);
  await write(head, old);
  // The clock of the head is the newest sample: this makes the others old.
  await write(head, [[labelsOf(n, ''), 10_000, 1]]);
  await world.run(head.sweep());
  await write(head, [[labelsOf(n, ''), 20_000, 1]]);
  // A third of the old ones comes back, with new ones, in small commits.
  const rows = Array.from({ length: n }, (_, i): Row => [
    labelsOf(i % 3 === 0 ? i : 1000 + i, ''),
    20_000,
    2,
  ]);
  let accepted = 0;
  const append = async (): Promise<void> => {
    for (let k = 0; k < delay; k++) await world.env.clock.yield();
    for (const [labels, t, v] of rows) {
      const appender = head.appender();
      const ref = appender.series(labelsFromObject(labels));
      for (let k = 0; k < 1 + (delay % 7); k++) await world.env.clock.yield();
      appender.floats(Float64Array.of(ref), Float64Array.of(t), Float64Array.of(v), null, 1);
      accepted += (await appender.commit()).accepted;
    }
  };
  await world.run(Promise.all([head.sweep(), append()]));
  return { head, accepted, rows };
}

test('what is written while a sweep drops series is all there, once, and found by every label', async () => {
  let dropped = 0;
  for (let delay = 0; delay < 700; delay += 35) {
    const { head, accepted, rows } = await duringSweep(delay, 0);
    expect({ delay, accepted }).toEqual({ delay, accepted: rows.length });
    const found = await query(head, [equal('env', 'prod')]);
    expect(new Set(found.map((s) => s.labels)).size).toBe(found.length);
    // Those of `rows`, and the one that went on; old ones that nobody wrote are gone, or go with the next sweep.
    const written = found.filter((s) => s.v.at(-1) === 2);
    expect(written).toHaveLength(rows.length);
    expect(found).toHaveLength(rows.length + 1);
    for (const [labels] of rows.filter((_, i) => i % 7 === 0)) {
      for (const matchers of [
        [equal('pod', labels['pod']!)],
        [equal('wave', labels['wave']!), equal('pod', labels['pod']!)],
        [
          equal('__name__', labels['__name__']!),
          { name: 'pod', op: '=~', value: `${labels['pod']!.split('-')[0]}-.*` } as const,
        ],
      ]) {
        const one = await query(head, matchers);
        expect(one.map((s) => s.v)).toEqual([[2]]);
      }
    }
    const pods = await using(head.querier(), (q) =>
      q.labelValues('pod', { mint: -Infinity, maxt: Infinity, matchers: [], limit: 0 }),
    );
    for (const [labels] of rows) expect(pods.values).toContain(labels['pod']);
    dropped += head.stats().series === rows.length + 1 ? 1 : 0;
    await simWorld(1).run(head.sweep());
    expect(await query(head, [equal('env', 'prod')])).toHaveLength(rows.length + 1);
  }
  // Otherwise the appends missed the sweeps and the test says nothing.
  expect(dropped).toBeGreaterThan(5);
});

test('symbols are renumbered while series are made', async () => {
  let renumbered = 0;
  for (let delay = 0; delay < 3500; delay += 250) {
    const world = simWorld(delay);
    const head = openMemoryHead(world.env, { retention_ms: 1000, slice_ms: 0 });
    const row = (id: number, t: number): Row => [labelsOf(id), t, id];
    await write(
      head,
      Array.from({ length: 300 }, (_, i) => row(i, 0)),
    );
    await write(head, [row(1000, 10_000)]);
    await world.run(head.sweep());
    await write(head, [row(1000, 20_000)]);
    const before = head.stats().bytes.symbols;
    const made: Row[] = [];
    const append = async (): Promise<void> => {
      for (let k = 0; k < delay; k++) await world.env.clock.yield();
      for (let i = 0; i < 30; i++) {
        for (let k = 0; k < 5; k++) await world.env.clock.yield();
        made.push(row(2000 + i, 20_000));
        await write(head, [made.at(-1)!]);
      }
    };
    await world.run(Promise.all([head.sweep(), append()]));
    if (head.stats().bytes.symbols < before / 2) renumbered++;
    for (const [labels, , v] of made) {
      // Written again: the series is found, not made anew.
      await write(head, [[labels, 20_001, v]]);
      expect(await query(head, [equal('pod', labels['pod']!)])).toMatchObject([
        { t: [20_000, 20_001], v: [v, v] },
      ]);
    }
    expect(head.stats().series).toBe(made.length + 1);
    expect((await query(head, [equal('env', 'prod')])).map((s) => s.v[0]!).sort(ascending)).toEqual(
      [1000, ...made.map(([, , v]) => v)].sort(ascending),
    );
  }
  expect(renumbered).toBeGreaterThan(10);
});
