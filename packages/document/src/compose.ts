// Decoders of lists and mappings, and what turns one decoder into another.
import { rememberPlace, type Context, type Decoder } from './context.ts';
import { describe, isNull, toPlain, type MapNode, type Node } from './node.ts';
import { closest } from './suggest.ts';

/** One row of a schema: how the field is read and what it is when it is absent or null. */
export interface Field<T> {
  readonly decoder: Decoder<T>;
  readonly absent: 'error' | (() => T);
  /** The field is known but never gives a value: it only says something when it is there. */
  readonly silent?: boolean;
}

export function required<T>(decoder: Decoder<T>): Field<T> {
  return { decoder, absent: 'error' };
}

export function optional<T>(decoder: Decoder<T>): Field<T | undefined> {
  return { decoder, absent: () => undefined };
}

/** Objects and arrays given as fallback are shared between all values: they must not be changed. */
export function withDefault<T>(decoder: Decoder<T>, fallback: T): Field<T> {
  return { decoder, absent: () => fallback };
}

/** A real field of the format that has no effect here: a warning that names it. */
export function ignored(reason: string): Field<undefined> {
  return silent((node, context) => context.warn(node, reason));
}

/** A field whose neglect would be dangerous: an error that names it. */
export function refused(reason: string): Field<undefined> {
  return silent((node, context) => context.error(node, reason));
}

function silent(say: (node: Node, context: Context) => void): Field<undefined> {
  const decoder: Decoder<undefined> = (node, context) => {
    say(node, context);
    return undefined;
  };
  return { decoder, absent: () => undefined, silent: true };
}

/** The fields of a mapping by name. */
export type Schema = Readonly<Record<string, Field<unknown>>>;
export type ObjectOf<S extends Schema> = { [K in keyof S]: S[K] extends Field<infer T> ? T : never };

export interface ObjectRules<T> {
  /** What becomes of unknown keys in this mapping; else as the context says. */
  readonly unknownFields?: 'error' | 'warning' | 'allowed';
  /** Called with the whole value when all fields are well. Errors it reports make the value undefined. */
  readonly check?: (value: T, report: Reporter) => void;
}

/** Reports at one of a mapping's fields, or with '' at the mapping itself. */
export interface Reporter {
  error(field: string, message: string): void;
  warn(field: string, message: string): void;
  /** Whether the text has the field with a value other than null. */
  has(field: string): boolean;
}

/** A mapping with known fields. A field that is absent or null takes its default. All fields are read even when some are wrong. */
export function object<S extends Schema>(
  schema: S,
  rules: ObjectRules<ObjectOf<S>> = {},
): Decoder<ObjectOf<S>> {
  const names = Object.keys(schema);
  return (node, context) => {
    if (node.kind !== 'map') return context.error(node, `wants a mapping, got ${describe(node)}`);
    const before = context.errors;
    const value: Record<string, unknown> = {};
    const seen = new Set<string>();
    for (const entry of node.entries) {
      const field = Object.hasOwn(schema, entry.key) ? schema[entry.key]! : null;
      if (field === null) {
        reportUnknown(entry.key, entry, names, context, rules.unknownFields ?? context.unknownFields);
        continue;
      }
      if (isNull(entry.value)) continue;
      seen.add(entry.key);
      const decoded = context.within(entry.key, () => field.decoder(entry.value, context));
      if (field.silent !== true) value[entry.key] = decoded;
    }
    for (const name of names) {
      const field = schema[name]!;
      if (seen.has(name)) continue;
      if (field.absent === 'error') context.error(node, `the field ${name} is required`);
      else if (field.silent !== true) value[name] = field.absent();
    }
    rememberPlace(value, context.place(node));
    if (context.errors > before) return undefined;
    rules.check?.(value as ObjectOf<S>, reporterOf(node, context, seen));
    return context.errors > before ? undefined : (value as ObjectOf<S>);
  };
}

function reportUnknown(
  key: string,
  at: { line: number; column: number },
  names: readonly string[],
  context: Context,
  how: 'error' | 'warning' | 'allowed',
): void {
  if (how === 'allowed') return;
  const near = closest(key, names);
  const hint = near === null ? '' : `: did you mean ${near}?`;
  context.within(key, () => {
    if (how === 'error') context.error(at, `unknown field${hint}`);
    else context.warn(at, `unknown field, it is ignored${hint}`);
  });
}

function reporterOf(node: MapNode, context: Context, seen: ReadonlySet<string>): Reporter {
  const at = (field: string): Node => node.entries.find((entry) => entry.key === field)?.value ?? node;
  const below = (field: string, say: () => void): void => (field === '' ? say() : context.within(field, say));
  return {
    error: (field, message) => below(field, () => context.error(at(field), message)),
    warn: (field, message) => below(field, () => context.warn(at(field), message)),
    has: (field) => seen.has(field),
  };
}

export function list<T>(item: Decoder<T>, size: { min?: number; max?: number } = {}): Decoder<T[]> {
  return (node, context) => {
    if (node.kind !== 'list') return context.error(node, `wants a list, got ${describe(node)}`);
    const { length } = node.items;
    if (size.min !== undefined && length < size.min)
      context.error(node, `wants at least ${size.min} items, got ${length}`);
    if (size.max !== undefined && length > size.max)
      context.error(node, `wants at most ${size.max} items, got ${length}`);
    const values: T[] = [];
    let ok = true;
    node.items.forEach((child, i) => {
      const value = context.within(`[${i}]`, () => item(child, context));
      if (value === undefined) ok = false;
      else values.push(value);
    });
    rememberPlace(values, context.place(node));
    return ok ? values : undefined;
  };
}

/** A list, or one item that stands alone. */
export function oneOrMany<T>(item: Decoder<T>): Decoder<T[]> {
  const many = list(item);
  return (node, context) => {
    if (node.kind === 'list') return many(node, context);
    const value = item(node, context);
    return value === undefined ? undefined : [value];
  };
}

/** A mapping with keys of the user's choosing. `key` says what is wrong with one, or null. */
export function mapOf<T>(item: Decoder<T>, key?: (name: string) => string | null): Decoder<Map<string, T>> {
  return (node, context) => {
    if (node.kind !== 'map') return context.error(node, `wants a mapping, got ${describe(node)}`);
    const values = new Map<string, T>();
    let ok = true;
    for (const entry of node.entries) {
      const wrong = key?.(entry.key) ?? null;
      const value = context.within(entry.key, () => {
        if (wrong !== null) return context.error(entry, wrong);
        return item(entry.value, context);
      });
      if (value === undefined) ok = false;
      else values.set(entry.key, value);
    }
    rememberPlace(values, context.place(node));
    return ok ? values : undefined;
  };
}

/** One decoder for each kind of node; a kind that is not named is refused. */
export function byKind<T>(kinds: { readonly [K in Node['kind']]?: Decoder<T> }): Decoder<T> {
  const wanted = Object.keys(kinds)
    .map((kind) => ({ map: 'a mapping', list: 'a list', scalar: 'a single value' })[kind as Node['kind']])
    .join(' or ');
  return (node, context) => {
    const decoder = kinds[node.kind];
    return decoder === undefined
      ? context.error(node, `wants ${wanted}, got ${describe(node)}`)
      : decoder(node, context);
  };
}

/** What `fn` makes of a decoded value; it reports and returns undefined when it cannot. */
export function refine<A, B>(
  decoder: Decoder<A>,
  fn: (value: A, report: (message: string) => undefined, context: Context) => B | undefined,
): Decoder<B> {
  return (node, context) => {
    const value = decoder(node, context);
    if (value === undefined) return undefined;
    return fn(value, (message) => context.error(node, message), context);
  };
}

/** Null (or nothing) as null, else as the decoder says. For list items and map values; fields have `optional`. */
export function nullable<T>(decoder: Decoder<T>): Decoder<T | null> {
  return (node, context) => (isNull(node) ? null : decoder(node, context));
}

/** For schemas that contain themselves. */
export function lazy<T>(make: () => Decoder<T>): Decoder<T> {
  let made: Decoder<T> | null = null;
  return (node, context) => (made ??= make())(node, context);
}

/** A decoded value together with its place. */
export function located<T>(
  decoder: Decoder<T>,
): Decoder<{ readonly value: T; readonly at: ReturnType<Context['place']> }> {
  return (node, context) => {
    const value = decoder(node, context);
    return value === undefined ? undefined : { value, at: context.place(node) };
  };
}

/** Anything, as plain values. */
export const plain: Decoder<unknown> = (node) => toPlain(node);

/** Anything, as it stands: for parts that another schema reads later. */
export const raw: Decoder<Node> = (node) => node;
