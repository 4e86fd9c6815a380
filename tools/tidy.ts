// The house rules that a compiler does not hold, as data: each finding says file:line, what is wrong and the remedy.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('..', import.meta.url));

/** A file or a piece of one, as the rules see it. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** Floors from the ground up: a package imports only from floors below its own, except for the edges named beside. */
const FLOORS: readonly (readonly string[])[] = [
  ['model'],
  ['document', 'env'],
  ['discovery', 'volumes'],
  ['exposition', 'tsdb', 'promql', 'proxy'],
  ['collect', 'query', 'rules', 'alerts', 'longterm', 'remote', 'control', 'rollout'],
  ['api', 'ui'],
  ['cli'],
];
const PURE = new Set(['model', 'document', 'exposition', 'promql']);
const ENGINES = new Set(['exposition', 'tsdb', 'promql', 'proxy']);

/** Files that may reach the outside themselves, each with its reason. */
const OUTSIDE: readonly (readonly [glob: RegExp, reason: string])[] = [
  [/^packages\/env\/src\/node\//, 'is the door'],
  [/^packages\/ui\//, 'runs in a browser'],
  [/^examples\/promql-in-browser\//, 'runs in a browser'],
  [/^packages\/cli\/bin\//, 'runs before Node 24 is found'],
  [/\.(test|bench|fuzz)\.tsx?$/, 'tests and benchmarks'],
  [/\/testing\//, 'test helpers'],
  [/^(tools|tests|bench|compat|soak|fuzz)\//, 'repository automation'],
  [/^vitest\.config\.ts$/, 'repository automation'],
];

const OUTSIDE_RULES: readonly (readonly [pattern: RegExp, remedy: string])[] = [
  [/\bDate\.(now|parse)\b|\bnew Date\b/, 'take a Clock from env'],
  [/\bMath\.random\b/, 'take a Random from env'],
  [/\bperformance\.now\b/, 'use Clock.monotonic of env'],
  [/(?<![.\w])(setTimeout|setInterval|setImmediate)\(/, 'use Clock of env'],
  [/(?<![.\w])process\.[a-z]/, 'let the wiring hand it over, from @munjigi/env/node'],
  [
    /from '(node:)?(fs|net|tls|dgram|http|https|http2|timers|worker_threads|child_process|os|dns)(\/[a-z]+)?'/,
    'go through env',
  ],
];

const BANNED_NAMES = new Set(['utils', 'util', 'common', 'types', 'config', 'shared', 'helpers', 'misc']);
/** Longest file that is still read in one go; data tables and tests may be longer. */
const MAX_LINES = 900;

export function readSources(): Source[] {
  return globSync(
    [
      'packages/*/{src,bin}/**/*.{ts,tsx,mjs}',
      '{tools,bench,compat,tests,soak,fuzz,examples}/**/*.{ts,mjs}',
      '*.ts',
    ],
    {
      cwd: ROOT,
      exclude: (name) => name.includes('node_modules'),
    },
  )
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

export function packageOf(path: string): string | null {
  return /^packages\/([^/]+)\//.exec(path)?.[1] ?? null;
}

/** package -> the @munjigi packages its package.json depends on. */
export function readDependencies(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const file of globSync('packages/*/package.json', { cwd: ROOT })) {
    const { name, dependencies = {} } = JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as {
      name: string;
      dependencies?: Record<string, string>;
    };
    const ours = Object.keys(dependencies).filter((key) => key.startsWith('@munjigi/'));
    found.set(name.slice('@munjigi/'.length), new Set(ours.map((key) => key.slice('@munjigi/'.length))));
  }
  return found;
}

/** Imports of other packages that package.json does not name, deep imports, and imports that go up or sideways. */
export function importFindings(
  sources: readonly Source[],
  dependencies: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  const findings: string[] = [];
  for (const { path, text } of sources) {
    const owner = packageOf(path);
    if (owner === null) continue;
    const test = /\.(test|bench|fuzz)\.tsx?$|\/testing\//.test(path);
    eachLine(text, (line, at) => {
      const match = /(?:from|import\()\s*'@munjigi\/([a-z]+)(\/[^']+)?'/.exec(line);
      if (match === null) return;
      const [, target = '', sub = ''] = match;
      const place = `${path}:${at}`;
      if (!['', '/node', '/sim', '/testing', '/worker'].includes(sub))
        findings.push(`${place}: imports a file inside ${target}: export it from ${target}'s index.ts`);
      if (target === owner) findings.push(`${place}: imports its own package: use a relative path`);
      else if (!test && dependencies.get(owner)?.has(target) !== true)
        findings.push(
          `${place}: imports ${target}, which packages/${owner}/package.json does not name: is this edge wanted?`,
        );
      if (sub === '/node' && !test && owner !== 'cli')
        findings.push(`${place}: only cli may take the real world: take an Env as a parameter`);
      if (sub === '/testing' && !test) findings.push(`${place}: test helpers belong in tests`);
    });
    if (PURE.has(owner) && !test)
      eachLine(text, (line, at) => {
        if (/from 'node:/.test(line)) findings.push(`${path}:${at}: ${owner} is pure: no Node modules`);
      });
  }
  return findings;
}

/** Edges of package.json that go up, or between packages of one floor. */
export function floorFindings(dependencies: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const floor = new Map(FLOORS.flatMap((names, i) => names.map((name) => [name, i] as const)));
  const findings: string[] = [];
  for (const [owner, targets] of dependencies) {
    const own = floor.get(owner);
    if (own === undefined) {
      findings.push(
        `packages/${owner}/package.json:1: no floor is known for ${owner}: add it to FLOORS in tools/tidy.ts`,
      );
      continue;
    }
    for (const target of targets) {
      const below = floor.get(target) ?? Number.POSITIVE_INFINITY;
      if (below < own) continue;
      const why =
        ENGINES.has(owner) && ENGINES.has(target) ? 'engines never import engines' : 'imports go down only';
      findings.push(`packages/${owner}/package.json:1: ${owner} -> ${target}: ${why}`);
    }
  }
  return findings;
}

export function outsideFindings(sources: readonly Source[]): string[] {
  const findings: string[] = [];
  for (const { path, text } of sources) {
    if (OUTSIDE.some(([glob]) => glob.test(path))) continue;
    eachLine(text, (line, at) => {
      const code = line.replace(/\/\/.*$|^\s*\/?\*.*$|\/\*.*?\*\//g, '');
      for (const [pattern, remedy] of OUTSIDE_RULES)
        if (pattern.test(code)) findings.push(`${path}:${at}: ${pattern.exec(code)![0]}: ${remedy}`);
    });
  }
  return findings;
}

export function shapeFindings(sources: readonly Source[]): string[] {
  const findings: string[] = [];
  for (const { path, text } of sources) {
    for (const part of path.split('/').slice(2)) {
      const name = part.replace(/\.[a-z.]+$/, '');
      const allowed = name === 'config' && !part.endsWith('/');
      if (BANNED_NAMES.has(name) && !allowed)
        findings.push(`${path}:1: "${name}" says nothing: name it for what it is`);
    }
    const lines = text.split('\n').length;
    if (lines > MAX_LINES && !/\.test\.tsx?$/.test(path))
      findings.push(`${path}:${MAX_LINES}: ${lines} lines: split it by what its parts are`);
    eachLine(text, (line, at) => {
      if (/\bexport default\b/.test(line) && !/\.config\.ts$|vitest\.ts$/.test(path))
        findings.push(`${path}:${at}: default export: give it a name`);
      if (
        /\.(only|skip)\(/.test(line) &&
        /\.test\.tsx?$/.test(path) &&
        !/skipIf|\b(t|ctx|context)\.skip/.test(line)
      )
        findings.push(
          `${path}:${at}: a test that is skipped or alone: remove it, or skip with a printed reason`,
        );
    });
  }
  return findings;
}

export function documentFindings(
  dependencies: ReadonlyMap<string, ReadonlySet<string>>,
  architecture: string,
): string[] {
  const findings: string[] = [];
  for (const name of dependencies.keys())
    if (!existsSync(join(ROOT, `packages/${name}/README.md`)))
      findings.push(`packages/${name}/README.md:1: missing: what it is, data layout, invariants`);
  const rows = new Map<string, { at: number; imports: string[] }>();
  eachLine(architecture, (line, at) => {
    const match = /^\| `([a-z]+)` \|.*\| ([^|]*) \|$/.exec(line);
    if (match !== null) rows.set(match[1]!, { at, imports: match[2]!.match(/[a-z]+/g) ?? [] });
  });
  for (const [name, targets] of dependencies) {
    const row = rows.get(name);
    if (row === undefined) {
      findings.push(`ARCHITECTURE.md:1: no row for ${name}`);
      continue;
    }
    const want = [...targets].sort().join(', ');
    const is = row.imports
      .filter((word) => word !== 'nothing')
      .sort()
      .join(', ');
    if (want !== is)
      findings.push(`ARCHITECTURE.md:${row.at}: ${name} imports "${want}", the table says "${is}"`);
  }
  for (const [name, { at }] of rows)
    if (!dependencies.has(name)) findings.push(`ARCHITECTURE.md:${at}: there is no package ${name}`);
  return findings;
}

function eachLine(text: string, fn: (line: string, at: number) => void): void {
  text.split('\n').forEach((line, i) => fn(line, i + 1));
}
