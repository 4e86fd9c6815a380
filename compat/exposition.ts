// Public pages of metrics: what is valid reads without an error, and the same again when it is predicted; what the grammar forbids is refused.
// OpenMetrics' cases about the meaning of families (grouping, bucket order, ...) are read as Prometheus reads them: they are accepted.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScrapeParser, type Format } from '@munjigi/exposition';

/** Cases that are wrong in what they mean, not in how they are written. */
const MEANING =
  /^bad_(?:clashing_names|counter_values|exemplar|grouping_or_ordering|histograms|info_and_stateset|metadata_in_wrong_place|missing_or_invalid_labels|repeated_metadata|stateset_info|unit_[67]|missing_or_extra_commas_2)/;

export function run(dataDir: string): Promise<{ passed: number; failures: string[] }> {
  const dir = join(dataDir, 'metrics/exposition');
  const failures: string[] = [];
  let passed = 0;
  const verdict = (failure: string): void => {
    if (failure === '') passed++;
    else failures.push(failure);
  };
  for (const path of pages(dir))
    verdict(judge(join(dir, path), path.includes('.om') ? 'openmetrics' : 'text', true));
  const cases = join(dir, 'openmetrics-parsers');
  for (const name of readdirSync(cases).sort()) {
    const { file, shouldParse } = JSON.parse(readFileSync(join(cases, name, 'test.json'), 'utf8')) as {
      file: string;
      shouldParse: boolean;
    };
    if (!shouldParse && MEANING.test(name)) continue;
    verdict(judge(join(cases, name, file), 'openmetrics', shouldParse));
  }
  return Promise.resolve({ passed, failures });
}

function pages(dir: string): string[] {
  const found = ['expfmt/text'];
  for (const folder of ['textparse', 'node_exporter']) {
    for (const name of readdirSync(join(dir, folder))) {
      if (/\.(?:prom|om|om1)\.txt$|^e2e-output/.test(name)) found.push(`${folder}/${name}`);
    }
  }
  return found;
}

function judge(path: string, format: Format, valid: boolean): string {
  const page = readFileSync(path);
  const parser = new ScrapeParser();
  parser.parse(page, format);
  const first = parser.errors[0];
  if (!valid) return first === undefined ? `${path}: should be refused` : '';
  if (first !== undefined) return `${path}:${first.line}: ${first.message}`;
  const before = [parser.n, ...new Uint32Array(parser.v.slice(0, parser.n).buffer)].join();
  const entries = parser.entry.slice(0, parser.n).join();
  parser.parse(page, format);
  const after = [parser.n, ...new Uint32Array(parser.v.slice(0, parser.n).buffer)].join();
  if (after !== before || entries !== parser.entry.slice(0, parser.n).join())
    return `${path}: another page when predicted`;
  return parser.misses === 0 ? '' : `${path}: ${parser.misses} lines were not predicted`;
}
