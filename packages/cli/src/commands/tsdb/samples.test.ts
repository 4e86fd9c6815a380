// Samples in and out, on simulated files: text to blocks to text.
import { simWorld, type SimWorld } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { analyze } from './analyze.ts';
import { findBlocks } from './blocks.ts';
import { createBlocks, type CreateOptions } from './create-blocks.ts';
import { dump, dumpOpenMetrics, type DumpOptions } from './dump.ts';
import { Failure } from './failure.ts';
import { eachPiece, openInput } from './openmetrics-file.ts';
import { newPrinter } from './output.ts';

function world(text: string): SimWorld {
  const made = simWorld(1);
  const { files } = made.env;
  files.makeDir('/d');
  const file = files.open('/d/in.om', 'create');
  const bytes = new TextEncoder().encode(text);
  file.write(bytes, 0, bytes.length, 0);
  file.close();
  return made;
}

async function printed(
  run: (out: ReturnType<typeof newPrinter>) => Promise<number> | number,
): Promise<string[]> {
  let text = '';
  const out = newPrinter({ write: (piece) => (text += String(piece)) });
  expect(await run(out)).toBe(0);
  out.flush();
  return text.split('\n').slice(0, -1);
}

const create = ({ env }: SimWorld, options: CreateOptions = {}, atOnce = 1e6): Promise<number> =>
  createBlocks('/d/in.om', '/d/out', { quiet: true, ...options }, env, atOnce);
const dumped = ({ env }: SimWorld, options: DumpOptions = {}): Promise<string[]> =>
  printed((out) => dump('/d/out', options, env, out));

const TEXT = `# HELP a_total A.
# TYPE a counter
a_total{x="1"} 1 1700000000.001
a_total{x="2"} NaN 1700000000
# TYPE h histogram
h_bucket{le="1"} 5 1700000060
h_bucket{le="+Inf"} +Inf 1700000060
a_total{x="1"} 2.5e+06 1700010000
# TYPE u unknown
u{q="a\\"b\\\\c\\nd é😀"} -0 1700000000
u{q="a\\"b\\\\c\\nd é😀"} 7 1699999000.25
# EOF
`;

const ALL = [
  '{__name__="a_total", x="1"} 1 1700000000001',
  '{__name__="a_total", x="1"} 2.5e+06 1700010000000',
  '{__name__="a_total", x="2"} NaN 1700000000000',
  '{__name__="h_bucket", le="+Inf"} +Inf 1700000060000',
  '{__name__="h_bucket", le="1.0"} 5 1700000060000',
  '{__name__="u", q="a\\"b\\\\c\\nd é😀"} 7 1699999000250',
  '{__name__="u", q="a\\"b\\\\c\\nd é😀"} -0 1700000000000',
];

test.each<[what: string, options: CreateOptions, atOnce: number, blocks: number]>([
  ['two hours a block', {}, 1e6, 3],
  ['one block at a time', {}, 1, 3],
  ['longer blocks', { maxBlockDuration: '7d' }, 1e6, 1],
  [
    'a length that compaction does not expect',
    { maxBlockDuration: '10m', allowIncompatibleBlockDuration: true },
    1e6,
    3,
  ],
])('text becomes blocks: %s', async (_, options, atOnce, blocks) => {
  const w = world(TEXT);
  expect(await create(w, options, atOnce)).toBe(0);
  expect(findBlocks(w.env.files, '/d/out').blocks).toHaveLength(blocks);
  expect(await dumped(w)).toEqual(ALL);
});

test('labels for all series', async () => {
  const w = world('a 1 1\n# EOF\n');
  await create(w, { label: ['job=x=y', 'a=b'] });
  expect(await dumped(w)).toEqual(['{__name__="a", a="b", job="x=y"} 1 1000']);
});

test.each<[what: string, options: DumpOptions, lines: readonly number[]]>([
  ['one selector', { match: ['a_total'] }, [0, 1, 2]],
  ['several that match the same', { match: ['{x="1"}', 'a_total', '{le!=""}'] }, [0, 1, 2, 3, 4]],
  ['a range', { minTime: '1700000000002', maxTime: '1700000060000' }, [3, 4]],
])('a dump of %s', async (_, options, lines) => {
  const w = world(TEXT);
  await create(w);
  expect(await dumped(w, options)).toEqual(lines.map((i) => ALL[i]));
});

test('labels alone', async () => {
  const w = world('a{x="<&>"} 1 1\nb 1 1\n# EOF\n');
  await create(w);
  expect(await dumped(w, { format: 'seriesjson' })).toEqual([
    '{"__name__":"a","x":"\\u003c\\u0026\\u003e"}',
    '{"__name__":"b"}',
  ]);
});

test('what was dumped as OpenMetrics comes back the same', async () => {
  const times = Array.from({ length: 2000 }, (_, i) => `t{} ${i} ${(1_700_000_000_000 + i * 1001) / 1000}`);
  const w = world(`${times.join('\n')}\n{"a.b","c d"="e"} 1 -1.5\n# EOF\n`);
  await create(w);
  const before = await dumped(w);
  const text = await printed((out) => dumpOpenMetrics('/d/out', {}, w.env, out));
  expect(text.at(-1)).toBe('# EOF');
  expect(text.find((line) => line.includes('a.b'))).toBe('{"a.b","c d"="e"} 1 -1.500');
  const again = world(`${text.join('\n')}\n`);
  await create(again);
  expect(await dumped(again)).toEqual(before);
});

test.each<[text: string, message: RegExp]>([
  ['a 1\n# EOF\n', /in.om: a has a sample without a time/],
  ['a 1 1\nb x 1\n# EOF\n', /in.om:2: expected a number/],
  ['a 1 1\n', /in.om:1: it does not end with # EOF/],
  ['', /does not end with # EOF/],
  ['a 1 1\n# EOF\nb 1 1\n', /in.om:2: unexpected text after # EOF/],
])('text that is wrong: %j', async (text, message) => {
  const w = world(text);
  await expect(create(w)).rejects.toThrow(Failure);
  await expect(create(w)).rejects.toThrow(message);
  expect(w.env.files.stat('/d/out')?.kind).toBe('dir');
  expect(findBlocks(w.env.files, '/d/out').blocks).toEqual([]);
});

test('pieces of any size give the same', () => {
  const lines = Array.from({ length: 40 }, (_, i) => `h_bucket{le="${i}"} ${i} ${i}`);
  const w = world(`# TYPE h histogram\n${lines.join('\n')}\n# EOF\n`);
  const read = (pieceBytes: number): string[] => {
    const all: string[] = [];
    eachPiece(
      openInput(w.env.files, '/d/in.om'),
      (parser) => {
        for (let i = 0; i < parser.n; i++)
          all.push(`${parser.labels(parser.entry[i]!).join()} ${parser.v[i]} ${parser.t[i]}`);
      },
      () => undefined,
      pieceBytes,
    );
    return all;
  };
  const whole = read(1e6);
  expect(whole).toHaveLength(40);
  expect(whole[3]).toBe('__name__,h_bucket,le,3.0 3 3000');
  for (let size = 1; size < 200; size += 7) expect(read(size), String(size)).toEqual(whole);
  expect(() => read(30)).not.toThrow();
  const bad = world(`# TYPE h histogram\n${lines.join('\n')}\nx y\n# EOF\n`);
  for (const size of [1, 50, 1e6])
    expect(() =>
      eachPiece(
        openInput(bad.env.files, '/d/in.om'),
        () => undefined,
        () => undefined,
        size,
      ),
    ).toThrow(/in.om:42: /);
});

test('an analysis', async () => {
  const w = world(
    `${Array.from({ length: 30 }, (_, i) => `m${i % 3}{i="${i}",j="x"} 1 ${1000 + i}`).join('\n')}\n# EOF\n`,
  );
  await create(w);
  const lines = await printed((out) =>
    analyze('/d/out', undefined, { limit: '2', extended: true }, w.env, out),
  );
  expect(lines.slice(1)).toEqual([
    'Duration: 29.001s',
    'Total Series: 30',
    'Label names: 3',
    'Postings (unique label pairs): 34',
    'Postings entries (total label pairs): 90',
    '',
    'Label pairs most involved in churning:',
    '30 j=x',
    '10 __name__=m0',
    '',
    'Label names most involved in churning:',
    '30 __name__',
    '30 i',
    '',
    'Most common label pairs:',
    '30 j=x',
    '10 __name__=m0',
    '',
    'Label names with highest cumulative label value length:',
    '50 i',
    '6 __name__',
    '',
    'Highest cardinality labels:',
    '30 i',
    '3 __name__',
    '',
    'Highest cardinality metric names:',
    '10 m0',
    '10 m1',
    '',
    'Compaction analysis:',
    '',
    'samples per float chunk (min/avg/max): 1/1/1',
    '[ 1, 10]: 30 ####################################################################################################',
    '[11, 20]:  0 ',
    '',
    expect.stringMatching(/^bytes per float chunk \(min\/avg\/max\): /),
    expect.any(String),
    expect.any(String),
    '',
    'samples per histogram chunk: N/A',
    '',
    'bytes per histogram chunk: N/A',
    '',
    'buckets per histogram chunk: N/A',
    '',
  ]);
});
