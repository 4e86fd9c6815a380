// A YAML or JSON document as a plain tree with places. Scalars keep their text: what `on`, `0755` or `1e3` mean is decided by the
// field that reads them.

export type Node = MapNode | ListNode | ScalarNode;

/** Where something was written; both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface ScalarNode extends Position {
  readonly kind: 'scalar';
  /** The text after quotes, escapes and folding. */
  readonly text: string;
  /** Quoted, a block scalar or tagged `!!str`: text whatever it looks like. */
  readonly quoted: boolean;
}

export interface ListNode extends Position {
  readonly kind: 'list';
  readonly items: readonly Node[];
}

export interface MapNode extends Position {
  readonly kind: 'map';
  /** In the order of the text, each key once, merge keys (`<<`) applied. */
  readonly entries: readonly MapEntry[];
}

/** The position is the key's. */
export interface MapEntry extends Position {
  readonly key: string;
  readonly value: Node;
}

/** A scalar's own type, as YAML 1.1 readers in Go see it: unquoted `yes`, `on`, `0x1f`, `1_000`, `.inf`, `~` are not text. */
export function scalarValue(node: ScalarNode): null | boolean | number | string {
  const { text } = node;
  if (node.quoted) return text;
  if (NULLS.has(text)) return null;
  const bool = BOOLEANS.get(text);
  if (bool !== undefined) return bool;
  const number = parseNumber(text);
  return number ?? text;
}

/** Whether the node is an unquoted null or nothing at all (`key:`). */
export function isNull(node: Node): boolean {
  return node.kind === 'scalar' && !node.quoted && NULLS.has(node.text);
}

/** The entry's value, or null when the map has no such key. */
export function childOf(node: Node, key: string): Node | null {
  if (node.kind !== 'map') return null;
  return node.entries.find((entry) => entry.key === key)?.value ?? null;
}

/** The tree as plain values: objects (without a prototype), arrays, strings, numbers, booleans and null. */
export function toPlain(node: Node): unknown {
  switch (node.kind) {
    case 'scalar':
      return scalarValue(node);
    case 'list':
      return node.items.map(toPlain);
    case 'map': {
      const object = Object.create(null) as Record<string, unknown>;
      for (const entry of node.entries) object[entry.key] = toPlain(entry.value);
      return object;
    }
  }
}

/** 'a mapping', 'a list', 'null', 'the number 5', 'the text "x"', 'true': for messages. */
export function describe(node: Node): string {
  if (node.kind === 'map') return 'a mapping';
  if (node.kind === 'list') return 'a list';
  const value = scalarValue(node);
  if (value === null) return 'nothing';
  if (typeof value === 'string') return `the text ${JSON.stringify(shorten(value))}`;
  return typeof value === 'number' ? `the number ${node.text}` : `the boolean ${node.text}`;
}

/** At most 60 characters of a text, for messages. */
export function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const NULLS: ReadonlySet<string> = new Set(['', '~', 'null', 'Null', 'NULL']);
const BOOLEANS: ReadonlyMap<string, boolean> = new Map(
  [
    ...['true', 'yes', 'on'].map((t) => [t, true] as const),
    ...['false', 'no', 'off'].map((t) => [t, false] as const),
  ].flatMap(([t, value]) =>
    [t, t[0]!.toUpperCase() + t.slice(1), t.toUpperCase()].map((form) => [form, value] as const),
  ),
);
const DECIMAL = /^[-+]?(?:\d[\d_]*)$/;
const RADIX = /^([-+]?)0([xob])([\da-fA-F_]+)$/;
const FLOAT = /^[-+]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?\d+)?$/;
const INFINITE = /^([-+]?)\.(?:inf|Inf|INF)$/;

/** A YAML 1.1 number (hexadecimal, octal, binary, `_` between digits, `.inf`, `.nan`), or null. */
export function parseNumber(text: string): number | null {
  const first = text.charCodeAt(0);
  // Digits, '+', '-' and '.': most texts end here.
  if (!((first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46)) return null;
  if (DECIMAL.test(text)) {
    const digits = text.replaceAll('_', '');
    const octal = /^([-+]?)0([0-7]+)$/.exec(digits);
    if (octal !== null) return (octal[1] === '-' ? -1 : 1) * Number.parseInt(octal[2]!, 8);
    return Number(digits);
  }
  const radix = RADIX.exec(text);
  if (radix !== null) {
    const number = Number(`0${radix[2]}${radix[3]!.replaceAll('_', '')}`);
    return Number.isNaN(number) ? null : radix[1] === '-' ? -number : number;
  }
  if (FLOAT.test(text)) return Number(text.replaceAll('_', ''));
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  return /^\.(?:nan|NaN|NAN)$/.test(text) ? Number.NaN : null;
}
