import { printLabels } from '@munjigi/model';
import { expect, test } from 'vitest';
import { formatOf, type Format } from './format.ts';
import { parsePage } from './page.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const print = (text: string, format: Format = 'text'): string[] => {
  const page = parsePage(bytes(text), format);
  expect(page.errors).toEqual([]);
  return page.samples.map(
    (s) =>
      `${printLabels(s.labels)} ${s.value}${s.t_ms === null ? '' : ` @${s.t_ms}`}${s.exemplar === null ? '' : ` # ${printLabels(s.exemplar.labels)} ${s.exemplar.value} @${s.exemplar.t_ms}`}`,
  );
};

test.each<[what: string, text: string, samples: string[]]>([
  ['a bare metric', 'a 1\n', ['a 1']],
  ['no newline at the end', 'a 1', ['a 1']],
  ['empty lines and comments', '\n\n# hi\n#\n#x\n  \na 1\n', ['a 1']],
  ['labels in any order', 'a{c="3",b="2"} 1\n', ['a{b="2", c="3"} 1']],
  ['a trailing comma', 'a{b="1",} 1\n', ['a{b="1"} 1']],
  ['spaces everywhere', ' a { b = "1" , c= "2" }\t 1  5 \n', ['a{b="1", c="2"} 1 @5']],
  ['no comma between labels', 'a{b="1" c="2"} 1\n', ['a{b="1", c="2"} 1']],
  ['no space after the labels', 'a{b="1"}2\n', ['a{b="1"} 2']],
  ['empty labels', 'a{} 1\n', ['a 1']],
  ['an empty value', 'a{b="",c="d"} 1\n', ['a{c="d"} 1']],
  ['escapes', String.raw`a{b="\"x\" \\ \n \d"} 1` + '\n', [String.raw`a{b="\"x\" \\ \n \\d"} 1`]],
  ['braces and commas in values', 'a{b="},{"} 1\n', ['a{b="},{"} 1']],
  ['a quoted metric name', '{"a.b",c="d"} 1\n', ['{"a.b", c="d"} 1']],
  ['a quoted metric name alone', '{"a.b"} 1\n', ['{"a.b"} 1']],
  ['the quoted name last', '{c="d","a"} 1\n', ['a{c="d"} 1']],
  ['quoted label names', 'a{"x.y"="1"} 1\n', ['a{"x.y"="1"} 1']],
  ['UTF-8', 'a{b="é😀"} 1\n', ['a{b="é😀"} 1']],
  ['a time', 'a 1 1700000000123\n', ['a 1 @1700000000123']],
  ['a time before 1970', 'a 1 -5\n', ['a 1 @-5']],
  ['numbers', 'a -1.5e3\nb +Inf\nc -Inf\nd NaN\n', ['a -1500', 'b Infinity', 'c -Infinity', 'd NaN']],
  ['colons', 'a:b:c 1\n', ['a:b:c 1']],
  [
    'bucket bounds written alike',
    '# TYPE a histogram\na_bucket{le="1"} 1\na_bucket{le="2.50"} 1\na_bucket{le="+Inf"} 1\na_bucket{le="1e-05"} 1\n# TYPE b gauge\nb{le="1"} 1\n',
    [
      'a_bucket{le="1.0"} 1',
      'a_bucket{le="2.5"} 1',
      'a_bucket{le="+Inf"} 1',
      'a_bucket{le="1e-05"} 1',
      'b{le="1"} 1',
    ],
  ],
  [
    'quantiles written alike',
    '# TYPE a summary\na{quantile="0"} 1\na{quantile="0.5"} 2\n',
    ['a{quantile="0.0"} 1', 'a{quantile="0.5"} 2'],
  ],
])('text: %s', (_, text, samples) => {
  expect(print(text)).toEqual(samples);
});

test.each<[what: string, text: string, line: number, message: RegExp]>([
  ['no value', 'a\n', 1, /expected a number, got the end of the line/],
  ['a word for a value', 'a true\n', 1, /expected a number, got "true" \(at byte 3\)/],
  ['single quotes', "a{b='c'} 1\n", 1, /expected a label value in double quotes, got "'c'/],
  ['an open value', 'x 1\na{b="\n', 2, /a label value has no closing quote/],
  ['open braces', 'a{b="c"\n', 1, /no closing brace/],
  ['a bad label name', 'a{9="c"} 1\n', 1, /expected a label name, got "9=/],
  ['an empty label name', 'a{=""} 1\n', 1, /expected a label name/],
  ['a label without value', 'a{b} 1\n', 1, /expected = after a label name, got "}/],
  ['a second comma', 'a{b="c",,d="e"} 1\n', 1, /expected a label name, got ",/],
  ['no metric name', '{a="b"} 1\n', 1, /no metric name/],
  ['two metric names', 'a{"b"} 1\n', 1, /a second metric name/],
  ['an empty metric name', '{""} 1\n', 1, /metric name is empty/],
  ['a label twice', 'a{b="1",b="2"} 1\n', 1, /the label b stands twice/],
  ['a name that begins with a digit', '9 1\n', 1, /a line begins with/],
  ['a bad time', 'a 1 x\n', 1, /expected a time in milliseconds, got "x"/],
  ['a time with a fraction', 'a 1 1.5\n', 1, /expected a time/],
  ['a third number', 'a 1 2 3\n', 1, /expected a time/],
  ['a carriage return', 'a 1\r\n', 1, /expected a number/],
  ['an unknown type', '# TYPE a foo\n', 1, /invalid metric type "foo"/],
  ['TYPE without a metric', '# TYPE #\n', 1, /expected a metric name after TYPE/],
])('text refuses %s', (_, text, line, message) => {
  const page = parsePage(bytes(text), 'text');
  expect(page.samples).toEqual([]);
  expect(page.errors[0]!.line).toBe(line);
  expect(page.errors[0]!.message).toMatch(message);
});

test('text that is not UTF-8 is refused', () => {
  for (const bad of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xc3]]) {
    const page = parsePage(Uint8Array.from([...bytes('a{b="'), ...bad, ...bytes('"} 1\n')]), 'text');
    expect(page.errors[0]!.message).toMatch(/not valid UTF-8/);
  }
});

test('all wrong lines are reported, up to the limit', () => {
  expect(parsePage(bytes('a\nb 1\nc x\n'), 'text').errors.map((e) => e.line)).toEqual([1, 3]);
  expect(parsePage(bytes('a\n'.repeat(1000)), 'text').errors).toHaveLength(20);
});

test('limits', () => {
  const limits = { lineBytes: 20, labels: 2, errors: 5 };
  expect(parsePage(bytes(`a{b="${'x'.repeat(20)}"} 1\n`), 'text', limits).errors[0]!.message).toMatch(
    /a line of 29 bytes, more than 20/,
  );
  expect(parsePage(bytes('a{b="",c="",d=""} 1\n'), 'text', limits).errors[0]!.message).toMatch(
    /more than 2 labels/,
  );
});

test('metadata by family', () => {
  const text =
    '# HELP a It is \\\\ a\\nfamily.\n# TYPE a counter\na 1\n# TYPE b untyped\nb 1\n#  HELP\tc   x  \n# HELP "d.e" y\n';
  expect([...parsePage(bytes(text), 'text').families]).toEqual([
    ['a', { type: 'counter', help: 'It is \\ a\nfamily.', unit: '' }],
    ['b', { type: 'unknown', help: '', unit: '' }],
    ['c', { type: 'unknown', help: 'x  ', unit: '' }],
    ['d.e', { type: 'unknown', help: 'y', unit: '' }],
  ]);
  const open =
    '# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds "x" \\"y\\"\na_seconds_total 1\n# EOF\n';
  expect([...parsePage(bytes(open), 'openmetrics').families]).toEqual([
    ['a_seconds', { type: 'counter', help: '"x" "y"', unit: 'seconds' }],
  ]);
});

test.each<[what: string, text: string, samples: string[]]>([
  ['a page', 'a 1\n# EOF\n', ['a 1']],
  ['no newline at the end', 'a 1\n# EOF', ['a 1']],
  ['times in seconds', 'a 1 1.5\nb 2 1700000000.123\n# EOF\n', ['a 1 @1500', 'b 2 @1700000000123']],
  [
    'exemplars',
    'a_total{b="c"} 5 # {trace="x,}"} 0.5 1.25\nb 1 2 # {} 7\n# EOF\n',
    ['a_total{b="c"} 5 # {trace="x,}"} 0.5 @1250', 'b 1 @2000 # {} 7 @0'],
  ],
  [
    'bucket bounds',
    '# TYPE a histogram\na_bucket{le="1"} 1 # {t="1"} 1\n# EOF\n',
    ['a_bucket{le="1.0"} 1 # {t="1"} 1 @0'],
  ],
])('OpenMetrics: %s', (_, text, samples) => {
  expect(print(text, 'openmetrics')).toEqual(samples);
});

test.each<[text: string, message: RegExp]>([
  ['', /does not end with # EOF/],
  ['a 1\n', /does not end with # EOF/],
  ['\n# EOF\n', /an empty line/],
  [' a 1\n# EOF\n', /a line begins with/],
  ['a  1\n# EOF\n', /expected a number/],
  ['a\t1\n# EOF\n', /expected a space and a value/],
  ['a 1 \n# EOF\n', /expected a time in seconds/],
  ['a 1 NaN\n# EOF\n', /expected a time in seconds/],
  ['a 1 1 1\n# EOF\n', /unexpected " 1" after the time/],
  ['a{b="c" } 1\n# EOF\n', /expected a comma or }/],
  ['a{b="c"d="e"} 1\n# EOF\n', /expected a comma or }/],
  ['a{,b="c"} 1\n# EOF\n', /expected a label name/],
  ['a 1\n# EOF\n\n', /unexpected text after # EOF/],
  ['a 1\n# EOF x\n', /unexpected text after # EOF/],
  ['# EOF\na 1', /unexpected text after # EOF/],
  ['# a comment\n# EOF\n', /a comment is/],
  ['#\tTYPE a counter\n# EOF\n', /a comment is/],
  ['# TYPE a untyped\n# EOF\n', /invalid metric type "untyped"/],
  ['# TYPE a counter \n# EOF\n', /invalid metric type "counter "/],
  ['# TYPE a\n# EOF\n', /expected a text after TYPE/],
  ['# UNIT a seconds\n# EOF\n', /unit "seconds" is not a suffix/],
  ['# UNIT aseconds seconds\n# EOF\n', /unit "seconds" is not a suffix/],
  ['a 1 # {b=c} 1\n# EOF\n', /expected a label value/],
  ['a 1 # {b="c"}\n# EOF\n', /expected the exemplar's value/],
  ['a 1 # {b="c",b="d"} 1\n# EOF\n', /exemplar's label b stands twice/],
  ['a 1 # {b="c"} 1 x\n# EOF\n', /expected the exemplar's time/],
  ['a 1 # b\n# EOF\n', /expected an exemplar/],
])('OpenMetrics refuses %j', (text, message) => {
  expect(parsePage(bytes(text), 'openmetrics').errors[0]?.message).toMatch(message);
});

test.each<[string, Format | null]>([
  ['text/plain; version=0.0.4; charset=utf-8', 'text'],
  ['Text/Plain', 'text'],
  ['application/openmetrics-text; version=1.0.0', 'openmetrics'],
  ['application/json', null],
  ['', null],
])('Content-Type %j', (contentType, format) => {
  expect(formatOf(contentType)).toBe(format);
});
