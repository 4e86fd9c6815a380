import { simWorld } from '@munjigi/env/sim';
import { compareLabels, labelsFromObject, type MatchOp, type Matcher } from '@munjigi/model';
import { expect, test } from 'vitest';
import { openMemoryHead, type Head } from '../index.ts';
import { NAMED, query, readSelection, using, write, type Row } from '../testing/store.ts';

const SERIES: readonly Record<string, string>[] = [
  { __name__: 'up', job: 'api', i: '1' },
  { __name__: 'up', job: 'api', i: '2' },
  { __name__: 'up', job: 'db', i: '1', zone: 'a' },
  { __name__: 'requests', job: 'api', code: '200' },
  { __name__: 'requests', job: 'api', code: '404' },
  { __name__: 'requests', job: 'web', code: '500', zone: 'b' },
];

async function filled(): Promise<Head> {
  const head = openMemoryHead(simWorld(1).env);
  await write(
    head,
    SERIES.map((labels, i): Row => [labels, 1000 * (i + 1), i]),
  );
  return head;
}

function matchers(text: string): Matcher[] {
  return text
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => {
      const [, name, op, value] = /^(\w+)(=~|!~|!=|=)(.*)$/.exec(part)!;
      return { name: name!, op: op as MatchOp, value: value! };
    });
}

test.each([
  ['', [0, 1, 2, 3, 4, 5]],
  ['__name__=up', [0, 1, 2]],
  ['__name__=up job=api', [0, 1]],
  ['__name__=up job=none', []],
  ['none=x', []],
  ['none=', [0, 1, 2, 3, 4, 5]],
  ['zone=', [0, 1, 3, 4]],
  ['zone!=', [2, 5]],
  ['zone!=a', [0, 1, 3, 4, 5]],
  ['job=~a.*', [0, 1, 3, 4]],
  ['job=~api|db', [0, 1, 2, 3, 4]],
  ['job=~api|db|', [0, 1, 2, 3, 4]],
  ['zone=~a|', [0, 1, 2, 3, 4]],
  ['zone=~.+', [2, 5]],
  ['zone!~a|b', [0, 1, 3, 4]],
  ['zone!~.*', []],
  ['code!~4..', [0, 1, 2, 3, 5]],
  ['code=~[45]0.', [4, 5]],
  ['code=~4.+ job=api', [4]],
  ['__name__=~up|requests job!=api', [2, 5]],
  ['__name__!=up code=~..(0|4)', [3, 4, 5]],
  ['job=api job=~a.i job!=web i=', [3, 4]],
])('matchers {%s}', async (text, wanted) => {
  const head = await filled();
  const found = await query(head, matchers(text));
  const sorted = wanted
    .map((i) => SERIES[i]!)
    .map(labelsFromObject)
    .sort(compareLabels);
  expect(found.map((s) => s.labels)).toEqual(sorted.map((l) => pairs(l)));
});

function pairs(flat: readonly string[]): string {
  return flat.map((text, i) => (i % 2 === 0 ? (i > 0 ? `,${text}=` : `${text}=`) : text)).join('');
}

test('random selectors against the plain truth', async () => {
  const random = simWorld(9).random('selectors');
  const values = ['', 'a', 'b', 'ab', 'abc', 'z'];
  const all = Array.from({ length: 300 }, (_, i) => ({
    n: String(i),
    x: values[random.below(6)]!,
    y: values[random.below(6)]!,
  }));
  const head = openMemoryHead(simWorld(1).env);
  await write(
    head,
    all.map((labels): Row => [labels, 1, 1]),
  );
  const ops: MatchOp[] = ['=', '!=', '=~', '!~'];
  const patterns = ['', 'a', 'a|b', 'a.*', '.*b.*', '.+', '.*', '[ab]+', 'nothing', '(a|z|)'];
  for (let run = 0; run < 200; run++) {
    const list: Matcher[] = Array.from({ length: 1 + random.below(3) }, () => {
      const op = ops[random.below(4)]!;
      const value = op.includes('~') ? patterns[random.below(patterns.length)]! : values[random.below(6)]!;
      return { name: ['x', 'y', 'q'][random.below(3)]!, op, value };
    });
    const wanted = all.filter((labels) =>
      list.every((m) => {
        const value = (labels as Record<string, string>)[m.name] ?? '';
        const hit = m.op.includes('~') ? new RegExp(`^(?:${m.value})$`, 's').test(value) : value === m.value;
        return m.op.startsWith('!') ? !hit : hit;
      }),
    );
    const found = (await query(head, list)).map((s) => /n=(\d+)/.exec(s.labels)![1]);
    expect({ list, n: found.length, found: new Set(found) }).toEqual({
      list,
      n: wanted.length,
      found: new Set(wanted.map((l) => l.n)),
    });
  }
});

test('label order is that of UTF-8 bytes, names before values, prefixes first', async () => {
  const head = openMemoryHead(simWorld(1).env);
  const all = ['~', '\u{ff5e}', '\u{1f600}', 'é', 'e', 'ee', 'Z'].flatMap((text) => [
    { __name__: 'm', a: text },
    { __name__: 'm', a: text, b: '1' },
    { __name__: 'm', [text]: '1' },
  ]);
  await write(
    head,
    all.map((labels): Row => [labels, 1, 1]),
  );
  const wanted = all.map(labelsFromObject).sort(compareLabels).map(pairs);
  expect((await query(head, NAMED)).map((s) => s.labels)).toEqual(wanted);
});

test('many series: runs of the merge sort, several pages of words', async () => {
  const head = openMemoryHead(simWorld(1).env, { slice_ms: 0 });
  const all = Array.from({ length: 500 }, (_, i) => ({ __name__: 'm', i: String((i * 7919) % 500) }));
  await write(
    head,
    all.map((labels): Row => [labels, 1, 1]),
  );
  const wanted = all.map(labelsFromObject).sort(compareLabels).map(pairs);
  expect((await query(head, NAMED)).map((s) => s.labels)).toEqual(wanted);
});

test.each([
  [0, 900, []],
  [0, 1000, ['1']],
  [2000, 3000, ['2', '3']],
  [6000, 9000, ['6']],
  [6001, 9000, []],
])('only series with samples in [%d, %d]', async (mint, maxt, wanted) => {
  const head = await filled();
  const found = await query(head, [], mint, maxt);
  expect(new Set(found.map((s) => String(s.t[0]! / 1000)))).toEqual(new Set(wanted));
});

test('limit and labelsOnly', async () => {
  const head = await filled();
  const selection = await using(head.querier(), (q) => q.select(0, 9000, [], { limit: 2, labelsOnly: true }));
  expect(selection.count).toBe(2);
  expect(selection.chunks.offset).toHaveLength(0);
  expect(readSelection(selection).map((s) => s.labels)).toEqual([
    '__name__=requests,code=200,job=api',
    '__name__=requests,code=404,job=api',
  ]);
});

test.each<[string, number, number, string[], number, string[]]>([
  ['job', 0, 9000, [], 0, ['api', 'db', 'web']],
  ['job', 0, 9000, [], 2, ['api', 'db']],
  ['job', 0, 2000, [], 0, ['api']],
  ['job', 0, 9000, ['__name__=up'], 0, ['api', 'db']],
  ['job', 0, 9000, ['code=500', 'zone=a'], 0, ['db', 'web']],
  ['none', 0, 9000, [], 0, []],
])('label values of %s', async (name, mint, maxt, selectors, limit, wanted) => {
  const head = await filled();
  const q = { mint, maxt, matchers: selectors.map(matchers), limit };
  expect((await using(head.querier(), (x) => x.labelValues(name, q))).values).toEqual(wanted);
});

test.each<[number, number, string[], string[]]>([
  [0, 9000, [], ['__name__', 'code', 'i', 'job', 'zone']],
  [0, 2000, [], ['__name__', 'i', 'job']],
  [0, 9000, ['code=200'], ['__name__', 'code', 'job']],
])('label names in [%d, %d] of %j', async (mint, maxt, selectors, wanted) => {
  const head = await filled();
  const q = { mint, maxt, matchers: selectors.map(matchers), limit: 0 };
  expect((await using(head.querier(), (x) => x.labelNames(q))).names).toEqual(wanted);
});

test('status: where the series are', async () => {
  const head = await filled();
  expect(await head.tsdbStatus(2)).toEqual({
    numSeries: 6,
    numLabelPairs: 12,
    chunkCount: 6,
    minTime: 1000,
    maxTime: 6000,
    seriesCountByMetricName: [
      { name: 'up', value: 3 },
      { name: 'requests', value: 3 },
    ],
    labelValueCountByLabelName: [
      { name: 'job', value: 3 },
      { name: 'code', value: 3 },
    ],
    memoryInBytesByLabelName: [
      { name: '__name__', value: 30 },
      { name: 'job', value: 17 },
    ],
    seriesCountByLabelValuePair: [
      { name: 'job=api', value: 4 },
      { name: '__name__=up', value: 3 },
    ],
  });
});

test('an expression that is not RE2 is an error of the query', async () => {
  const head = await filled();
  await expect(query(head, [{ name: 'job', op: '=~', value: '(' }])).rejects.toThrow(
    /missing|paren|unexpected/i,
  );
});
