// Problems of a translation: what is found once everything has been read, at the place of the object it is about.
import { childOf, type Decoder, type Node, type Place } from '@munjigi/document';
import type { Problem } from '@munjigi/model';

/** The root of a document, to find the places of its fields again. */
export interface Rooted {
  readonly file: string;
  readonly node: Node;
}

export class Problems {
  readonly all: Problem[] = [];
  /** By file, in the order of the text. */
  readonly #roots = new Map<string, Node[]>();

  constructor(documents: readonly Rooted[]) {
    for (const { file, node } of documents) {
      const known = this.#roots.get(file);
      if (known === undefined) this.#roots.set(file, [node]);
      else known.push(node);
    }
    for (const nodes of this.#roots.values()) nodes.sort((a, b) => a.line - b.line || a.column - b.column);
  }

  /** `field` is below the place's own. */
  error(at: Place, field: string, message: string): void {
    this.#add('error', at, field, message);
  }

  warn(at: Place, field: string, message: string): void {
    this.#add('warning', at, field, message);
  }

  /** Where the field stands, or as much of its path as there is. */
  locate(at: Place, field: string): Place {
    const path = field === '' ? at.field : at.field === '' ? field : `${at.field}.${field}`;
    let node = this.#rootOf(at);
    for (const [, key, index] of path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
      const child =
        node === null ? null : key === undefined ? itemOf(node, Number(index)) : childOf(node, key);
      if (child === null) break;
      node = child;
    }
    const isDeeper =
      node !== null && (node.line > at.line || (node.line === at.line && node.column > at.column));
    const { line, column } = node !== null && isDeeper ? node : at;
    return { file: at.file, line, column, field: path };
  }

  #add(severity: Problem['severity'], at: Place, field: string, message: string): void {
    this.all.push({ severity, ...this.locate(at, field), message });
  }

  /** The last document of the file that begins before the place. */
  #rootOf(at: Place): Node | null {
    const roots = this.#roots.get(at.file) ?? [];
    let from = 0;
    let to = roots.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const root = roots[middle]!;
      if (root.line > at.line || (root.line === at.line && root.column > at.column)) to = middle;
      else from = middle + 1;
    }
    return roots[from - 1] ?? null;
  }
}

function itemOf(node: Node, index: number): Node | null {
  return node.kind === 'list' ? (node.items[index] ?? null) : null;
}

export function printPlace(at: Place): string {
  return `${at.file}:${at.line}:${at.column}`;
}

/** Warns when a value is one that has no effect here; `judge` says why, or null. */
export function warned<T>(decoder: Decoder<T>, judge: (value: T) => string | null): Decoder<T> {
  return (node, context) => {
    const value = decoder(node, context);
    const message = value === undefined ? null : judge(value);
    if (message !== null) context.warn(node, message);
    return value;
  };
}

/** Refuses a value that would open what it should close. */
export function judged<T>(decoder: Decoder<T>, judge: (value: T) => string | null): Decoder<T> {
  return (node, context) => {
    const value = decoder(node, context);
    const message = value === undefined ? null : judge(value);
    return message === null ? value : context.error(node, message);
  };
}
