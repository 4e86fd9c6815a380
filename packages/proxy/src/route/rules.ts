// The ordered rules of one virtual host. Few rules are tried one by one on the path's bytes; many are found through maps from paths to
// the numbers of the rules that ask for them, and the lowest number that holds wins: the same answer, without a walk over all.
import { equalsBytes, equalsIgnoringCase, latin1, textOf } from '../http1/bytes.ts';
import type { Head } from '../http1/head.ts';
import type { HeaderMatch, RouteMatch } from '../snapshot.ts';
import { normalPath } from './path.ts';

const ANY = 0;
const EXACT = 1;
const PREFIX = 2;
const STRING_PREFIX = 3;

/** Up to this many rules a walk is cheaper than the maps. */
const WALK_RULES = 12;

interface Rule<R> {
  readonly route: R;
  readonly kind: number;
  /** Normal form; a prefix without its last slash. */
  readonly value: Uint8Array;
  readonly methods: readonly Uint8Array[] | null;
  readonly headers: readonly CompiledHeader[];
}

interface CompiledHeader {
  readonly name: Uint8Array;
  readonly kind: HeaderMatch['kind'];
  readonly values: readonly Uint8Array[];
  readonly ignoreCase: boolean;
}

export class Rules<R> {
  /** Length of the prefix that the last `find` matched, in the path's normal form; what `replacePrefix` replaces. */
  matched = 0;
  readonly #rules: readonly Rule<R>[];
  readonly #any: number[] = [];
  readonly #exact = new Map<string, number[]>();
  readonly #prefix = new Map<string, number[]>();
  readonly #string = new Map<string, number[]>();
  readonly #lengths: number[];

  constructor(routes: readonly { readonly route: R; readonly matches: readonly RouteMatch[] }[]) {
    this.#rules = routes.flatMap(({ route, matches }) =>
      matches.length === 0
        ? [{ route, kind: ANY, value: latin1(''), methods: null, headers: [] }]
        : matches.map((m) => compile(route, m)),
    );
    const lengths = new Set<number>();
    if (this.#rules.length > WALK_RULES)
      this.#rules.forEach(({ kind, value }, i) => {
        const key = textOf(value, 0, value.length);
        if (kind === ANY || (kind !== EXACT && value.length === 0)) this.#any.push(i);
        else
          listOf(kind === EXACT ? this.#exact : kind === PREFIX ? this.#prefix : this.#string, key).push(i);
        if (kind === STRING_PREFIX && value.length > 0) lengths.add(value.length);
      });
    this.#lengths = [...lengths].sort((a, b) => a - b);
  }

  /** The route of the first rule that the request fulfils; path is the normal form in p[from..to), the head lies in b. */
  find(p: Uint8Array, from: number, to: number, b: Uint8Array, h: Head): R | null {
    const rules = this.#rules;
    let best = -1;
    if (rules.length <= WALK_RULES) {
      for (let i = 0; i < rules.length && best < 0; i++)
        if (pathHolds(rules[i]!, p, from, to) && restHolds(rules[i]!, b, h)) best = i;
    } else best = this.#look(p, from, to, b, h);
    if (best < 0) return null;
    const rule = rules[best]!;
    this.matched = rule.kind === EXACT ? to - from : rule.value.length;
    return rule.route;
  }

  #look(p: Uint8Array, from: number, to: number, b: Uint8Array, h: Head): number {
    const path = textOf(p, from, to);
    let best = this.#first(this.#any, Infinity, b, h);
    best = this.#first(this.#exact.get(path), best, b, h);
    for (const length of this.#lengths) {
      if (length > path.length) break;
      best = this.#first(this.#string.get(path.slice(0, length)), best, b, h);
    }
    if (this.#prefix.size > 0) {
      best = this.#first(this.#prefix.get(path), best, b, h);
      for (let i = path.lastIndexOf('/'); i > 0; i = path.lastIndexOf('/', i - 1))
        best = this.#first(this.#prefix.get(path.slice(0, i)), best, b, h);
    }
    return best === Infinity ? -1 : best;
  }

  /** The lowest of `candidates` (ascending) below `best` whose methods and headers hold; else `best`. */
  #first(candidates: readonly number[] | undefined, best: number, b: Uint8Array, h: Head): number {
    if (candidates === undefined) return best;
    for (const i of candidates) {
      if (i >= best) return best;
      if (restHolds(this.#rules[i]!, b, h)) return i;
    }
    return best;
  }
}

function listOf(map: Map<string, number[]>, key: string): number[] {
  let list = map.get(key);
  if (list === undefined) map.set(key, (list = []));
  return list;
}

function compile<R>(route: R, m: RouteMatch): Rule<R> {
  const path = m.path === null ? '' : normalPath(m.path.value);
  return {
    route,
    kind: m.path === null ? ANY : { exact: EXACT, prefix: PREFIX, stringPrefix: STRING_PREFIX }[m.path.kind],
    value: latin1(m.path?.kind === 'prefix' && path.endsWith('/') ? path.slice(0, -1) : path),
    methods: m.methods === null ? null : m.methods.map(latin1),
    headers: m.headers.map((h) => ({
      name: latin1(h.name),
      kind: h.kind,
      values: h.values.map((v) => Buffer.from(v, 'utf8')),
      ignoreCase: h.ignoreCase ?? false,
    })),
  };
}

function startsWith(p: Uint8Array, from: number, to: number, value: Uint8Array): boolean {
  return to - from >= value.length && equalsBytes(p, from, from + value.length, value);
}

function pathHolds(rule: Rule<unknown>, p: Uint8Array, from: number, to: number): boolean {
  const { kind, value } = rule;
  if (kind === ANY) return true;
  if (kind === EXACT) return equalsBytes(p, from, to, value);
  if (!startsWith(p, from, to, value)) return false;
  return kind === STRING_PREFIX || to - from === value.length || p[from + value.length] === 47;
}

function restHolds(rule: Rule<unknown>, b: Uint8Array, h: Head): boolean {
  const { methods, headers } = rule;
  if (methods !== null && !methods.some((m) => equalsBytes(b, h.start, h.methodTo, m))) return false;
  return headers.every((m) => headerHolds(m, b, h));
}

/** Repeated headers: any of the lines may hold. */
function headerHolds(m: CompiledHeader, b: Uint8Array, h: Head): boolean {
  for (let i = h.find(b, m.name, 0); i >= 0; i = h.find(b, m.name, i + 1)) {
    const from = h.offsets[4 * i + 2]!;
    const to = h.offsets[4 * i + 3]!;
    if (m.kind === 'present') return true;
    for (const value of m.values) {
      const end = m.kind === 'exact' ? to : Math.min(to, from + value.length);
      if (m.ignoreCase ? equalsIgnoringCase(b, from, end, value) : equalsBytes(b, from, end, value))
        return true;
    }
  }
  return false;
}
