// file_sd: groups from JSON and YAML files that other programs write. Files are read again when their directory changes, and in any case
// after the refresh interval. A file that cannot be used keeps its own last good groups and says why.
import {
  decode,
  duration,
  list,
  object,
  readDocuments,
  refine,
  required,
  string,
  withDefault,
  type Decoder,
} from '@munjigi/document';
import { EnvError, type Env, type Timer } from '@munjigi/env';
import { decodeUtf8, hasErrors, labelsFromObject, type Problem } from '@munjigi/model';
import { groupOf, staticConfig, type StaticConfig, type TargetGroup } from './group.ts';

export interface FileConfig {
  /** Paths; the last element may hold `*` and `?`. Relative ones start from the configuration file's directory. */
  readonly files: readonly string[];
  readonly refresh_interval: number;
}

const NAME = /^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$/;

export const fileConfig: Decoder<FileConfig> = object({
  files: required(
    list(
      refine(string(), (path, report) =>
        NAME.test(path)
          ? path
          : report(
              `path name ${JSON.stringify(path)} must end in .json, .yml or .yaml, with * in its last element at most`,
            ),
      ),
      { min: 1 },
    ),
  ),
  refresh_interval: withDefault(duration(), 300_000),
});

/** Bytes of one file. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** Several events of one change are one reading. */
const SETTLE_MS = 50;

/** Files that one file_sd configuration has found, as they were last good. */
export class FileDiscovery {
  readonly #env: Env;
  readonly #config: FileConfig;
  readonly #dir: string;
  readonly #changed: () => void;
  readonly #good = new Map<string, readonly TargetGroup[]>();
  readonly #problems = new Map<string, readonly Problem[]>();
  readonly #watches = new Map<string, { close(): void }>();
  #settling: Timer | null = null;
  readonly #refresh: Timer;

  /** Reads the files at once; `changed` is called after later readings. `dir`: where relative paths start. */
  constructor(env: Env, config: FileConfig, dir: string, changed: () => void) {
    this.#env = env;
    this.#config = config;
    this.#dir = dir;
    this.#changed = changed;
    this.#read();
    this.#refresh = env.clock.every(config.refresh_interval, () => this.#again());
  }

  groups(): TargetGroup[] {
    return [...this.#good.values()].flat();
  }

  problems(): Problem[] {
    return [...this.#problems.values()].flat();
  }

  close(): void {
    this.#refresh.cancel();
    this.#settling?.cancel();
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }

  #again(): void {
    this.#read();
    this.#changed();
  }

  #settle(): void {
    if (this.#settling !== null) return;
    this.#settling = this.#env.clock.after(SETTLE_MS, () => {
      this.#settling = null;
      this.#again();
    });
  }

  #read(): void {
    const found = new Set<string>();
    for (const pattern of this.#config.files) {
      const path = pattern.startsWith('/') ? pattern : join(this.#dir, pattern);
      const slash = path.lastIndexOf('/');
      const dir = slash < 0 ? '.' : path.slice(0, slash) || '/';
      this.#watch(dir);
      for (const name of this.#match(dir, path.slice(slash + 1)))
        found.add(slash < 0 ? name : `${path.slice(0, slash)}/${name}`);
    }
    for (const path of found) this.#readFile(path);
    for (const path of [...this.#good.keys(), ...this.#problems.keys()]) {
      if (found.has(path)) continue;
      this.#good.delete(path);
      this.#problems.delete(path);
    }
  }

  #match(dir: string, name: string): string[] {
    const { files } = this.#env;
    try {
      if (!/[*?]/.test(name)) return files.stat(join(dir, name)) === null ? [] : [name];
      const pattern = globPattern(name);
      return files
        .list(dir)
        .filter((entry) => entry.kind === 'file' && pattern.test(entry.name))
        .map((entry) => entry.name)
        .sort();
    } catch (error) {
      if (error instanceof EnvError) return [];
      throw error;
    }
  }

  #readFile(path: string): void {
    const { groups, problems } = readGroups(this.#env, path);
    if (groups !== null) this.#good.set(path, groups);
    const before = this.#problems.get(path) ?? [];
    if (problems.length === 0) this.#problems.delete(path);
    else this.#problems.set(path, problems);
    // A file that stays bad is not told of again at each reading.
    const first = problems[0];
    if (first !== undefined && first.message !== before[0]?.message) {
      this.#env.log.warn('discovery file has problems, its last good groups stay', {
        file: path,
        line: first.line,
        problem: first.message,
      });
    }
  }

  /** Events only hasten what the refresh interval does anyway, so a directory that cannot be watched yet is tried again then. */
  #watch(dir: string): void {
    if (this.#watches.has(dir)) return;
    try {
      this.#watches.set(
        dir,
        this.#env.files.watch(dir, () => this.#settle()),
      );
    } catch (error) {
      if (!(error instanceof EnvError)) throw error;
    }
  }
}

/** The groups of one file, or null with the reasons. */
export function readGroups(env: Env, path: string): { groups: TargetGroup[] | null; problems: Problem[] } {
  const fail = (message: string): { groups: null; problems: Problem[] } => ({
    groups: null,
    problems: [{ severity: 'error', file: path, line: 0, column: 0, field: '', message }],
  });
  let bytes: Uint8Array;
  try {
    const size = env.files.stat(path)?.size ?? 0;
    if (size > MAX_FILE_BYTES) return fail(`has ${size} bytes, more than ${MAX_FILE_BYTES}`);
    bytes = env.files.readFile(path);
  } catch (error) {
    if (error instanceof EnvError) return fail(`cannot be read: ${error.message}`);
    throw error;
  }
  const { documents, problems } = readDocuments(path, decodeUtf8(bytes, 0, bytes.length));
  if (hasErrors(problems)) return { groups: null, problems };
  if (documents.length === 0) return { groups: [], problems };
  const decoded = decode(documents[0]!, FILE, { file: path });
  if (decoded.value === undefined) return { groups: null, problems: decoded.problems };
  const meta = labelsFromObject({ __meta_filepath: path });
  return {
    groups: decoded.value.map((config, i) => groupOf(`${path}:${i}`, config, meta)),
    problems: decoded.problems,
  };
}

const FILE: Decoder<StaticConfig[]> = list(staticConfig);

function join(dir: string, path: string): string {
  return dir === '' || dir === '.' ? path : `${dir}/${path}`;
}

function globPattern(name: string): RegExp {
  const source = name
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  return new RegExp(`^${source}$`);
}
