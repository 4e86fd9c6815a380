import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  documentFindings,
  floorFindings,
  importFindings,
  outsideFindings,
  readDependencies,
  readSources,
  ROOT,
  shapeFindings,
} from './tidy.ts';

describe('house rules', () => {
  const sources = readSources().filter(({ path }) => !path.startsWith('tools/tidy'));
  const dependencies = readDependencies();
  const architecture = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');

  it('imports go where package.json says', () => expect(importFindings(sources, dependencies)).toEqual([]));
  it('packages import downwards only', () => expect(floorFindings(dependencies)).toEqual([]));
  it('only env touches the outside', () => expect(outsideFindings(sources)).toEqual([]));
  it('files have names and sizes that can be read', () => expect(shapeFindings(sources)).toEqual([]));
  it('every package has its README and its row in ARCHITECTURE.md', () =>
    expect(documentFindings(dependencies, architecture)).toEqual([]));
});

describe('each rule can fail', () => {
  const deps = new Map([
    ['tsdb', new Set(['model'])],
    ['query', new Set(['env'])],
    ['cli', new Set(['tsdb'])],
  ]);
  const at = (path: string, text: string) => [{ path, text: `// line 1\n${text}` }];
  const rows: readonly (readonly [name: string, findings: string[], expected: RegExp])[] = [
    [
      'unnamed edge',
      importFindings(at('packages/tsdb/src/a.ts', "import { x } from '@munjigi/env';"), deps),
      /^packages\/tsdb\/src\/a\.ts:2: imports env/,
    ],
    [
      'deep import',
      importFindings(at('packages/tsdb/src/a.ts', "import { x } from '@munjigi/model/src/b.ts';"), deps),
      /imports a file inside model/,
    ],
    [
      'real world',
      importFindings(at('packages/query/src/a.ts', "import { x } from '@munjigi/env/node';"), deps),
      /only cli may take the real world/,
    ],
    ['upward edge', floorFindings(new Map([['tsdb', new Set(['query'])]])), /imports go down only/],
    [
      'engine to engine',
      floorFindings(new Map([['tsdb', new Set(['promql'])]])),
      /engines never import engines/,
    ],
    [
      'clock',
      outsideFindings(at('packages/tsdb/src/a.ts', 'const t = Date.now();')),
      /^packages\/tsdb\/src\/a\.ts:2: Date\.now: take a Clock/,
    ],
    ['random', outsideFindings(at('packages/tsdb/src/a.ts', 'const r = Math.random();')), /take a Random/],
    ['files', outsideFindings(at('packages/tsdb/src/a.ts', "import fs from 'node:fs';")), /go through env/],
    ['name', shapeFindings(at('packages/tsdb/src/utils/a.ts', '')), /says nothing/],
    ['length', shapeFindings(at('packages/tsdb/src/a.ts', '\n'.repeat(1000))), /split it/],
    ['default export', shapeFindings(at('packages/tsdb/src/a.ts', 'export default 1;')), /give it a name/],
    [
      'table',
      documentFindings(new Map([['cli', new Set(['env'])]]), '| `cli` | pure | nothing |'),
      /imports "env", the table says ""/,
    ],
  ];
  it.each(rows)('%s', (_, findings, expected) => {
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatch(expected);
  });
});
