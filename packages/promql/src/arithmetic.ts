// Operators and functions of one number, with Go's results where JavaScript's differ.
import { civilFromDays, isLeap, MONTH_DAYS } from '@munjigi/model';
import type { BinaryOp } from './ast.ts';
import { acos, asin, atan, atan2, cos, sin, tan } from './elementary/circular.ts';
import { exp, ln, log10, power } from './elementary/exponential.ts';
import { acosh, asinh, atanh, cosh, sinh, tanh } from './elementary/hyperbolic.ts';
import { log2 } from './histogram/binary-log.ts';

/** Go's math.Max and math.Min: an infinity that decides wins over NaN. */
export function largest(x: number, y: number): number {
  return x === Infinity || y === Infinity ? Infinity : Math.max(x, y);
}

export function smallest(x: number, y: number): number {
  return x === -Infinity || y === -Infinity ? -Infinity : Math.min(x, y);
}

/** An arithmetic operator; comparisons give 1 or 0. */
export function scalarBinary(op: BinaryOp, a: number, b: number): number {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
    case '^':
      return power(a, b);
    case 'atan2':
      return atan2(a, b);
    case '==':
      return a === b ? 1 : 0;
    case '!=':
      return a !== b ? 1 : 0;
    case '<':
      return a < b ? 1 : 0;
    case '<=':
      return a <= b ? 1 : 0;
    case '>':
      return a > b ? 1 : 0;
    case '>=':
      return a >= b ? 1 : 0;
    case '</':
    case '>/':
    case 'and':
    case 'or':
    case 'unless':
      throw new TypeError(`operator ${op} is not for numbers`);
  }
}

const DAY_S = 86_400;

/** What a date shows for times that no int64 of seconds holds, NaN among them: Go's conversion gives the smallest one. */
const BEYOND: Readonly<Record<string, number>> = {
  minute: 30,
  hour: 15,
  day_of_week: 0,
  day_of_month: 4,
  day_of_year: 339,
  days_in_month: 31,
  month: 12,
  year: 292_277_026_596,
};

const OF_SECOND: Readonly<Record<string, (second: number) => number>> = {
  minute: (s) => Math.floor((s % 3600) / 60),
  hour: (s) => Math.floor(s / 3600),
};

const OF_DAY: Readonly<Record<string, (day: number) => number>> = {
  day_of_week: (d) => (((d + 4) % 7) + 7) % 7,
  day_of_month: (d) => civilFromDays(d).day,
  day_of_year: (d) => civilFromDays(d).yearDay,
  days_in_month: (d) => {
    const { year, month } = civilFromDays(d);
    return month === 2 && isLeap(year) ? 29 : MONTH_DAYS[month - 1]!;
  },
  month: (d) => civilFromDays(d).month,
  year: (d) => civilFromDays(d).year,
};

/** Parts of a time given in seconds since 1970, UTC. */
export const DATE_FUNCTIONS: ReadonlyMap<string, (seconds: number) => number> = new Map([
  ...Object.entries(OF_SECOND).map(([name, f]) =>
    dateFunction(name, (seconds) => f(seconds - Math.floor(seconds / DAY_S) * DAY_S)),
  ),
  ...Object.entries(OF_DAY).map(([name, f]) =>
    dateFunction(name, (seconds) => f(Math.floor(seconds / DAY_S))),
  ),
]);

function dateFunction(
  name: string,
  ofWhole: (seconds: number) => number,
): readonly [string, (seconds: number) => number] {
  const beyond = BEYOND[name]!;
  return [name, (seconds) => (Math.abs(seconds) < 2 ** 63 ? ofWhole(Math.trunc(seconds)) : beyond)];
}

/** Functions of one number, by PromQL's name. */
export const MATH_FUNCTIONS: ReadonlyMap<string, (x: number) => number> = new Map([
  ['abs', Math.abs],
  ['ceil', Math.ceil],
  ['floor', Math.floor],
  ['exp', exp],
  ['sqrt', Math.sqrt],
  ['ln', ln],
  ['log2', log2],
  ['log10', log10],
  ['sin', sin],
  ['cos', cos],
  ['tan', tan],
  ['asin', asin],
  ['acos', acos],
  ['atan', atan],
  ['sinh', sinh],
  ['cosh', cosh],
  ['tanh', tanh],
  ['asinh', asinh],
  ['acosh', acosh],
  ['atanh', atanh],
  ['rad', (x: number): number => x * (Math.PI / 180)],
  ['deg', (x: number): number => x * (180 / Math.PI)],
  ['sgn', (x: number): number => (x < 0 ? -1 : x > 0 ? 1 : x)],
]);
