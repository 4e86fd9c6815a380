// Reads folders of configuration: which files count, in which order, and how much of them is read at most.
import type { DirEntry, Files } from '@munjigi/env';
import type { Problem } from '@munjigi/model';

export interface SourceFile {
  /** As the user named the folder, with the path below it. */
  readonly path: string;
  readonly text: string;
}

export interface FolderLimits {
  readonly files: number;
  /** Of one file. */
  readonly fileBytes: number;
  readonly totalBytes: number;
  /** Folders within folders. */
  readonly depth: number;
}

export const FOLDER_LIMITS: FolderLimits = {
  files: 10_000,
  fileBytes: 16 * 1024 * 1024,
  totalBytes: 256 * 1024 * 1024,
  depth: 8,
};

export interface FolderContent {
  readonly files: readonly SourceFile[];
  readonly problems: readonly Problem[];
}

/**
 * All `*.yaml`, `*.yml` and `*.json` files of the folders (or the files themselves, when a path is a file's), each folder's sorted by name.
 * Hidden files and folders and what editors leave behind (`~`, `#`, `.swp`) are passed over.
 */
export function readFolders(
  files: Files,
  paths: readonly string[],
  limits: FolderLimits = FOLDER_LIMITS,
): FolderContent {
  const reader = new Reader(files, limits);
  for (const path of paths) reader.start(path);
  return { files: reader.found, problems: reader.problems };
}

class Reader {
  readonly found: SourceFile[] = [];
  readonly problems: Problem[] = [];
  readonly #files: Files;
  readonly #limits: FolderLimits;
  readonly #seen = new Set<string>();
  #bytes = 0;
  #full = false;

  constructor(files: Files, limits: FolderLimits) {
    this.#files = files;
    this.#limits = limits;
  }

  start(path: string): void {
    const kind = this.#kindOf(path);
    if (kind === 'dir') this.#folder(path, 0);
    else if (kind === 'file') this.#file(path);
    else this.#error(path, 'there is no such file or folder: create it or change gateway.sources.files');
  }

  #folder(path: string, depth: number): void {
    if (depth > this.#limits.depth) {
      this.#error(path, `folders are nested deeper than ${this.#limits.depth} levels: it is not read`);
      return;
    }
    let entries: DirEntry[];
    try {
      entries = this.#files.list(path);
    } catch (error) {
      this.#error(path, `the folder cannot be read: ${messageOf(error)}`);
      return;
    }
    for (const { name, kind } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (this.#full) return;
      if (isPassedOver(name)) continue;
      const child = path.endsWith('/') ? path + name : `${path}/${name}`;
      // 'other' may be a link, as Kubernetes mounts its ConfigMaps.
      const real = kind === 'other' ? this.#kindOf(child) : kind;
      if (real === 'dir') this.#folder(child, depth + 1);
      else if (real === 'file' && /\.(?:ya?ml|json)$/i.test(name)) this.#file(child);
    }
  }

  #file(path: string): void {
    if (this.#full || this.#seen.has(path)) return;
    this.#seen.add(path);
    if (this.found.length >= this.#limits.files) {
      this.#stop(path, `there are more than ${this.#limits.files} files: merge them or use several gateways`);
      return;
    }
    try {
      const size = this.#files.stat(path)?.size ?? 0;
      if (size > this.#limits.fileBytes) {
        this.#error(path, `the file has ${size} bytes, more than ${this.#limits.fileBytes}: split it`);
        return;
      }
      const bytes = this.#files.readFile(path);
      this.#bytes += bytes.length;
      if (this.#bytes > this.#limits.totalBytes) {
        this.#stop(path, `all files together have more than ${this.#limits.totalBytes} bytes`);
        return;
      }
      this.found.push({ path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) });
    } catch (error) {
      const text = error instanceof TypeError ? 'it is not UTF-8 text' : messageOf(error);
      this.#error(path, `the file cannot be read: ${text}`);
    }
  }

  #kindOf(path: string): DirEntry['kind'] | null {
    try {
      return this.#files.stat(path)?.kind ?? null;
    } catch {
      return null;
    }
  }

  #stop(path: string, message: string): void {
    this.#full = true;
    this.#error(path, message);
  }

  #error(file: string, message: string): void {
    this.problems.push({ severity: 'error', file, line: 0, column: 0, field: '', message });
  }
}

function isPassedOver(name: string): boolean {
  return name.startsWith('.') || name.startsWith('#') || /(?:~|\.swp|\.swx|\.tmp|\.bak)$/i.test(name);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
