import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { labelsFromObject, labelsToObject } from './labels.ts';
import {
  checkRelabel,
  compileRelabel,
  RELABEL_DEFAULTS,
  type NameScheme,
  type RelabelConfig,
} from './relabel.ts';

const rule = (fields: Partial<RelabelConfig>): RelabelConfig => ({ ...RELABEL_DEFAULTS, ...fields });
type Set = Record<string, string>;

test.each<[what: string, before: Set, rules: Partial<RelabelConfig>[], after: Set | null]>([
  ['nothing', { a: '1' }, [], { a: '1' }],
  ['copies', { a: 'foo' }, [{ source_labels: ['a'], target_label: 'd' }], { a: 'foo', d: 'foo' }],
  [
    'joins',
    { a: 'x', b: 'y' },
    [{ source_labels: ['a', 'b', 'c'], separator: '-', target_label: 'd' }],
    { a: 'x', b: 'y', d: 'x-y-' },
  ],
  [
    'takes a group',
    { a: 'foo' },
    [{ source_labels: ['a'], regex: 'f(.*)', target_label: 'd', replacement: 'ch${1}-ch${1}' }],
    { a: 'foo', d: 'choo-choo' },
  ],
  [
    '$1x is the group named 1x',
    { a: 'foo' },
    [{ source_labels: ['a'], regex: 'f(.*)', target_label: 'a', replacement: 'b$1x' }],
    { a: 'b' },
  ],
  [
    'takes a named group',
    { a: 'host:80' },
    [{ source_labels: ['a'], regex: '(?P<h>.*):(?P<p>\\d+)', target_label: 'p', replacement: '${p}/$h' }],
    { a: 'host:80', p: '80/host' },
  ],
  [
    'keeps dollars',
    { a: 'x' },
    [{ source_labels: ['a'], target_label: 'b', replacement: '$$1 $ ${' }],
    { a: 'x', b: '$1 $ ${' },
  ],
  [
    'an unmatched group is empty',
    { a: 'x' },
    [{ source_labels: ['a'], regex: '(y)?x', target_label: 'b', replacement: '<$1>' }],
    { a: 'x', b: '<>' },
  ],
  [
    'is anchored',
    { a: 'foobar' },
    [{ source_labels: ['a'], regex: 'foo', target_label: 'b', replacement: 'y' }],
    { a: 'foobar' },
  ],
  [
    'a dot matches a newline',
    { a: 'x\ny' },
    [{ source_labels: ['a'], regex: 'x.(.)', target_label: 'b' }],
    { a: 'x\ny', b: 'y' },
  ],
  [
    'an empty result removes',
    { a: 'x', b: 'y' },
    [{ source_labels: ['c'], regex: '(.*)', target_label: 'b' }],
    { a: 'x' },
  ],
  ['a constant', {}, [{ target_label: 'a', replacement: 'x' }], { a: 'x' }],
  [
    'a target from the match',
    { a: 'some-name-value' },
    [{ source_labels: ['a'], regex: 'some-([^-]+)-([^,]+)', target_label: '${1}', replacement: '${2}' }],
    { a: 'some-name-value', name: 'value' },
  ],
  [
    'a target that comes out empty',
    { a: 'x' },
    [{ source_labels: ['a'], regex: '(x)', target_label: '${2}', replacement: 'y' }],
    { a: 'x' },
  ],
  ['drops', { a: 'foo' }, [{ action: 'drop', source_labels: ['a'], regex: 'f.*' }], null],
  ['drops no other', { a: 'foo' }, [{ action: 'drop', source_labels: ['a'], regex: 'o+' }], { a: 'foo' }],
  ['keeps', { a: 'foo' }, [{ action: 'keep', source_labels: ['a'], regex: 'foo|bar' }], { a: 'foo' }],
  ['keeps no other', { a: 'baz' }, [{ action: 'keep', source_labels: ['a'], regex: 'foo|bar' }], null],
  ['keeps an absent label', {}, [{ action: 'keep', source_labels: ['a'], regex: '' }], {}],
  [
    'keepequal',
    { a: 'x', b: 'x' },
    [{ action: 'keepequal', source_labels: ['a'], target_label: 'b' }],
    { a: 'x', b: 'x' },
  ],
  [
    'keepequal, other',
    { a: 'x', b: 'y' },
    [{ action: 'keepequal', source_labels: ['a'], target_label: 'b' }],
    null,
  ],
  ['dropequal', { a: 'x', b: 'x' }, [{ action: 'dropequal', source_labels: ['a'], target_label: 'b' }], null],
  [
    'dropequal, other',
    { a: 'x', b: 'y' },
    [{ action: 'dropequal', source_labels: ['a'], target_label: 'b' }],
    { a: 'x', b: 'y' },
  ],
  [
    'maps labels',
    { __meta_ab: '1', __meta_c: '2', d: '3' },
    [{ action: 'labelmap', regex: '__meta_(.*)' }],
    { __meta_ab: '1', __meta_c: '2', ab: '1', c: '2', d: '3' },
  ],
  [
    'maps to a new name',
    { a: '1' },
    [{ action: 'labelmap', regex: '(a)', replacement: 'x_$1' }],
    { a: '1', x_a: '1' },
  ],
  ['drops labels', { a: '1', b1: '2', b2: '3' }, [{ action: 'labeldrop', regex: 'b.*' }], { a: '1' }],
  [
    'keeps labels',
    { a: '1', b1: '2', b2: '3' },
    [{ action: 'labelkeep', regex: 'b.*' }],
    { b1: '2', b2: '3' },
  ],
  [
    'lower case',
    { a: 'FoO Ⱥ' },
    [{ action: 'lowercase', source_labels: ['a'], target_label: 'b' }],
    { a: 'FoO Ⱥ', b: 'foo ⱥ' },
  ],
  [
    'upper case, one for one',
    { a: 'straße' },
    [{ action: 'uppercase', source_labels: ['a'], target_label: 'a' }],
    { a: 'STRAßE' },
  ],
  [
    'one after the other',
    { a: '1' },
    [
      { source_labels: ['a'], target_label: 'b' },
      { action: 'drop', source_labels: ['b'], regex: '1' },
    ],
    null,
  ],
])('%s', (_, before, rules, after) => {
  const full = rules.map(rule);
  expect(full.map((r) => checkRelabel(r))).toEqual(full.map(() => null));
  const result = compileRelabel(full)(labelsFromObject(before));
  expect(result === null ? null : labelsToObject(result)).toEqual(after);
});

test('what changes nothing gives the same object', () => {
  const labels = labelsFromObject({ a: '1' });
  expect(compileRelabel([rule({ action: 'keep', source_labels: ['a'], regex: '1' })])(labels)).toBe(labels);
});

test.each(['', 'foo', 'a;b', 'é😀', 'x'.repeat(200)])('hashmod of %j', (text) => {
  const want = createHash('md5').update(text).digest().readBigUInt64BE(8) % 1000n;
  const relabel = compileRelabel([
    rule({ action: 'hashmod', source_labels: ['a'], target_label: 'd', modulus: 1000 }),
  ]);
  expect(labelsToObject(relabel(labelsFromObject({ a: text }))!)['d']).toBe(String(want));
});

test.each<[fields: Partial<RelabelConfig>, reason: RegExp, scheme?: NameScheme]>([
  [{ target_label: 'a', regex: '(' }, /not RE2/],
  [{}, /needs a target_label/],
  [{ action: 'hashmod', target_label: 'a' }, /modulus/],
  [{ action: 'hashmod', modulus: 3 }, /needs a target_label/],
  [{ target_label: '1a' }, /is no target_label/, 'legacy'],
  [{ target_label: '${1}-a' }, /is no target_label/, 'legacy'],
  [{ action: 'lowercase', target_label: 'a', replacement: 'x' }, /no replacement/],
  [{ action: 'labelmap', replacement: '-' }, /is no replacement/, 'legacy'],
  [{ action: 'labelmap', replacement: '' }, /is no replacement/],
  [{ action: 'keepequal', target_label: 'a', regex: 'x' }, /source_labels and target_label only/],
  [{ action: 'dropequal', target_label: 'a', separator: 'x' }, /source_labels and target_label only/],
  [{ action: 'labeldrop', source_labels: ['a'] }, /regex only/],
  [{ action: 'labelkeep', target_label: 'a' }, /regex only/],
])('refuses %j', (fields, reason, scheme) => {
  expect(checkRelabel(rule(fields), scheme)).toMatch(reason);
});

test.each<[fields: Partial<RelabelConfig>, scheme: NameScheme]>([
  [{ target_label: 'a.b' }, 'utf8'],
  [{ target_label: '${1}_a' }, 'legacy'],
  [{ action: 'labelmap', replacement: 'x_$1' }, 'legacy'],
])('accepts %j', (fields, scheme) => {
  expect(checkRelabel(rule(fields), scheme)).toBeNull();
});
