// What a regular expression's matches are made of, as far as that is known without an engine. A node stands for a set of texts; when a
// node is not exact it stands for more texts than the expression matches, never for fewer.

export type Node =
  | { readonly kind: 'texts'; readonly texts: readonly string[] }
  /** Any one character. */
  | { readonly kind: 'any' }
  /** `.*` (0) and `.+` (1). */
  | { readonly kind: 'gap'; readonly min: 0 | 1 }
  /** One after another; neighbours that could be one node are one. */
  | { readonly kind: 'cat'; readonly nodes: readonly Node[] }
  | { readonly kind: 'alt'; readonly nodes: readonly Node[] }
  /** Something that begins with the node, or (empty) nothing. */
  | { readonly kind: 'repeat'; readonly node: Node; readonly empty: boolean };

/** Products of texts grow fast, unions only as the expression does. */
const MAX_PRODUCT = 256;
/** Of the texts of a product together, so that long ones are not written again and again. */
const MAX_PRODUCT_CHARS = 65_536;
const MAX_UNION = 4096;
export const MAX_PREFIXES = 64;
const MAX_PREFIX_CHARS = 64;

export const ANY: Node = { kind: 'any' };
export const NOTHING: Node = { kind: 'texts', texts: [''] };

export function textsNode(texts: readonly string[]): Node {
  return { kind: 'texts', texts };
}

export function cat(parts: readonly Node[]): Node {
  const nodes: Node[] = [];
  for (const part of parts) for (const node of part.kind === 'cat' ? part.nodes : [part]) push(nodes, node);
  if (nodes.length === 0) return NOTHING;
  return nodes.length === 1 ? nodes[0]! : { kind: 'cat', nodes };
}

function push(nodes: Node[], node: Node): void {
  const last = nodes.at(-1);
  if (node.kind === 'texts') {
    if (node.texts.length === 1 && node.texts[0] === '') return;
    if (last?.kind === 'texts' && isSmallProduct(last.texts, node.texts)) {
      nodes[nodes.length - 1] = textsNode(product(last.texts, node.texts));
      return;
    }
  }
  if (node.kind === 'gap' && last?.kind === 'gap' && (node.min === 0 || last.min === 0)) {
    nodes[nodes.length - 1] = { kind: 'gap', min: node.min === 1 || last.min === 1 ? 1 : 0 };
    return;
  }
  nodes.push(node);
}

export function alt(parts: readonly Node[]): Node {
  if (parts.length === 1) return parts[0]!;
  const nodes: Node[] = [];
  let union = new Set<string>();
  const close = (): void => {
    if (union.size > 0) nodes.push(textsNode([...union]));
    union = new Set();
  };
  for (const part of parts)
    for (const node of part.kind === 'alt' ? part.nodes : [part]) {
      if (node.kind !== 'texts') {
        nodes.push(node);
        continue;
      }
      if (union.size + node.texts.length > MAX_UNION) close();
      for (const text of node.texts) union.add(text);
    }
  close();
  return nodes.length === 1 ? nodes[0]! : { kind: 'alt', nodes };
}

/** The node min to max times (max may be Infinity). */
export function repeat(node: Node, min: number, max: number): Node {
  if (max === 0) return NOTHING;
  if (node.kind === 'texts') {
    if (node.texts.length === 1 && node.texts[0] === '') return NOTHING;
    const texts = max === Infinity ? null : powers(node.texts, min, max);
    if (texts !== null) return textsNode(texts);
  }
  if (node.kind === 'any' && max === Infinity && min <= 1) return { kind: 'gap', min: min === 0 ? 0 : 1 };
  if (min === 1 && max === 1) return node;
  return { kind: 'repeat', node, empty: min === 0 };
}

/** Texts of min to max repetitions; null: too many. */
function powers(texts: readonly string[], min: number, max: number): string[] | null {
  let power: readonly string[] = [''];
  const all = new Set<string>();
  for (let n = 0; n <= max; n++) {
    if (n >= min) for (const text of power) all.add(text);
    if (all.size > MAX_PRODUCT || all.size * power[0]!.length > MAX_PRODUCT_CHARS) return null;
    if (n === max) break;
    if (!isSmallProduct(power, texts) || power[0]!.length > MAX_PRODUCT_CHARS) return null;
    power = product(power, texts);
  }
  return [...all];
}

/** One text after one other is no product: it only grows. */
function isSmallProduct(a: readonly string[], b: readonly string[]): boolean {
  const count = a.length * b.length;
  return count === 1 || (count <= MAX_PRODUCT && count * (longest(a) + longest(b)) <= MAX_PRODUCT_CHARS);
}

function longest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, text.length), 0);
}

function product(a: readonly string[], b: readonly string[]): string[] {
  if (a.length === 1 && b.length === 1) return [a[0]! + b[0]!];
  const all = new Set<string>();
  for (const head of a) for (const tail of b) all.add(head + tail);
  return [...all];
}

/** Every text of the node begins with one of these, none of which begins with another; empty: nothing is known. */
export function prefixesOf(node: Node): string[] {
  const all = apart(beginnings(node));
  let found = all;
  if (all.length > MAX_PREFIXES) {
    // As many characters of each as leave few enough different ones.
    found = [''];
    let [few, many] = [0, MAX_PREFIX_CHARS];
    while (few + 1 < many) {
      const length = (few + many) >> 1;
      const cut = apart(all.map((text) => firstChars(text, length)));
      if (cut.length > MAX_PREFIXES) many = length;
      else [few, found] = [length, cut];
    }
  }
  return found[0] === '' ? [] : found;
}

function firstChars(text: string, n: number): string {
  let at = 0;
  for (let i = 0; i < n && at < text.length; i++) at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  return text.slice(0, at);
}

/** Beginnings of all texts of the node; '' where nothing is known. */
function beginnings(node: Node): readonly string[] {
  switch (node.kind) {
    case 'texts':
      return node.texts;
    case 'any':
    case 'gap':
      return [''];
    case 'repeat':
      return node.empty ? [''] : beginnings(node.node);
    case 'alt':
      return node.nodes.flatMap(beginnings);
    case 'cat': {
      let found: readonly string[] = [''];
      for (const part of node.nodes) {
        const next = beginnings(part);
        if (found.length > 1 && found.length * next.length > MAX_PREFIXES) break;
        found = product(found, next);
        if (part.kind !== 'texts') break;
      }
      return found;
    }
  }
}

/** Sorted, without those that begin with another. */
export function apart(texts: readonly string[]): string[] {
  const kept: string[] = [];
  for (const text of texts.toSorted())
    if (kept.length === 0 || !text.startsWith(kept.at(-1)!)) kept.push(text);
  return kept;
}

/** A text that every text of the node contains, the longest that is easily found; '' when there is none. */
export function containedIn(node: Node): string {
  let found = '';
  for (const part of node.kind === 'cat' ? node.nodes : [node])
    if (part.kind === 'texts' && part.texts.length === 1 && part.texts[0]!.length > found.length)
      found = part.texts[0]!;
  return found;
}
