import { nodeEnv } from '@munjigi/env/node';
import {
  copySelection,
  newColumn,
  sliceSelection,
  SymbolReader,
  type Queryable,
  type Selection,
} from '@munjigi/model';
import { describe, expect, test } from 'vitest';
import { remoteQueryable, serveStorage } from './storage-port.ts';
import { plainStorage } from './testing/plain-storage.ts';

const atOnce = (): Promise<void> => Promise.resolve();

const { workers } = nodeEnv();

const SERIES = Array.from({ length: 5 }, (_, i) => ({
  labels: { __name__: 'm', i: String(i) },
  t: [1000, 2000, 3000],
  v: [i, i + 10, i + 20],
}));
const ALL = [{ name: '__name__', op: '=' as const, value: 'm' }];

/** Labels and samples of every series: what a reader of the selection sees. */
function contents(s: Selection): unknown[] {
  const symbols = new SymbolReader(s.symbols);
  const { reader } = plainStorage([]);
  const column = newColumn(1);
  return Array.from({ length: s.count }, (_, i) => {
    const labels = [...s.labelSymbols.subarray(s.labelFirst[i], s.labelFirst[i + 1])].map((n) =>
      symbols.text(n),
    );
    reader.series(s, i, -Infinity, Infinity, column);
    return [labels, [...column.t.subarray(0, column.n)], [...column.v.subarray(0, column.n)]];
  });
}

function joined(storage: Queryable): {
  server: ReturnType<typeof serveStorage>;
  remote: ReturnType<typeof remoteQueryable>;
  end: () => void;
} {
  const [a, b] = workers.channel();
  return { server: serveStorage(a, storage), remote: remoteQueryable(b, atOnce), end: () => b.close() };
}

describe('a store on the other end of a port', () => {
  test('answers as the store itself, moving its columns', async () => {
    const storage = plainStorage(SERIES);
    const { remote, end } = joined(storage);
    let copied = 0;
    const querier = remote.querier((bytes) => (copied += bytes));
    const selection = await querier.select(0, 9999, ALL);
    const local = await storage.querier().select(0, 9999, ALL);
    expect(contents(selection)).toEqual(contents(local));
    expect(copied).toBe(0);
    const q = { mint: 0, maxt: 9999, matchers: [], limit: 0 };
    expect(await querier.labelNames(q)).toEqual({ names: ['__name__', 'i'], warnings: [] });
    expect(await querier.labelValues('i', q)).toEqual({ values: ['0', '1', '2', '3', '4'], warnings: [] });
    expect((await querier.metadata('b')).length).toBe(1);
    expect((await querier.exemplars(0, 9999, [ALL])).length).toBe(5);
    end();
  });

  test('a querier holds one lease until it is closed', async () => {
    const storage = plainStorage(SERIES);
    const { remote, end } = joined(storage);
    const one = remote.querier();
    const two = remote.querier();
    await one.select(0, 9999, ALL);
    await one.select(0, 9999, ALL);
    await two.select(0, 9999, ALL);
    expect(storage.open).toBe(2);
    one.close();
    await two.metadata();
    expect(storage.open).toBe(1);
    end();
  });

  test('the end of the port gives all leases back', async () => {
    const storage = plainStorage(SERIES);
    const [a, b] = workers.channel();
    serveStorage(a, storage);
    await remoteQueryable(b, atOnce).querier().select(0, 9999, ALL);
    expect(storage.open).toBe(1);
    const ended = new Promise<void>((resolve) => a.onClose(resolve));
    b.close();
    await ended;
    expect(storage.open).toBe(0);
  });

  test('an error of the store reaches the one who asked', async () => {
    const failing: Queryable = {
      querier: () => ({
        ...plainStorage([]).querier(),
        select: () => Promise.reject(new Error('disk is gone')),
      }),
    };
    const { remote, end } = joined(failing);
    await expect(remote.querier().select(0, 1, ALL)).rejects.toThrow('disk is gone');
    end();
  });
});

describe('parts of a selection', () => {
  test.for([
    [0, 5],
    [0, 2],
    [2, 5],
    [3, 3],
  ] as const)('series [%i, %i)', async ([from, to]) => {
    const whole = await plainStorage(SERIES).querier().select(0, 9999, ALL);
    const want = contents(whole).slice(from, to);
    expect(contents(sliceSelection(whole, from, to))).toEqual(want);
    const { selection, transfer, copiedBytes } = copySelection(whole, from, to);
    expect(contents(selection)).toEqual(want);
    // Everything that was copied can be moved.
    expect(transfer.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBe(copiedBytes);
    structuredClone(selection.first, { transfer });
    expect(contents(whole).length).toBe(5);
  });
});
