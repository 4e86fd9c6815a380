// Texts that are nearly expressions, for the parser: it answers each with a tree that survives printing, or with errors inside the text.
import { sameExpr, walk, type Expr } from './ast.ts';
import { parse } from './parse.ts';
import { prettyExpr, printExpr } from './print.ts';

/** A small seeded generator (xorshift). */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 1;
  }
  below(n: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % n;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

export const PIECES: readonly string[] = (
  'sum rate( foo {a="b"} {"a.b",c=~"d.*"} [5m] [5m:1m] [step()] [max_of(1m, offset @ start() end() by (a) without on(x) ignoring ' +
  'group_left fill(0) fill_left(1) bool + - * / % ^ == != <= >= < > </ >/ and or unless atan2 ( ) , 5m 1h30m 1e3 0x1f 1_000 Inf NaN ' +
  '"s" \'t\' `r` # \n anchored smoothed { } [ ] : = =~ !~ é 😀 \\ "\\u00" _ . topk count_values quantile( limitk( inf nan label_replace( ' +
  'info( min_of( step() range a:b =~"(a+)+$"} =~"(("} 0 -1 1.5 ; $ ! \u0000 \ufffd'
).split(' ');

const GOOD: readonly string[] = [
  'sum by (job) (rate(http_requests_total{code=~"5..", "a.b"!="x"}[5m] offset -1m)) / on (job) group_left (x) max_over_time(foo[1h:5m] @ end()) > bool 0.5',
  'histogram_quantile(0.9, sum without (instance) (rate({"http.duration"}[max_of(5m, 4 * step())] smoothed))) or vector(1e3)',
  'topk(3, -foo offset (1h / 2)) and ignoring (a, "b c") (bar @ 1.5 fill + fill_left(0x10) fill_right(-1) baz) # end',
  'label_replace(up, \'a\', "$1\\n", `b`, \'(.*)\')[1d:] offset 1w unless on () absent(x{a!~"b|c"})',
];

/** What is wrong with how a text is taken; '' when nothing is. */
export function judgeParse(text: string): string {
  const result = parse(text);
  if ('expr' in result) {
    const again = parse(printExpr(result.expr));
    if (!('expr' in again) || !sameExpr(again.expr, result.expr))
      return printsDifferently(result.expr) ? '' : `another tree when printed: ${text}`;
    const pretty = parse(prettyExpr(result.expr));
    return 'expr' in pretty && sameExpr(pretty.expr, result.expr)
      ? ''
      : `another tree when printed on several lines: ${text}`;
  }
  const placed = result.errors.every(
    (e) =>
      e.message !== '' &&
      e.start >= 0 &&
      e.start <= e.end &&
      e.end <= text.length &&
      (text === '' || (e.line >= 1 && e.column >= 1)),
  );
  return placed && result.errors.length > 0 ? '' : `an error without its place: ${text}`;
}

/** `Inf ^ x` is printed as `+Inf ^ x`, which has the sign outside of the power: another tree of the same value. */
function printsDifferently(root: Expr): boolean {
  let found = false;
  walk(root, (e) => {
    if (e.kind === 'binary' && e.op === '^' && e.left.kind === 'number' && e.left.value === Infinity)
      found = true;
  });
  return found;
}

/** A text from the pieces, or a good expression cut, with something taken out, doubled or put in. */
export function nearlyExpression(dice: Dice): string {
  if (dice.below(2) === 0) {
    let text = '';
    const pieces = 1 + dice.below(12);
    for (let p = 0; p < pieces; p++) text += dice.pick(PIECES) + (dice.below(3) === 0 ? '' : ' ');
    return text;
  }
  const good = dice.pick(GOOD);
  const at = dice.below(good.length);
  if (dice.below(4) === 0) return good.slice(0, at);
  const to = at + dice.below(6);
  const put = [
    dice.pick(PIECES),
    String.fromCharCode(dice.below(0x250)),
    good.slice(at, to) + good.slice(at, to),
    '',
  ];
  return good.slice(0, at) + dice.pick(put) + good.slice(to);
}

/** Judges as many texts; what is wrong, of them at most ten. */
export function fuzzParse(seed: number, rounds: number): string[] {
  const dice = new Dice(seed);
  const wrong: string[] = [];
  for (let i = 0; i < rounds && wrong.length < 10; i++) {
    const problem = judgeParse(nearlyExpression(dice));
    if (problem !== '') wrong.push(problem);
  }
  return wrong;
}

/** A few pieces again and again: `short` and, ten times as often, `long`, for comparing what they cost. */
export function growingText(seed: number): { readonly short: string; readonly long: string } {
  const dice = new Dice(seed);
  const head = dice.below(2) === 0 ? '' : dice.pick(PIECES);
  let unit = '';
  for (let n = 1 + dice.below(3); n > 0; n--) unit += dice.pick(PIECES) + dice.pick(['', ' ', ',', ' + ']);
  const times = Math.ceil(20_000 / unit.length);
  return { short: head + unit.repeat(times), long: head + unit.repeat(10 * times) };
}
