import { expect, test } from 'vitest';
import { meta, ulidOf, type MetaRow } from '../testing/metas.ts';
import {
  blocksBeyondRetention,
  longestRetention,
  needsFilter,
  policyKey,
  retentionStep,
  type RetentionPolicy,
  type SizeLimits,
} from './retention.ts';

const KEEP: RetentionPolicy = { retention_ms: 0, rules: [] };
const ANY_SIZE: SizeLimits = { bytes: 0, percentage: 0, diskBytes: 0, headBytes: 0 };
const billing = (retention_ms: number) => ({
  matchers: [{ name: 'job', op: '=' as const, value: 'billing' }],
  retention_ms,
});
const THREE: readonly MetaRow[] = [
  [0, 20],
  [20, 40],
  [40, 60],
];

// Every block takes 10 bytes. Expected: number of the block and why it goes.
const DELETIONS: readonly (readonly [
  name: string,
  blocks: readonly MetaRow[],
  policy: Partial<RetentionPolicy>,
  limits: Partial<SizeLimits>,
  gone: Readonly<Record<number, string>>,
])[] = [
  ['nothing is limited', THREE, {}, {}, {}],
  ['age counts from the newest end', THREE, { retention_ms: 40 }, {}, { 0: 'time' }],
  ['just not old enough', THREE, { retention_ms: 41 }, {}, {}],
  ['all but the newest', THREE, { retention_ms: 1 }, {}, { 0: 'time', 1: 'time' }],
  ['a rule keeps blocks longer', THREE, { retention_ms: 1, rules: [billing(40)] }, {}, { 0: 'time' }],
  ['a rule keeps them for ever', THREE, { retention_ms: 1, rules: [billing(0)] }, {}, {}],
  ['a shorter rule does not', THREE, { retention_ms: 40, rules: [billing(1)] }, {}, { 0: 'time' }],
  ['size: all fit', THREE, {}, { bytes: 30 }, {}],
  ['size: the oldest goes', THREE, {}, { bytes: 29 }, { 0: 'size' }],
  ['size: the head counts first', THREE, {}, { bytes: 30, headBytes: 11 }, { 0: 'size', 1: 'size' }],
  ['size: even the newest', THREE, {}, { bytes: 9 }, { 0: 'size', 1: 'size', 2: 'size' }],
  ['size: a share of the disk', THREE, {}, { bytes: 9, percentage: 25, diskBytes: 100 }, { 0: 'size' }],
  ['size: a share of an unknown disk', THREE, {}, { bytes: 29, percentage: 1 }, { 0: 'size' }],
  ['time before size', THREE, { retention_ms: 40 }, { bytes: 29 }, { 0: 'time' }],
];

test.each(DELETIONS)('delete: %s', (_, rows, policy, limits, gone) => {
  const blocks = rows.map((row, i) => ({ meta: meta(i, row), sizeBytes: 10 }));
  const reasons = blocksBeyondRetention(blocks, { ...KEEP, ...policy }, { ...ANY_SIZE, ...limits });
  const expected = Object.entries(gone).map(([n, reason]) => [ulidOf(Number(n)), reason]);
  expect(Object.fromEntries(reasons)).toEqual(Object.fromEntries(expected));
});

const LONG: RetentionPolicy = { retention_ms: 15, rules: [billing(400), { ...billing(1), matchers: [] }] };

// Age of the block; what was applied to it: the step, and whether by the same policy.
const FILTERS: readonly (readonly [
  name: string,
  age: number,
  applied: number | null,
  same: boolean,
  needed: boolean,
])[] = [
  ['young', 0, null, true, false],
  ['the first step', 1, null, true, true],
  ['the first step was done', 14, 1, true, false],
  ['the second step', 15, 1, true, true],
  ['the second step was done', 399, 15, true, false],
  ['the last step', 400, 15, true, true],
  ['another policy', 20, 15, false, true],
  ['another policy, but young', 0, 15, false, false],
];

test.each(FILTERS)('filter: %s', (_, age, applied, same, needed) => {
  const policy = policyKey(same ? LONG : { ...LONG, retention_ms: 16 });
  const block = meta(0, [0, 100]);
  const known = applied === null ? null : { policy, step_ms: applied };
  expect(needsFilter(block, known, 100 + age, LONG)).toBe(needed);
});

test('without rules no block is filtered, and what is for ever is no step', () => {
  expect(needsFilter(meta(0, [0, 1]), null, 100, { retention_ms: 5, rules: [] })).toBe(false);
  expect(retentionStep(meta(0, [0, 1]), 100, { retention_ms: 0, rules: [billing(0)] })).toBe(0);
  expect(longestRetention(LONG)).toBe(400);
});
