// prometheus.yml: what is scraped, how and how often.
import {
  decode,
  list,
  object,
  optional,
  problemAt,
  readDocuments,
  refine,
  string,
  withDefault,
  type Decoder,
} from '@munjigi/document';
import { EnvError, type Files } from '@munjigi/env';
import { decodeUtf8, hasErrors, labelsFrom, type Labels, type Problem } from '@munjigi/model';
import { globalConfig, type GlobalConfig } from './global.ts';
import { finishJob, scrapeConfig, type ScrapeConfig, type WrittenJob } from './scrape.ts';
import { laterSections, otlp, type OtlpConfig } from './sections.ts';
import { NOTHING_SAID, storage, type StorageConfig } from './storage.ts';

export interface PrometheusConfig {
  readonly global: GlobalConfig;
  /** Of this file and of `scrape_config_files`, in order. */
  readonly scrape_configs: readonly ScrapeConfig[];
  /** Paths or patterns, relative ones from `dir`. */
  readonly rule_files: readonly string[];
  readonly storage: StorageConfig;
  /** The folder of the file. */
  readonly dir: string;
}

export interface ParsedConfig {
  /** null when there is an error. */
  readonly config: PrometheusConfig | null;
  readonly problems: Problem[];
}

export interface ParseOptions {
  /** For `scrape_config_files`; without it they are an error. */
  readonly files?: Files;
  /** What `${NAME}` stands for in external labels (environment variables); without it they stay as they are. */
  readonly variables?: (name: string) => string | undefined;
}

interface Written {
  readonly global: GlobalConfig;
  readonly scrape_configs: readonly WrittenJob[];
  readonly scrape_config_files: readonly string[];
  readonly rule_files: readonly string[];
  readonly storage: StorageConfig;
  readonly otlp: OtlpConfig | undefined;
}

const pathPattern: Decoder<string> = refine(string({ nonEmpty: true }), (path, report) =>
  /^[^*]*(\*[^/]*)?$/.test(path)
    ? path
    : report(`invalid path ${JSON.stringify(path)}: * may stand in its last element only`),
);

const DEFAULT_GLOBAL: GlobalConfig = decode({ kind: 'map', entries: [], line: 1, column: 1 }, globalConfig, {
  file: '',
}).value!;

const document: Decoder<Written> = object(
  {
    ...laterSections,
    global: withDefault(globalConfig, DEFAULT_GLOBAL),
    scrape_configs: withDefault(list(scrapeConfig), []),
    scrape_config_files: withDefault(list(pathPattern), []),
    rule_files: withDefault(list(pathPattern), []),
    storage: withDefault(storage, NOTHING_SAID),
    otlp: optional(otlp),
  },
  {
    check: (value, report) => {
      const strategy = value.otlp?.translation_strategy ?? '';
      if (value.global.metric_name_validation_scheme === 'legacy' && strategy.startsWith('No')) {
        report.error('otlp', `translation_strategy ${strategy} needs metric_name_validation_scheme: utf8`);
      }
    },
  },
);

const jobFile: Decoder<{ readonly scrape_configs: readonly WrittenJob[] }> = object({
  scrape_configs: withDefault(list(scrapeConfig), []),
});

/** Reads and checks a prometheus.yml as Prometheus does; what is not supported here is a warning, or an error where neglect would be dangerous. */
export function parsePrometheusConfig(file: string, text: string, options: ParseOptions = {}): ParsedConfig {
  const { value, problems } = read(file, text, document, EMPTY);
  if (value === undefined) return { config: null, problems };
  const dir = folderOf(file);
  const jobs: { job: WrittenJob; dir: string }[] = value.scrape_configs.map((job) => ({ job, dir }));
  for (const pattern of value.scrape_config_files) {
    for (const path of matching(pattern, dir, options.files, file, problems)) {
      const more = readJobFile(path, options.files!, problems);
      for (const job of more) jobs.push({ job, dir: folderOf(path) });
    }
  }
  const scrape_configs: ScrapeConfig[] = [];
  const names = new Map<string, WrittenJob>();
  for (const { job, dir: from } of jobs) {
    const finished = finishJob(job, value.global, from);
    problems.push(...finished.problems);
    scrape_configs.push(finished.config);
    if (names.has(job.job_name)) {
      problems.push(
        problemAt(
          job,
          'error',
          `found multiple scrape configs with job name ${JSON.stringify(job.job_name)}`,
          'job_name',
        ),
      );
    }
    names.set(job.job_name, job);
  }
  if (hasErrors(problems)) return { config: null, problems };
  const external_labels = expand(value.global.external_labels, options.variables);
  const global = { ...value.global, external_labels };
  return {
    config: { global, scrape_configs, rule_files: value.rule_files, storage: value.storage, dir },
    problems,
  };
}

const EMPTY: Written = decode({ kind: 'map', entries: [], line: 1, column: 1 }, document, {
  file: '',
}).value!;

function read<T>(
  file: string,
  text: string,
  decoder: Decoder<T>,
  empty: T,
): { value: T | undefined; problems: Problem[] } {
  const { documents, problems } = readDocuments(file, text);
  const first = documents[0];
  if (first === undefined) return { value: hasErrors(problems) ? undefined : empty, problems };
  const second = documents[1];
  if (second !== undefined) {
    const message = 'only the first document of a file is read: this one is ignored';
    problems.push({
      severity: 'warning',
      file,
      line: second.line,
      column: second.column,
      field: '',
      message,
    });
  }
  const decoded = decode(first, decoder, { file });
  const all = [...problems, ...decoded.problems];
  return { value: hasErrors(all) ? undefined : decoded.value, problems: all };
}

function readJobFile(path: string, files: Files, problems: Problem[]): readonly WrittenJob[] {
  let bytes: Uint8Array;
  try {
    bytes = files.readFile(path);
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    problems.push({
      severity: 'error',
      file: path,
      line: 0,
      column: 0,
      field: '',
      message: `cannot be read: ${error.message}`,
    });
    return [];
  }
  const { value, problems: more } = read(path, decodeUtf8(bytes, 0, bytes.length), jobFile, {
    scrape_configs: [],
  });
  problems.push(...more);
  return value?.scrape_configs ?? [];
}

/** The files of one pattern, in order. A pattern may match none; a plain path must exist when it is read. */
function matching(
  pattern: string,
  dir: string,
  files: Files | undefined,
  file: string,
  problems: Problem[],
): string[] {
  const path = pattern.startsWith('/') || dir === '' ? pattern : `${dir}/${pattern}`;
  if (files === undefined) {
    problems.push({
      severity: 'error',
      file,
      line: 0,
      column: 0,
      field: 'scrape_config_files',
      message: 'other files cannot be read here',
    });
    return [];
  }
  const slash = path.lastIndexOf('/');
  const folder = slash < 0 ? '.' : path.slice(0, slash) || '/';
  const name = path.slice(slash + 1);
  if (!/[*?[]/.test(name)) return files.stat(path) === null ? [] : [path];
  const source = name
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  try {
    const matches = new RegExp(`^${source}$`);
    return files
      .list(folder)
      .filter((entry) => entry.kind === 'file' && matches.test(entry.name))
      .map((entry) => (slash < 0 ? entry.name : `${path.slice(0, slash)}/${entry.name}`))
      .sort();
  } catch (error) {
    if (error instanceof EnvError) return [];
    throw error;
  }
}

/** `$NAME`, `${NAME}` and `$$` in the values, as Go's `os.Expand`. */
function expand(labels: Labels, variables: ParseOptions['variables']): Labels {
  if (variables === undefined) return labels;
  const pairs: [string, string][] = [];
  for (let i = 0; i < labels.length; i += 2) {
    const value = labels[i + 1]!.replace(
      /\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*)|(\$))/g,
      (_, braced?: string, bare?: string, dollar?: string) =>
        dollar !== undefined ? '$' : (variables(braced ?? bare!) ?? ''),
    );
    pairs.push([labels[i]!, value]);
  }
  return labelsFrom(pairs);
}

function folderOf(file: string): string {
  const slash = file.lastIndexOf('/');
  return slash < 0 ? '' : slash === 0 ? '/' : file.slice(0, slash);
}
