import { parse } from '@munjigi/promql';
import { expect, test } from 'vitest';
import { exprJson } from './expr-json.ts';

const SELECTOR = {
  type: 'vectorSelector',
  name: 'up',
  matchers: [{ name: '__name__', value: 'up', type: '=' }],
  offset: 0,
  offsetExpr: null,
  timestamp: null,
  startOrEnd: null,
  anchored: false,
  smoothed: false,
};

test.for<readonly [string, object]>([
  ['up', SELECTOR],
  ['up offset 5m @ 2.5', { ...SELECTOR, offset: 300_000, timestamp: 2500 }],
  ['up @ end()', { ...SELECTOR, startOrEnd: 'end' }],
  [
    'up[-(step()) + 5] offset +min_of(1m, 3)',
    {
      ...SELECTOR,
      type: 'matrixSelector',
      range: 0,
      rangeExpr: {
        type: 'durationExpr',
        op: '+',
        lhs: {
          type: 'durationExpr',
          op: '-',
          lhs: null,
          rhs: { type: 'durationExpr', op: 'step', lhs: null, rhs: null, wrapped: true },
          wrapped: false,
        },
        rhs: { type: 'numberLiteral', val: '5', duration: false },
        wrapped: false,
      },
      offsetExpr: {
        type: 'durationExpr',
        op: '+',
        lhs: null,
        rhs: {
          type: 'durationExpr',
          op: 'min_of',
          lhs: { type: 'numberLiteral', val: '60', duration: true },
          rhs: { type: 'numberLiteral', val: '3', duration: false },
          wrapped: false,
        },
        wrapped: false,
      },
    },
  ],
  ['up[1m]', { ...SELECTOR, type: 'matrixSelector', range: 60_000 }],
  [
    'up[1m:5s]',
    {
      type: 'subquery',
      expr: SELECTOR,
      range: 60_000,
      step: 5000,
      offset: 0,
      timestamp: null,
      startOrEnd: null,
    },
  ],
  [
    '-(1.5)',
    { type: 'unaryExpr', op: '-', expr: { type: 'parenExpr', expr: { type: 'numberLiteral', val: '1.5' } } },
  ],
  [
    'rate(up[1m])',
    {
      type: 'call',
      func: { name: 'rate', argTypes: ['matrix'], variadic: 0, returnType: 'vector' },
      args: [{ ...SELECTOR, type: 'matrixSelector', range: 60_000 }],
    },
  ],
  [
    'topk by (a) (2, up)',
    {
      type: 'aggregation',
      op: 'topk',
      expr: SELECTOR,
      param: { type: 'numberLiteral', val: '2' },
      grouping: ['a'],
      without: false,
    },
  ],
  [
    'up == bool on (a) group_left (b) up',
    {
      type: 'binaryExpr',
      op: '==',
      lhs: SELECTOR,
      rhs: SELECTOR,
      bool: true,
      matching: {
        card: 'many-to-one',
        labels: ['a'],
        on: true,
        include: ['b'],
        fillValues: { lhs: null, rhs: null },
      },
    },
  ],
  [
    '1 + 2',
    {
      type: 'binaryExpr',
      op: '+',
      lhs: { type: 'numberLiteral', val: '1' },
      rhs: { type: 'numberLiteral', val: '2' },
      matching: null,
      bool: false,
    },
  ],
  [
    'label_join(up, "a", "b")',
    {
      type: 'call',
      args: [SELECTOR, { type: 'stringLiteral', val: 'a' }, { type: 'stringLiteral', val: 'b' }],
    },
  ],
])('%s', ([text, want]) => {
  const parsed = parse(text);
  if ('errors' in parsed) throw new Error(parsed.errors[0]!.message);
  expect(exprJson(parsed.expr)).toMatchObject(want);
});
