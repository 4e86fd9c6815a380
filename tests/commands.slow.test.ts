// The commands as they are typed: help, usage errors, exit codes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { killAll, munjigi, temporaryFolder } from './program.ts';

let folder: { path: string; remove(): void };
beforeAll(() => {
  folder = temporaryFolder();
  writeFileSync(join(folder.path, 'typo.yaml'), 'gatewy: {}\n');
  writeFileSync(join(folder.path, 'good.yaml'), 'metrics: {}\n');
  writeFileSync(join(folder.path, 'noscrape.yaml'), 'metrics: { config: ./nosuch.yml }\n');
  const script = (value: number): string => `load 1m\n  x 1 2\n\neval instant at 1m x\n  x ${value}\n`;
  writeFileSync(join(folder.path, 'good.test'), script(2));
  writeFileSync(join(folder.path, 'bad.test'), script(3));
  mkdirSync(join(folder.path, 'broken'));
  writeFileSync(join(folder.path, 'broken/wal'), 'x');
});
afterAll(async () => {
  await killAll();
  folder.remove();
});

const cases: readonly (readonly [args: string, code: number, printed: RegExp])[] = [
  ['version', 0, /^munjigi \d+\.\d+\.\d+ \(node 24\./],
  ['--version', 0, /^\d+\.\d+\.\d+/],
  ['help', 0, /up \[options\][\s\S]*check[\s\S]*promql[\s\S]*version/],
  ['--help', 0, /Usage: munjigi/],
  ['help up', 0, /Example[\s\S]*munjigi up --config munjigi\.yaml/],
  ['up --help', 0, /--config <file>[\s\S]*Example/],
  ['check --help', 0, /Example[\s\S]*munjigi check munjigi\.yaml/],
  ['promql query --help', 0, /Example[\s\S]*munjigi promql query/],
  ['promql explain --help', 0, /--analyze[\s\S]*Examples[\s\S]*munjigi promql explain/],
  ['promql explain vector(1)', 0, /^vector\(\) {2}\[1:1\]\n│ {3}at {2}\S+Z\n└─ argument: 1 {2}\[1:8\]\n$/],
  ['promql explain sum(', 2, /explain: 1:5: unclosed left parenthesis\nsum\(\n {4}\^\n$/],
  ['promql explain up --analyze', 2, /--analyze wants a data folder/],
  ['promql explain up --time now --start -1h', 2, /--time is for an instant query/],
  ['promql format --help', 0, /--check[\s\S]*Example[\s\S]*munjigi promql format/],
  ['promql test --help', 0, /Example[\s\S]*munjigi promql test/],
  ['version --help', 0, /Example/],
  ['', 2, /Usage: munjigi/],
  ['upp', 2, /unknown command 'upp'[\s\S]*Did you mean up/],
  ['up --confg x', 2, /unknown option '--confg'/],
  ['promql query', 2, /missing required argument 'expr'/],
  ['promql query instant --help', 0, /--data <dir>[\s\S]*Examples[\s\S]*munjigi promql query instant/],
  ['promql query range --help', 0, /--step <duration>[\s\S]*Examples[\s\S]*munjigi promql query range/],
  ['promql query up --output xml', 2, /--output: wants table, csv, json, plot, got "xml"/],
  ['promql query up --time tomorrow', 2, /--time: wants a time /],
  ['promql query up --data nosuch', 2, /^munjigi promql query instant: nosuch: there is no such folder/],
  ['promql query up --data . --server http://x', 2, /--server and --data exclude each other/],
  ['promql query range up --start now --end -1h', 2, /--end .* is before --start /],
  ['promql test', 2, /missing required argument 'file'/],
  ['promql test nosuch.test', 2, /^munjigi promql test: .*nosuch\.test.*\n0 passed, 0 failed\n$/],
  ['promql test good.test', 0, /^1 passed, 0 failed\n$/],
  ['promql test --no-delayed-name-removal good.test', 0, /^1 passed, 0 failed\n$/],
  ['promql test bad.test good.test', 1, /^bad\.test:4: x: x: want 3, got 2\n1 passed, 1 failed\n$/],
  ['promql test good.yaml', 2, /^good\.yaml:1: invalid command "metrics: {}"\n0 passed, 0 failed\n$/],
  ['check typo.yaml', 2, /typo\.yaml:1:1: error: gatewy: unknown field: did you mean gateway\?/],
  ['check nosuch.yaml', 2, /nosuch\.yaml: error: there is no such file/],
  ['check noscrape.yaml', 2, /nosuch\.yml: error: /],
  ['check good.yaml', 0, /^ok: 0 routes, 0 scrape jobs/],
  ['check', 0, /^ok: 2 routes, 2 scrape jobs, 0 warnings/],
  ['check --json good.yaml', 0, /^\{"ok":true,"problems":\[\]\}/],
  ['up --config typo.yaml', 2, /did you mean gateway/],
  ['promql query --server http://127.0.0.1:1 up', 1, /does not answer.*Is munjigi up\?/],
  ['promql format sum(x)by(a)', 0, /^sum by \(a\) \(x\)\n$/],
  ['promql format --check sum(x)by(a)', 1, /^not formatted/],
  ['promql format --check up', 0, /^$/],
  ['promql format sum(x', 2, /^1:6: unclosed left parenthesis\nsum\(x\n     \^\n$/],
  ['tsdb list .', 1, /^munjigi tsdb list: \.: no data directory: /],
  ['tsdb verify broken', 1, /^damage: broken\/wal: wants to be a folder.*\n1 damage: /],
  ['tsdb repair broken', 1, /^damage: broken\/wal: .*\nnothing can be done by itself/],
];

it.each(cases)('munjigi %s', async (args, code, printed) => {
  const program = munjigi(
    args.split(' ').filter((arg) => arg !== ''),
    folder.path,
  );
  const ended = await program.ended;
  expect(program.output()).toMatch(printed);
  expect(ended).toBe(code);
});
