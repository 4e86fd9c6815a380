import { describe, expect, test } from 'vitest';
import { sameExpr, walk, type Expr } from './ast.ts';
import { parse, parseSelector, MAX_EXPRESSION_LENGTH } from './parse.ts';
import { printParseError } from './position.ts';
import { prettyExpr, printExpr } from './print.ts';

function parsed(text: string): Expr {
  const result = parse(text);
  if ('errors' in result) throw new Error(printParseError(result.errors[0]!));
  return result.expr;
}

const S300 = '_'.repeat(300);

describe('canonical form', () => {
  test.each([
    ['1', '1'],
    ['0x1F', '31'],
    ['1_000', '1000'],
    ['5m', '5m'],
    ['-1', '-1'],
    ['- 1 + 2', '-1 + 2'],
    ['-2^2', '-2 ^ 2'],
    ['-inf', '-Inf'],
    ['"a\\x41\\n"', '"aA\\n"'],
    ["'it\\'s'", '"it\'s"'],
    ['`raw\\n`', '"raw\\\\n"'],
    ['foo{b="2",a="1",}', 'foo{a="1",b="2"}'],
    ['{"a.b"}', '{__name__="a.b"}'],
    ['{"a.b"="x", c!~"y"}', '{"a.b"="x",c!~"y"}'],
    ['SuM BY(a, b,) (x)', 'sum by (a, b) (x)'],
    ['sum(x) without (a)', 'sum without (a) (x)'],
    ['sum by () (x)', 'sum(x)'],
    ['topk(3, x)', 'topk(3, x)'],
    ['sum + by', 'sum + by'],
    ['sum by (by, on, "without") (x)', 'sum by (by, on, "without") (x)'],
    ['foo[300]', 'foo[5m]'],
    ['foo[1h30m] offset -5m @ 1.5', 'foo[1h30m] @ 1.500 offset -5m'],
    ['foo @ start()', 'foo @ start()'],
    ['foo offset (1h / 2)', 'foo offset (1h / 2)'],
    ['foo[(5m)]', 'foo[(5m)]'],
    ['foo offset 5s-8', 'foo offset 5s - 8'],
    ['rate(foo[max_of(5m, step())])', 'rate(foo[max_of(5m, step())])'],
    ['x[1h:] offset 1m', 'x[1h:] offset 1m'],
    ['avg_over_time(rate(x[5m])[30m:1m])', 'avg_over_time(rate(x[5m])[30m:1m])'],
    ['a > bool on(x) group_left(y) b', 'a > bool on (x) group_left (y) b'],
    ['a and on() b', 'a and on () b'],
    ['a + ignoring() b', 'a + b'],
    ['a + fill(0) b', 'a + fill (0) b'],
    ['a + fill_right(-1) fill_left(2) b', 'a + fill_left (2) fill_right (-1) b'],
    ['fill + fill', 'fill + fill'],
    ['a </ b >/ c', 'a </ b >/ c'],
    ['increase(x[5m] anchored)', 'increase(x[5m] anchored)'],
    ['x smoothed offset 1m', 'x smoothed offset 1m'],
    ['1 + 2 * 3 ^ 4 ^ 5 atan2 6', '1 + 2 * 3 ^ 4 ^ 5 atan2 6'],
    ['a # comment\n+ b', 'a + b'],
    ['time()', 'time()'],
    ['step() + range()', 'step() + range()'],
    [`{a="${S300}"}`, `{a="${S300}"}`],
  ])('%s', (text, printed) => {
    const e = parsed(text);
    expect(printExpr(e)).toBe(printed);
    expect(sameExpr(parsed(printed), e)).toBe(true);
  });
});

test.each([
  ['1 + 2 * 3', '(1 + (2 * 3))'],
  ['1 - 2 - 3', '((1 - 2) - 3)'],
  ['2 ^ 3 ^ 2', '(2 ^ (3 ^ 2))'],
  ['-a * b', '((-a) * b)'],
  ['-a ^ b', '(-(a ^ b))'],
  ['a ^ -b * c', '((a ^ (-b)) * c)'],
  ['a or b and c', '(a or (b and c))'],
  ['a == b + c', '(a == (b + c))'],
  ['a unless b or c', '((a unless b) or c)'],
  ['a atan2 b + c', '((a atan2 b) + c)'],
])('precedence of %s', (text, grouped) => {
  const show = (e: Expr): string => {
    if (e.kind === 'binary') return `(${show(e.left)} ${e.op} ${show(e.right)})`;
    return e.kind === 'unary' ? `(${e.op}${show(e.expr)})` : printExpr(e);
  };
  expect(show(parsed(text))).toBe(grouped);
});

test('every node knows its place', () => {
  const text = 'sum by (a) (rate(foo{b="c"}[5m] offset 1m)) / (2 - -x)';
  const found: string[] = [];
  walk(parsed(text), (e) => found.push(`${e.kind}:${text.slice(e.start, e.end)}`));
  expect(found).toEqual([
    `binary:${text}`,
    'aggregate:sum by (a) (rate(foo{b="c"}[5m] offset 1m))',
    'call:rate(foo{b="c"}[5m] offset 1m)',
    'matrix:foo{b="c"}[5m] offset 1m',
    'vector:foo{b="c"}',
    'paren:(2 - -x)',
    'binary:2 - -x',
    'number:2',
    'unary:-x',
    'vector:x',
  ]);
});

describe('on several lines', () => {
  const long = 'some_metric_with_a_long_name_total{job="something", instance=~"some.*"}';
  const printed = 'some_metric_with_a_long_name_total{instance=~"some.*",job="something"}';
  test.each([
    ['up', 'up'],
    [`rate(${long}[5m])`, `rate(${printed}[5m])`],
    [`${long} + -${long}`, `  ${printed}\n+\n  -${printed}`],
    [
      `topk by (a) (3, sum(rate(${long}[5m])) by (b) > bool on (b) group_left ${long})`,
      `topk by (a) (\n  3,\n    sum by (b) (rate(${printed}[5m]))\n  > bool on (b) group_left ()\n    ${printed}\n)`,
    ],
    [`-(${long} / on() ${long})`, `-(\n    ${printed}\n  / on ()\n    ${printed}\n)`],
    [
      `max_over_time(rate(${long}[5m])[1h:1m] offset 1d)`,
      `max_over_time(\nrate(${printed}[5m])[1h:1m] offset 1d\n)`,
    ],
    [
      `max_over_time((${long} + ${long})[1h:])`,
      `max_over_time(\n  (\n      ${printed}\n    +\n      ${printed}\n  )[1h:]\n)`,
    ],
    [`"${'é'.repeat(60)}" == 1`, null],
    [`{a="${'é'.repeat(40)}"} + 1`, `{a="${'é'.repeat(40)}"} + 1`],
    [`{a="${'é'.repeat(48)}"} + 1`, `  {a="${'é'.repeat(48)}"}\n+\n  1`],
  ])('%s', (text, wanted) => {
    const result = parse(text);
    expect('expr' in result ? prettyExpr(result.expr) : null).toBe(wanted);
  });
});

describe('errors', () => {
  test.each([
    ['', 'unknown position: parse error: no expression found in input'],
    ['foo[1m2h]', '1:5: parse error: not a valid duration string: "1m2h"'],
    ['foo{', '1:5: parse error: unexpected end of input inside braces'],
    ['(foo', '1:5: parse error: unclosed left parenthesis'],
    ['foo)', "1:5: parse error: unexpected right parenthesis ')'"],
    ['foo bar', '1:5: parse error: unexpected identifier "bar"'],
    ['foo{a}', '1:6: parse error: unexpected "}" in label matching, expected label matching operator'],
    ['foo{a=b}', '1:7: parse error: unexpected identifier "b" in label matching, expected string'],
    [
      'foo{a="1" b="2"}',
      '1:11: parse error: unexpected identifier "b" in label matching, expected "," or "}"',
    ],
    ['foo{,}', '1:5: parse error: unexpected "," in label matching, expected identifier or "}"'],
    ['sum by a (x)', '1:8: parse error: unexpected identifier "a" in grouping opts, expected "("'],
    ['sum by (1) (x)', '1:9: parse error: unexpected number "1" in grouping opts, expected label'],
    ['sum(x) by (a b)', '1:14: parse error: unexpected identifier "b" in grouping opts, expected "," or ")"'],
    [
      'foo offset',
      '1:11: parse error: unexpected end of input in offset, expected number, duration, step(), or range()',
    ],
    ['foo @ bar', '1:7: parse error: unexpected identifier "bar" in @, expected timestamp'],
    ['foo[5m:x]', "1:8: parse error: unexpected character: 'x', expected ':'"],
    ['foo[5m', '1:7: parse error: unclosed left bracket'],
    [
      'foo[]',
      '1:5: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()',
    ],
    ['foo[0m]', '1:5: parse error: duration must be greater than 0'],
    ['1[5m]', '1:2: parse error: ranges only allowed for vector selectors'],
    [
      'rate(foo)',
      '1:6: parse error: expected type range vector in call to function "rate", got instant vector',
    ],
    ['rate()', '1:1: parse error: expected 1 argument(s) in call to "rate", got 0'],
    ['nope(x)', '1:1: parse error: unknown function with name "nope"'],
    ['sum(1)', '1:5: parse error: expected type instant vector in aggregation expression, got scalar'],
    ['sum()', '1:1: parse error: no arguments for aggregate expression provided'],
    [
      'topk(x)',
      '1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1',
    ],
    ['1 == 2', '1:3: parse error: comparisons between scalars must use BOOL modifier'],
    ['a + bool b', '1:3: parse error: bool modifier can only be used on comparison operators'],
    ['1 and a', '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
    [
      'a + on(x) group_left(x) b',
      '1:3: parse error: label "x" must not occur in ON and GROUP clause at once',
    ],
    ['a and on(x) group_left b', '1:1: parse error: no grouping allowed for "and" operation'],
    ['a + on(x) 1', '1:1: parse error: vector matching only allowed between instant vectors'],
    ['{a=""}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
    ['foo{__name__="bar"}', '1:1: parse error: metric name must not be set twice: "foo" or "bar"'],
    [
      '-"a"',
      '1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "string"',
    ],
    ['foo offset 1m offset 2m', '1:1: parse error: offset may not be set multiple times'],
    ['"\\q"', "1:1: parse error: unknown escape sequence U+0071 'q'"],
    ['"a', '1:1: parse error: unterminated quoted string'],
    [
      '1e999',
      '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e999": value out of range',
    ],
    ['a\n  + b c', '2:7: parse error: unexpected identifier "c"'],
    ['foo{a="é"} x', '1:13: parse error: unexpected identifier "x"'],
    ['abs(x,)', '1:6: parse error: trailing commas not allowed in function call args'],
  ])('%s', (text, message) => {
    const result = parse(text);
    expect('errors' in result && printParseError(result.errors[0]!)).toBe(message);
  });

  test('all type errors are told', () => {
    const result = parse('rate(a) + sum(1) + nope(b)');
    expect('errors' in result && result.errors.map((e) => e.message)).toEqual([
      'unknown function with name "nope"',
    ]);
    const typed = parse('rate(a) + sum(1)');
    expect('errors' in typed && typed.errors.map((e) => e.start)).toEqual([5, 14]);
  });

  test('a bad regular expression has the place of its matcher', () => {
    const result = parse('foo{a=~"("}');
    expect('errors' in result && [result.errors[0]!.start, result.errors[0]!.end]).toEqual([4, 10]);
  });
});

describe('limits', () => {
  test.each([
    ['parentheses', `${'('.repeat(100_000)}1${')'.repeat(100_000)}`],
    ['signs', `${'-'.repeat(100_000)}x`],
    ['powers', `x${'^x'.repeat(50_000)}`],
    ['a long chain', `1${'+1'.repeat(100_000)}`],
    ['durations', `x[${'('.repeat(5000)}1m${')'.repeat(5000)}]`],
    ['subqueries', `x${'[1m:1m]'.repeat(5000)}`],
    ['regular expressions', `x{${'a=~"[ab]{1000}",'.repeat(101)}}`],
    ['length', `1 ${' '.repeat(MAX_EXPRESSION_LENGTH)}`],
  ])('%s: an error, no stack overflow', (_, text) => {
    const result = parse(text);
    expect('errors' in result && result.errors[0]!.message).toMatch(/too (deep|long)|more than/);
  });

  test('what real expressions need is allowed', () => {
    expect(parse(`${'('.repeat(400)}x${')'.repeat(400)}`)).toHaveProperty('expr');
    expect(parse(Array.from({ length: 1000 }, (_, i) => `m${i}`).join(' or '))).toHaveProperty('expr');
  });
});

test('options', () => {
  expect(parse('http.requests{service.name="a"}')).toHaveProperty('errors');
  expect(parse('http.requests{service.name="a"}', { unquotedUtf8Names: true })).toHaveProperty('expr');
  expect(parse('limitk(1, x)', { experimental: false })).toHaveProperty('errors');
  expect(parseSelector('up{a="b"}')).toHaveProperty('matchers');
  expect(parseSelector('up offset 5m')).toHaveProperty('errors');
  expect(parseSelector('rate(up[5m])')).toHaveProperty('errors');
});
