// Nothing that can be written in a file makes the translation throw, or leaves a name that leads nowhere.
import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasErrors } from '@munjigi/model';
import type { Resource } from '@munjigi/proxy';
import { translate } from './index.ts';

const folder = new URL('./testdata/', import.meta.url);
const texts = readdirSync(folder)
  .filter((name) => name.endsWith('.in.yaml'))
  .map((name) => readFileSync(new URL(name, folder), 'utf8'));
const LISTENERS = [{ address: '::', port: 8000 }];

const PIECES = [
  'null',
  '[]',
  '{}',
  '-1',
  '1e99',
  '"',
  "'",
  '*',
  '&a ',
  '*a',
  '|',
  '~',
  '<<: ',
  '- ',
  ': ',
  '/',
  '__proto__',
  'ä',
];

const sound = texts.filter(
  (text) => !hasErrors(translate({ files: [{ path: 'a.yaml', text }], listeners: LISTENERS }).problems),
);

/** A few words of a document replaced by others of it, or by something odd. */
const mutated = (from: readonly string[], most: number): fc.Arbitrary<string> =>
  fc
    .record({
      text: fc.constantFrom(...from),
      edits: fc.array(
        fc.record({
          at: fc.nat(),
          with: fc.oneof(
            fc.constantFrom(...PIECES),
            fc.nat().map((n) => ({ word: n })),
          ),
        }),
        { minLength: 1, maxLength: most },
      ),
    })
    .map(({ text, edits }) => {
      const parts = text.split(/(\b)/);
      for (const edit of edits) {
        const at = edit.at % parts.length;
        parts[at] = typeof edit.with === 'string' ? edit.with : parts[edit.with.word % parts.length]!;
      }
      return parts.join('');
    });

test('mutated documents', () => {
  let taken = 0;
  fc.assert(
    fc.property(mutated(sound, 2), fc.oneof(fc.constant('# nothing'), mutated(texts, 6)), (a, b) => {
      const files = [
        { path: 'a.yaml', text: a },
        { path: 'b.yaml', text: b },
      ];
      const { problems, resources } = translate({ files, listeners: LISTENERS });
      expect(problems.filter(({ file, line, message }) => file === '' || line < 0 || message === '')).toEqual(
        [],
      );
      if (hasErrors(problems)) return;
      taken++;
      expect(danglingNames(resources)).toEqual([]);
    }),
    { seed: 20, numRuns: 200 },
  );
  expect(taken).toBeGreaterThan(10);
});

test('whole documents leave no name that leads nowhere', () => {
  const dangling = sound.flatMap((text) =>
    danglingNames(translate({ files: [{ path: 'a.yaml', text }], listeners: LISTENERS }).resources),
  );
  expect(dangling).toEqual([]);
});

function danglingNames(resources: readonly Resource[]): string[] {
  const known = new Set(resources.map(({ name }) => name));
  return resources.flatMap(referencesOf).filter((name) => !known.has(name));
}

function referencesOf(resource: Resource): readonly string[] {
  switch (resource.kind) {
    case 'listener':
      return resource.hosts;
    case 'host':
      return resource.routes;
    case 'route':
      return [...resource.filters, ...(resource.action.kind === 'forward' ? [resource.action.split] : [])];
    case 'split':
      return resource.targets.map(({ cluster }) => cluster);
    case 'cluster':
      return [resource.endpoints];
    case 'filter':
      return resource.filter === 'key-auth' ? [resource.secret] : [];
    case 'endpoints':
    case 'secret':
      return [];
    // no default
  }
}
