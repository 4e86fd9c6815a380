import { printLabels } from '@munjigi/model';
import { expect, test } from 'vitest';
import { parsePage } from './page.ts';
import { ScrapeParser } from './parser.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
function samples(parser: ScrapeParser): string[] {
  const out: string[] = [];
  for (let i = 0; i < parser.n; i++) {
    const t = Number.isNaN(parser.t[i]!) ? '' : ` @${parser.t[i]}`;
    out.push(`${printLabels(parser.labels(parser.entry[i]!))} ${parser.v[i]}${t}`);
  }
  return out;
}

const head = '# HELP a Help.\n# TYPE a counter\n';

/** Pages of one target; what each gives, how many lines were not where they stood, and what vanished. */
test.each<[what: string, pages: [text: string, misses: number, gone: string[]][]]>([
  [
    'the same lines',
    [
      [`${head}a{x="1"} 1\na{x="2"} 2\n`, 4, []],
      [`${head}a{x="1"} 10\na{x="2"} 20\n`, 0, []],
    ],
  ],
  [
    'longer and shorter values',
    [
      ['a 1\nb 123456\n', 2, []],
      ['a 1234.5\nb 1\n', 0, []],
    ],
  ],
  [
    'times that come and go',
    [
      ['a 1 5\nb 2\n', 2, []],
      ['a 1\nb 2 7\n', 0, []],
    ],
  ],
  [
    'a line that went',
    [
      ['a 1\nb 1\nc 1\n', 3, []],
      ['a 2\nc 2\n', 1, ['b']],
      ['a 3\nc 3\n', 0, []],
    ],
  ],
  [
    'a new line',
    [
      ['a 1\nc 1\n', 2, []],
      ['a 2\nb 2\nc 2\n', 1, []],
      ['a 2\nb 2\nc 2\n', 0, []],
    ],
  ],
  [
    'a line that came back',
    [
      ['a 1\nb 1\n', 2, []],
      ['a 2\n', 0, ['b']],
      ['a 3\nb 3\n', 1, []],
    ],
  ],
  [
    'lines in another order',
    [
      ['a 1\nb 2\nc 3\n', 3, []],
      ['c 3\na 1\nb 2\n', 2, []],
    ],
  ],
  [
    'all other lines',
    [
      ['a 1\n', 1, []],
      ['b 1\n', 1, ['a']],
    ],
  ],
  [
    'an empty page',
    [
      ['a 1\n', 1, []],
      ['', 0, ['a']],
      ['', 0, []],
    ],
  ],
  [
    'a prefix of the line before',
    [
      ['ab 1\n', 1, []],
      ['a 1\n', 1, ['ab']],
    ],
  ],
  [
    'a line that has the one before as prefix',
    [
      ['a 1\n', 1, []],
      ['a {b="c"} 1\n', 1, ['a']],
    ],
  ],
  [
    'the same series twice',
    [
      ['a 1 1\na 2 2\n', 2, []],
      ['a 1 1\na 2 2\n', 0, []],
      ['b 1\n', 1, ['a']],
    ],
  ],
  [
    'no newline at the end',
    [
      ['a 1\nb 2', 2, []],
      ['a 3\nb 4', 0, []],
    ],
  ],
  [
    'a type that changes',
    [
      ['# TYPE a gauge\na{le="1"} 1\n', 2, []],
      ['# TYPE a histogram\na{le="1"} 1\n', 2, ['a{le="1"}']],
    ],
  ],
])('%s', (_, pages) => {
  const parser = new ScrapeParser();
  for (const [text, misses, gone] of pages) {
    parser.parse(bytes(text), 'text');
    const fresh = parsePage(bytes(text), 'text').samples;
    expect(samples(parser)).toEqual(
      fresh.map((s) => `${printLabels(s.labels)} ${s.value}${s.t_ms === null ? '' : ` @${s.t_ms}`}`),
    );
    expect([parser.misses, parser.vanished().map((e) => printLabels(parser.labels(e)))]).toEqual([
      misses,
      gone,
    ]);
  }
});

test('a slot stays with its series while lines move, come and go', () => {
  const parser = new ScrapeParser();
  const slots = new Map<string, number>();
  let next = 1;
  let seed = 3;
  const random = (n: number): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) % n;
  for (let page = 0; page < 300; page++) {
    // A window of names that slides, so that old entries are given up and numbered anew.
    const names = Array.from({ length: 40 + random(40) }, (_, i) => `m${(page * 20 + i * 3) % 60_000}`);
    if (random(3) === 0) names.reverse();
    parser.parse(bytes(names.map((name) => `${name}{a="b"} ${random(1000)}\n`).join('')), 'text');
    expect(parser.n).toBe(names.length);
    names.forEach((name, i) => {
      const entry = parser.entry[i]!;
      if (parser.slots[entry] === 0) {
        parser.slots[entry] = next++;
        slots.set(name, parser.slots[entry]);
      }
      expect(parser.slots[entry]).toBe(slots.get(name));
    });
  }
  expect(parser.entries.count).toBeLessThan(2000);
});

test('a bad page leaves what is known of the good one', () => {
  const parser = new ScrapeParser();
  parser.parse(bytes('a 1\nb 2\n'), 'text');
  parser.parse(bytes('a 1\nb\n'), 'text');
  expect([parser.n, parser.errors.length, parser.vanished()]).toEqual([0, 1, []]);
  parser.parse(bytes('a 3\n'), 'text');
  expect(samples(parser)).toEqual(['a 3']);
  expect(parser.vanished().map((e) => printLabels(parser.labels(e)))).toEqual(['b']);
});

test('metadata changes are noticed', () => {
  const parser = new ScrapeParser();
  const versions = [
    'a 1\n',
    `${head}a 1\n`,
    `${head}a 2\n`,
    '# HELP a Other.\n# TYPE a counter\na 2\n',
    'a 2\n',
    'a 3\n',
  ].map((text) => {
    parser.parse(bytes(text), 'text');
    return [parser.metadataVersion > 0, parser.metadataOf(parser.entry[0]!)?.help ?? null];
  });
  expect(versions).toEqual([
    [false, null],
    [true, 'Help.'],
    [true, 'Help.'],
    [true, 'Other.'],
    [true, null],
    [true, null],
  ]);
  const before = parser.metadataVersion;
  parser.parse(bytes('a 4\n'), 'text');
  expect(parser.metadataVersion).toBe(before);
});

test('OpenMetrics pages are predicted too', () => {
  const parser = new ScrapeParser();
  for (const [text, misses] of [
    ['# TYPE a counter\na_total 1 1.5 # {t="1"} 2\n# EOF\n', 2],
    ['# TYPE a counter\na_total 2 2.5\n# EOF\n', 0],
  ] as const) {
    parser.parse(bytes(text), 'openmetrics');
    expect([parser.errors, parser.n, parser.misses]).toEqual([[], 1, misses]);
  }
  parser.parse(bytes('# TYPE a counter\na_total 2 2.5 x\n# EOF\n'), 'openmetrics');
  expect(parser.errors).toHaveLength(1);
  parser.parse(bytes('# EOF\n# TYPE a counter\na_total 2\n'), 'openmetrics');
  expect(parser.errors[0]!.message).toMatch(/after # EOF/);
});

test('NaN and large pages keep bits and order', () => {
  const parser = new ScrapeParser();
  const text = Array.from({ length: 3000 }, (_, i) => `m{i="${i}"} ${i === 7 ? 'NaN' : i}\n`).join('');
  for (let page = 0; page < 2; page++) {
    parser.parse(bytes(text), 'text');
    expect([parser.n, parser.v[2999]]).toEqual([3000, 2999]);
    expect([...new Uint32Array(parser.v.buffer, 7 * 8, 2)].sort((a, b) => a - b)).toEqual([1, 0x7ff80000]);
  }
});

test('damaged pages never throw, and read as they do without memory', () => {
  const good = `${head}a{x="1",y="\\"é"} 1\na_bucket{le="1"} 2.5 17\n{"q.r",z="\\\\"} NaN\nb 1e5 # {t="u"} 1 2\n# UNIT c_s s\n# EOF\n`;
  const parts = [
    '"',
    '{',
    '}',
    '\n',
    ' ',
    '=',
    ',',
    '#',
    '\\',
    'é',
    '\t',
    '1',
    'a',
    '\u0000',
    '# TYPE a histogram\n',
  ];
  let seed = 11;
  const random = (n: number): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 8) % n;
  for (const format of ['text', 'openmetrics'] as const) {
    const parser = new ScrapeParser();
    for (let i = 0; i < 3000; i++) {
      let text = good;
      for (let k = random(4); k > 0; k--) {
        const at = random(text.length + 1);
        text =
          text.slice(0, at) +
          (random(2) === 0 ? parts[random(parts.length)]! : '') +
          text.slice(at + random(3));
      }
      const b = bytes(text);
      if (random(4) === 0 && b.length > 0) b[random(b.length)] = random(256);
      parser.parse(b, format);
      const fresh = new ScrapeParser();
      fresh.parse(b, format);
      expect([samples(parser), parser.errors]).toEqual([samples(fresh), fresh.errors]);
    }
  }
});
