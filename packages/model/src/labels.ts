// Labels: a flat, frozen list [name, value, name, value, ...], sorted by the UTF-8 bytes of the names, each name once, no
// empty value (an empty value is an absent label). Flat because one array is cheaper to make, hash and compare than objects.

declare const sorted: unique symbol;
export type Labels = readonly string[] & { readonly [sorted]: true };

export const METRIC_NAME = '__name__';
export const EMPTY_LABELS: Labels = Object.freeze([]) as unknown as Labels;

/**
 * Compares two strings as their UTF-8 bytes would compare: the order of labels, symbols and results everywhere.
 * UTF-16 order differs where a surrogate (U+10000 and above) meets U+E000..U+FFFF.
 */
export function compareText(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codeUnitRank(x) - codeUnitRank(y);
  }
  return a.length - b.length;
}

/** Moves surrogates above the rest of the basic plane, where UTF-8 has them. */
function codeUnitRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Labels from name/value pairs in any order. The last of equal names wins; empty values are left out. */
export function labelsFrom(pairs: Iterable<readonly [string, string]>): Labels {
  const byName = new Map<string, string>();
  for (const [name, value] of pairs) byName.set(name, value);
  const names = [...byName.keys()].filter((name) => byName.get(name) !== '').sort(compareText);
  const flat: string[] = [];
  for (const name of names) flat.push(name, byName.get(name)!);
  return flat as unknown as Labels;
}

export function labelsFromObject(object: Readonly<Record<string, string>>): Labels {
  return labelsFrom(Object.entries(object));
}

/** Takes a flat list that the caller has built sorted, unique and without empty values. */
export function labelsFromSorted(flat: readonly string[]): Labels {
  return flat as unknown as Labels;
}

/** The value of a label, or '' when it is absent. */
export function labelValue(labels: Labels, name: string): string {
  for (let i = 0; i < labels.length; i += 2) if (labels[i] === name) return labels[i + 1]!;
  return '';
}

export function* labelPairs(labels: Labels): Generator<[string, string]> {
  for (let i = 0; i < labels.length; i += 2) yield [labels[i]!, labels[i + 1]!];
}

export function labelsToObject(labels: Labels): Record<string, string> {
  return Object.fromEntries(labelPairs(labels));
}

/** A key that is equal exactly when the labels are: U+00FF cannot be confused because every part is length-prefixed. */
export function labelsKey(labels: Labels): string {
  let key = '';
  for (const part of labels) key += `${part.length}:${part}`;
  return key;
}

/** Label order: name by name, value by value, by UTF-8 bytes; a shorter list that is a prefix comes first. */
export function compareLabels(a: Labels, b: Labels): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    if (a[i] === b[i]) continue;
    return compareText(a[i]!, b[i]!);
  }
  return a.length - b.length;
}

/** `{a="b", ...}` with the metric name in front, as Prometheus prints a series. Names that need it are quoted. */
export function printLabels(labels: Labels): string {
  const name = labelValue(labels, METRIC_NAME);
  const bare = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
  const parts: string[] = [];
  if (name !== '' && !bare) parts.push(quoteText(name));
  for (const [label, value] of labelPairs(labels)) {
    if (label === METRIC_NAME) continue;
    parts.push(`${/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) ? label : quoteText(label)}=${quoteText(value)}`);
  }
  if (parts.length === 0) return bare ? name : '{}';
  return `${bare ? name : ''}{${parts.join(', ')}}`;
}

/** What is printed as itself outside ASCII: letters, marks, numbers, punctuation, symbols; no spaces. */
const PRINTABLE: RegExp = /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u;

/** Double quotes with the escapes that Go's `strconv.Quote` uses for the characters that must be escaped. */
export function quoteText(text: string): string {
  let out = '"';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (char === '"' || char === '\\') out += `\\${char}`;
    else if (char === '\n') out += '\\n';
    else if (char === '\r') out += '\\r';
    else if (char === '\t') out += '\\t';
    else if (char === '\u0007') out += '\\a';
    else if (char === '\b') out += '\\b';
    else if (char === '\f') out += '\\f';
    else if (char === '\v') out += '\\v';
    // A byte that belongs to no character, in a string literal of a query.
    else if (code >= 0xdc80 && code <= 0xdcff) out += `\\x${(code - 0xdc00).toString(16)}`;
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (code >= 0x80 && !PRINTABLE.test(char))
      out +=
        code < 0x10000
          ? `\\u${code.toString(16).padStart(4, '0')}`
          : `\\U${code.toString(16).padStart(8, '0')}`;
    else out += char;
  }
  return `${out}"`;
}
