import { labelsFromObject, Registry, type MetricFamily } from '@munjigi/model';
import { expect, test } from 'vitest';
import { parsePage } from './page.ts';
import { writeText } from './write.ts';

const text = (families: MetricFamily[]): string => new TextDecoder().decode(writeText(families));

test('writes families as a page', () => {
  const registry = new Registry();
  registry.counter('a_total', 'How\nmany \\ "a".').with({ x: '1\n"\\', y: 'é' }).add(1_000_000);
  registry.gauge('b', '').with().set(0.5);
  registry.gauge('empty', 'No samples.');
  registry.histogram('c', 'C.', [0.1, 1]).observe(0.2);
  expect(text(registry.families())).toBe(
    [
      String.raw`# HELP a_total How\nmany \\ "a".`,
      '# TYPE a_total counter',
      String.raw`a_total{x="1\n\"\\",y="é"} 1e+06`,
      '# TYPE b gauge',
      'b 0.5',
      '# HELP c C.',
      '# TYPE c histogram',
      'c_bucket{le="0.1"} 0',
      'c_bucket{le="1"} 1',
      'c_bucket{le="+Inf"} 1',
      'c_sum 0.2',
      'c_count 1',
      '',
    ].join('\n'),
  );
});

test('what is written reads back', () => {
  const values = [
    0,
    -0,
    1,
    -1.5,
    1e-7,
    123456789012,
    1e21,
    5e-324,
    Infinity,
    -Infinity,
    Number.NaN,
    0.1 + 0.2,
  ];
  const labels = [{}, { a: 'b' }, { a: '\\', b: '"', c: '\n' }, { 'x.y': '1', z: '😀' }];
  const families = ['m', 'n:o', 'with.dots', 'quo"te'].map((name) => ({
    name,
    help: `help of ${name} \\n`,
    type: 'gauge' as const,
    samples: values.flatMap((value) =>
      labels.map((l) => ({ suffix: '', labels: labelsFromObject(l), value })),
    ),
  }));
  const page = parsePage(writeText(families), 'text');
  expect(page.errors).toEqual([]);
  expect(page.samples.map((s) => [s.labels, s.value])).toEqual(
    families.flatMap((f) =>
      f.samples.map((s) => [
        labelsFromObject({ ...Object.fromEntries(pairs(s.labels)), __name__: f.name }),
        s.value,
      ]),
    ),
  );
  expect([...page.families].map(([name, m]) => [name, m.help])).toEqual(
    families.map((f) => [f.name, f.help]),
  );
});

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]!] as [string, string]] : []));
}
