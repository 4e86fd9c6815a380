// `testdata/NAME.in.yaml` becomes `NAME.out.json`: what is said about it, and everything that it comes out as. `UPDATE=1` writes them anew.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hasErrors, printProblem } from '@munjigi/model';
import { translate } from './index.ts';

const folder = new URL('./testdata/', import.meta.url);
const LISTENERS = [
  { address: '0.0.0.0', port: 8000 },
  { address: '127.0.0.1', port: 8080 },
];

const names = readdirSync(folder).flatMap((name) => /^(.*)\.in\.yaml$/.exec(name)?.[1] ?? []);

test.each(names)('%s', (name) => {
  const path = `${name}.in.yaml`;
  const text = readFileSync(new URL(path, folder), 'utf8');
  const listeners = name.startsWith('two-') ? LISTENERS : LISTENERS.slice(0, 1);
  const { problems, resources, view } = translate({ files: [{ path, text }], listeners });
  const shown = hasErrors(problems)
    ? { problems: problems.map(printProblem) }
    : {
        problems: problems.map(printProblem),
        view,
        resources: resources.map((resource) => ({ ...resource, hash: undefined })),
      };
  const actual = `${JSON.stringify(shown, null, 2)}\n`;
  const out = new URL(`${name}.out.json`, folder);
  if (process.env['UPDATE'] !== undefined || !existsSync(out)) writeFileSync(out, actual);
  expect(actual).toBe(readFileSync(out, 'utf8'));
});

test('there is something to compare', () => {
  expect(names.length).toBeGreaterThan(7);
});
