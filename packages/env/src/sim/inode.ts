// What the simulated disk is made of. Every file and directory has two faces: what the process sees (the page cache), and what would still be
// there after the power went. Between them stand the changes since, which `sync` makes last and a power failure picks from.

export interface FileNode {
  readonly kind: 'file';
  readonly seen: Image;
  readonly lasting: Image;
  /** Since the last sync, in order. */
  changes: Change[];
  /** Changes ever made and changes made last: `sync` waits for a number. */
  changed: number;
  /** A sync failed: what it should have written is seen, but will never last. */
  forgotten: boolean;
  modified_ms: number;
  opens: number;
  /** Entries that lead here. */
  links: number;
}

export interface DirNode {
  readonly kind: 'dir';
  seen: Map<string, Node>;
  lasting: Map<string, Node>;
  modified_ms: number;
}

export type Node = FileNode | DirNode;

/** A write (bytes at a place) or a new size (bytes null). */
export interface Change {
  readonly at: number;
  readonly bytes: Uint8Array | null;
}

/** One atomic change of directories: each named entry is set or, with null, taken away. A rename sets two. */
export interface DirChange {
  readonly number: number;
  readonly sets: readonly { readonly dir: DirNode; readonly name: string; readonly node: Node | null }[];
}

export function newFile(now_ms: number): FileNode {
  return {
    kind: 'file',
    seen: new Image(),
    lasting: new Image(),
    changes: [],
    changed: 0,
    forgotten: false,
    modified_ms: now_ms,
    opens: 0,
    links: 0,
  };
}

export function newDir(now_ms: number): DirNode {
  return { kind: 'dir', seen: new Map(), lasting: new Map(), modified_ms: now_ms };
}

/** Bytes of a file; holes read as zeros. */
export class Image {
  #bytes = new Uint8Array(0);
  size = 0;

  /** What is there, as a view that the next write may make stale. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  write(b: Uint8Array, at: number): void {
    const end = at + b.length;
    if (b.length === 0) return;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2, 512));
      grown.set(this.view());
      this.#bytes = grown;
    }
    this.#bytes.set(b, at);
    if (end > this.size) this.size = end;
  }

  resize(size: number): void {
    if (size < this.size) this.#bytes.fill(0, size, this.size);
    else if (size > this.#bytes.length) {
      const grown = new Uint8Array(size);
      grown.set(this.view());
      this.#bytes = grown;
    }
    this.size = size;
  }

  become(other: Image): void {
    this.#bytes = other.view().slice();
    this.size = other.size;
  }

  apply(change: Change): void {
    if (change.bytes === null) this.resize(change.at);
    else this.write(change.bytes, change.at);
  }
}
