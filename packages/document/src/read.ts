// YAML and JSON text to Nodes: all problems at once, never an exception, with limits on size, depth and aliases.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type YAMLMap,
} from 'yaml';
import type { Problem } from '@munjigi/model';
import type { ListNode, MapEntry, MapNode, Node, Position, ScalarNode } from './node.ts';

export interface ReadLimits {
  /** UTF-16 units of text. */
  readonly maxLength: number;
  readonly maxDepth: number;
  /** Nodes of a file with every alias counted as often as it is used: what stops alias bombs. */
  readonly maxNodes: number;
}

export const READ_LIMITS: ReadLimits = {
  maxLength: 64 * 1024 * 1024,
  maxDepth: 200,
  maxNodes: 5_000_000,
};

/** Documents without syntax errors (empty ones left out), and everything that is wrong with the text. */
export interface ReadResult {
  readonly documents: readonly Node[];
  readonly problems: Problem[];
}

/** Reads all documents of a file. A document with a syntax error is left out, one with a duplicate key keeps the first. */
export function readDocuments(file: string, text: string, limits: ReadLimits = READ_LIMITS): ReadResult {
  const problems: Problem[] = [];
  const report = (at: Position, message: string): void => {
    problems.push({ severity: 'error', file, line: at.line, column: at.column, field: '', message });
  };
  const start = { line: 1, column: 1 };
  if (text.length > limits.maxLength) {
    report(start, `the file has ${text.length} characters, more than ${limits.maxLength}: split it`);
    return { documents: [], problems };
  }
  const lines = new LineCounter();
  let parsed: readonly Document.Parsed[];
  try {
    parsed = parseAllDocuments(text, {
      schema: 'failsafe',
      resolveKnownTags: false,
      uniqueKeys: false,
      prettyErrors: false,
      lineCounter: lines,
      logLevel: 'silent',
    });
  } catch (error) {
    // The library recurses: nesting beyond its stack is the only cause known, and a text must never end the program.
    report(start, `the text cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return { documents: [], problems };
  }
  const documents: Node[] = [];
  for (const document of parsed) {
    for (const error of document.errors) {
      if (problems.length < MAX_PROBLEMS) report(place(lines, error.pos[0]), sentence(error.message));
    }
    if (document.errors.length > 0 || document.contents === null) continue;
    const reader = new Reader(lines, limits, report);
    const { node } = reader.read(document.contents, 0, start);
    if (isEmptyDocument(node)) continue;
    if (!reader.failed) documents.push(node);
  }
  return { documents, problems };
}

const MAX_PROBLEMS = 100;

function isEmptyDocument(node: Node): boolean {
  return node.kind === 'scalar' && !node.quoted && node.text === '';
}

function place(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function sentence(message: string): string {
  const first = message.split('\n', 1)[0]!;
  return first.charAt(0).toLowerCase() + first.slice(1);
}

/** A node with how many nodes it stands for once its aliases are followed. */
interface Sized {
  readonly node: Node;
  readonly size: number;
}

class Reader {
  /** Set when the tree is not to be used at all. */
  failed = false;
  readonly #lines: LineCounter;
  readonly #limits: ReadLimits;
  readonly #report: (at: Position, message: string) => void;
  /** null: being read, so an alias to it would be a cycle. */
  readonly #anchors = new Map<string, Sized | null>();

  constructor(lines: LineCounter, limits: ReadLimits, report: (at: Position, message: string) => void) {
    this.#lines = lines;
    this.#limits = limits;
    this.#report = report;
  }

  read(value: unknown, depth: number, near: Position): Sized {
    const at = this.#placeOf(value, near);
    if (this.failed) return nothing(at);
    if (depth > this.#limits.maxDepth)
      return this.#fail(at, `nested deeper than ${this.#limits.maxDepth} levels`);
    if (isAlias(value)) return this.#alias(value.source, at);
    const anchor = isScalar(value) || isMap(value) || isSeq(value) ? value.anchor : undefined;
    if (anchor !== undefined) this.#anchors.set(anchor, null);
    const read = this.#readFresh(value, depth, at);
    if (anchor !== undefined) this.#anchors.set(anchor, read);
    if (read.size > this.#limits.maxNodes) {
      return this.#fail(at, `more than ${this.#limits.maxNodes} values once aliases are followed`);
    }
    return read;
  }

  #readFresh(value: unknown, depth: number, at: Position): Sized {
    if (isMap(value)) return this.#map(value, depth, at);
    if (isSeq(value)) {
      const items: Node[] = [];
      let size = 1;
      for (const item of value.items) {
        const read = this.read(item, depth + 1, at);
        items.push(read.node);
        size += read.size;
      }
      const node: ListNode = { kind: 'list', line: at.line, column: at.column, items };
      return { node, size };
    }
    if (isScalar(value)) return { node: this.#scalar(value, at), size: 1 };
    return nothing(at);
  }

  #scalar(value: { value: unknown; tag?: string; type?: string }, at: Position): ScalarNode {
    const { line, column } = at;
    const tag = value.tag === undefined ? '' : value.tag.replace(/^tag:yaml\.org,2002:/, '!!');
    if (!KNOWN_TAGS.has(tag)) this.#report(at, `the tag ${tag} is not supported: write the value without it`);
    const text = typeof value.value === 'string' ? value.value : '';
    const quoted =
      tag === '!!str' || tag === '!' || (tag === '' && value.type !== undefined && value.type !== 'PLAIN');
    return { kind: 'scalar', line, column, text, quoted };
  }

  #map(map: YAMLMap, depth: number, at: Position): Sized {
    const entries: MapEntry[] = [];
    const known = new Map<string, MapEntry>();
    const merges: { source: Node; at: Position }[] = [];
    let size = 1;
    for (const pair of map.items) {
      const keyAt = this.#placeOf(pair.key, at);
      if (isMap(pair.key) || isSeq(pair.key)) {
        this.#report(keyAt, 'a key must be text, not a list or a mapping');
        continue;
      }
      const key = this.read(pair.key, depth + 1, keyAt);
      const value = this.read(pair.value, depth + 1, keyAt);
      size += value.size + 1;
      if (key.node.kind !== 'scalar') {
        this.#report(keyAt, 'a key must be text, not a list or a mapping');
        continue;
      }
      const name = key.node.text;
      if (name === '<<' && !key.node.quoted) {
        merges.push({ source: value.node, at: keyAt });
        continue;
      }
      const before = known.get(name);
      if (before !== undefined) {
        this.#report(
          keyAt,
          `duplicate key ${JSON.stringify(name)}: it stands on line ${before.line} already`,
        );
        continue;
      }
      const entry = { key: name, value: value.node, line: keyAt.line, column: keyAt.column };
      known.set(name, entry);
      entries.push(entry);
    }
    for (const merge of merges) this.#merge(merge.source, merge.at, known, entries);
    const node: MapNode = { kind: 'map', line: at.line, column: at.column, entries };
    return { node, size };
  }

  /** `<<: *a` or `<<: [*a, *b]`: keys that are not there yet; what comes first wins. */
  #merge(source: Node, at: Position, known: Map<string, MapEntry>, entries: MapEntry[]): void {
    if (source.kind === 'scalar') {
      this.#report(at, '<< merges a mapping or a list of mappings');
      return;
    }
    const maps = source.kind === 'list' ? source.items : [source];
    for (const map of maps) {
      if (map.kind !== 'map') {
        this.#report(at, '<< merges a mapping or a list of mappings');
        continue;
      }
      for (const entry of map.entries) {
        if (known.has(entry.key)) continue;
        known.set(entry.key, entry);
        entries.push(entry);
      }
    }
  }

  #alias(name: string, at: Position): Sized {
    const target = this.#anchors.get(name);
    if (target === undefined) return this.#fail(at, `the alias *${name} has no anchor &${name} before it`);
    if (target === null) return this.#fail(at, `the alias *${name} stands inside its own anchor`);
    return target;
  }

  #fail(at: Position, message: string): Sized {
    if (!this.failed) this.#report(at, message);
    this.failed = true;
    return nothing(at);
  }

  #placeOf(value: unknown, near: Position): Position {
    const range = isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? value.range : null;
    return range === null || range === undefined ? near : place(this.#lines, range[0]);
  }
}

function nothing(at: Position): Sized {
  return { node: { kind: 'scalar', line: at.line, column: at.column, text: '', quoted: false }, size: 1 };
}

const KNOWN_TAGS: ReadonlySet<string> = new Set(['', '!', '!!str', '!!int', '!!float', '!!bool', '!!null']);
