// Operators and functions of one number, with Go's results where JavaScript's differ.
import { civilFromDays, isLeap, MONTH_DAYS } from '@munjigi/model';
import type { BinaryOp } from './ast.ts';

/** Go's math.Pow: 1 to any power is 1, and -1 to an infinite one too. */
export function power(x: number, y: number): number {
  if (x === 1 || (x === -1 && (y === Infinity || y === -Infinity))) return 1;
  return x ** y;
}

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
      return Math.atan2(a, b);
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

/** Parts of a time given in seconds since 1970, UTC. */
export const DATE_FUNCTIONS: ReadonlyMap<string, (seconds: number) => number> = new Map([
  ['minute', ofSecond((s) => Math.floor((s % 3600) / 60))],
  ['hour', ofSecond((s) => Math.floor(s / 3600))],
  ['day_of_week', ofDay((d) => (((d + 4) % 7) + 7) % 7)],
  ['day_of_month', ofDay((d) => civilFromDays(d).day)],
  ['day_of_year', ofDay((d) => civilFromDays(d).yearDay)],
  [
    'days_in_month',
    ofDay((d) => {
      const { year, month } = civilFromDays(d);
      return month === 2 && isLeap(year) ? 29 : MONTH_DAYS[month - 1]!;
    }),
  ],
  ['month', ofDay((d) => civilFromDays(d).month)],
  ['year', ofDay((d) => civilFromDays(d).year)],
]);

/** A function of the second of the day. */
function ofSecond(f: (second: number) => number): (seconds: number) => number {
  return (seconds) => {
    const whole = Math.trunc(seconds);
    return f(whole - Math.floor(whole / DAY_S) * DAY_S);
  };
}

function ofDay(f: (day: number) => number): (seconds: number) => number {
  return (seconds) => (Number.isFinite(seconds) ? f(Math.floor(Math.trunc(seconds) / DAY_S)) : NaN);
}

/** Functions of one number, by PromQL's name. */
export const MATH_FUNCTIONS: ReadonlyMap<string, (x: number) => number> = new Map([
  ['abs', Math.abs],
  ['ceil', Math.ceil],
  ['floor', Math.floor],
  ['exp', Math.exp],
  ['sqrt', Math.sqrt],
  ['ln', Math.log],
  ['log2', Math.log2],
  ['log10', Math.log10],
  ['sin', Math.sin],
  ['cos', Math.cos],
  ['tan', Math.tan],
  ['asin', Math.asin],
  ['acos', Math.acos],
  ['atan', Math.atan],
  ['sinh', Math.sinh],
  ['cosh', Math.cosh],
  ['tanh', Math.tanh],
  ['asinh', Math.asinh],
  ['acosh', Math.acosh],
  ['atanh', Math.atanh],
  ['rad', (x: number): number => x * (Math.PI / 180)],
  ['deg', (x: number): number => x * (180 / Math.PI)],
  ['sgn', (x: number): number => (x < 0 ? -1 : x > 0 ? 1 : x)],
]);
