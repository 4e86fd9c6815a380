// Decoders of single values.
import { parseDuration } from '@munjigi/model';
import type { Context, Decoder } from './context.ts';
import { parseGoDuration } from './go-duration.ts';
import { describe, parseNumber, scalarValue, shorten, type Node, type ScalarNode } from './node.ts';
import { closest } from './suggest.ts';

export interface StringRules {
  readonly nonEmpty?: boolean;
  readonly maxLength?: number;
  /** Must match as a whole; `what` says in words what is wanted. */
  readonly pattern?: RegExp;
  readonly what?: string;
}

export function string(rules: StringRules = {}): Decoder<string> {
  return (node, context) => {
    const text = textOf(node, context, 'text');
    if (text === undefined) return undefined;
    if (rules.nonEmpty === true && text === '') return context.error(node, 'must not be empty');
    if (rules.maxLength !== undefined && text.length > rules.maxLength) {
      return context.error(node, `has ${text.length} characters, at most ${rules.maxLength} are allowed`);
    }
    if (rules.pattern !== undefined && !rules.pattern.test(text)) {
      return context.error(
        node,
        `${JSON.stringify(shorten(text))} is not ${rules.what ?? `valid: it must match ${rules.pattern}`}`,
      );
    }
    return text;
  };
}

export interface Range {
  readonly min?: number;
  readonly max?: number;
}

export function number(range: Range = {}): Decoder<number> {
  return (node, context) => numberOf(node, context, range, 'a number');
}

/** A whole number, exactly represented (at most 2^53). */
export function integer(range: Range = {}): Decoder<number> {
  return (node, context) => {
    const value = numberOf(node, context, range, 'a whole number');
    if (value === undefined || Number.isSafeInteger(value)) return value;
    return context.error(node, `wants a whole number, got ${(node as ScalarNode).text}`);
  };
}

export const boolean: Decoder<boolean> = (node, context) => {
  const value = node.kind === 'scalar' ? scalarValue(node) : undefined;
  if (typeof value === 'boolean') return value;
  return context.error(node, `wants true or false, got ${describe(node)}`);
};

/** One of a list of texts; a near miss is named. */
export function enumOf<const T extends string>(...values: readonly T[]): Decoder<T> {
  return (node, context) => {
    const text = textOf(node, context, `one of ${values.join(', ')}`);
    if (text === undefined) return undefined;
    const found = values.find((value) => value === text);
    if (found !== undefined) return found;
    const near = closest(text, values);
    const hint = near === null ? '' : `; did you mean ${near}?`;
    return context.error(
      node,
      `wants one of ${values.join(', ')}, got ${JSON.stringify(shorten(text))}${hint}`,
    );
  };
}

/** Prometheus' `1h30m`, in ms. */
export function duration(range: Range = {}): Decoder<number> {
  return durationOf(parsePrometheusDuration, 'a duration such as 30s or 1h30m', range);
}

/** Go's `1.5s`, as Istio and Kubernetes write it, in ms (may have a fraction). */
export function goDuration(range: Range = {}): Decoder<number> {
  return durationOf(parseGoDuration, 'a duration such as 5s, 0.5s or 100ms', range);
}

/** A number of bytes, bare or with a unit: `10MB`, `512KiB`. As in Prometheus, every unit is a power of 1024. */
export const byteSize: Decoder<number> = (node, context) => {
  const text = textOf(node, context, 'a size');
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)\s?([KMGTPE]?)(i?B)?$/i.exec(text);
  if (match === null || (match[2] !== '' && match[3] === undefined)) {
    return context.error(node, `wants a size such as 512KiB or 10MB, got ${JSON.stringify(shorten(text))}`);
  }
  return Math.floor(Number(match[1]) * 1024 ** ' KMGTPE'.indexOf((match[2] || ' ').toUpperCase()));
};

/** Any scalar with its own type, as YAML has it. */
export const scalar: Decoder<string | number | boolean | null> = (node, context) => {
  if (node.kind === 'scalar') return scalarValue(node);
  return context.error(node, `wants a single value, got ${describe(node)}`);
};

function parsePrometheusDuration(text: string): number | null {
  const result = parseDuration(text);
  return 'ms' in result ? result.ms : null;
}

function durationOf(parse: (text: string) => number | null, what: string, range: Range): Decoder<number> {
  return (node, context) => {
    const text = textOf(node, context, what, true);
    if (text === undefined) return undefined;
    const ms = parse(text);
    if (ms === null) return context.error(node, `wants ${what}, got ${JSON.stringify(shorten(text))}`);
    if (range.min !== undefined && ms < range.min)
      return context.error(node, `must be at least ${range.min}ms, got ${text}`);
    if (range.max !== undefined && ms > range.max)
      return context.error(node, `must be at most ${range.max}ms, got ${text}`);
    return ms;
  };
}

function textOf(node: Node, context: Context, what: string, anyScalar = false): string | undefined {
  if (node.kind !== 'scalar') return context.error(node, `wants ${what}, got ${describe(node)}`);
  const value = scalarValue(node);
  if (typeof value === 'string') return value;
  if (value === null || (context.strictText && !anyScalar)) {
    const quote = value === null ? '' : `: quote it ("${node.text}")`;
    return context.error(node, `wants ${what}, got ${describe(node)}${quote}`);
  }
  return node.text;
}

function numberOf(node: Node, context: Context, range: Range, what: string): number | undefined {
  const value = node.kind === 'scalar' && !node.quoted ? parseNumber(node.text) : null;
  if (value === null) return context.error(node, `wants ${what}, got ${describe(node)}`);
  if (range.min !== undefined && value < range.min)
    return context.error(node, `must be at least ${range.min}, got ${value}`);
  if (range.max !== undefined && value > range.max)
    return context.error(node, `must be at most ${range.max}, got ${value}`);
  return value;
}
