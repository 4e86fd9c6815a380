import { expect, test } from 'vitest';
import { simWorld } from '@munjigi/env/sim';
import type { Files } from '@munjigi/env';
import { FOLDER_LIMITS, readFolders } from './folder.ts';

function disk(entries: Readonly<Record<string, string | Uint8Array>>): Files {
  const { files } = simWorld(1).env;
  for (const [path, content] of Object.entries(entries)) {
    files.makeDir(path.slice(0, path.lastIndexOf('/')));
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const file = files.open(path, 'create');
    file.write(bytes, 0, bytes.length, 0);
    file.close();
  }
  return files;
}

const MIXED = {
  'g/b.yaml': 'b',
  'g/a.yml': 'a',
  'g/c.JSON': 'c',
  'g/notes.md': '-',
  'g/.hidden.yaml': '-',
  'g/a.yaml~': '-',
  'g/#a.yaml': '-',
  'g/a.yaml.swp': '-',
  'g/..data/x.yaml': '-',
  'g/sub/d.yaml': 'd',
  'h/e.yaml': 'e',
};

test('configuration files of all folders by name, the rest passed over', () => {
  const { files, problems } = readFolders(disk(MIXED), ['g/', 'h', 'g/b.yaml']);
  expect(problems).toEqual([]);
  expect(files.map(({ path, text }) => `${path} ${text}`)).toEqual([
    'g/a.yml a',
    'g/b.yaml b',
    'g/c.JSON c',
    'g/sub/d.yaml d',
    'h/e.yaml e',
  ]);
});

const FAULTS: readonly [
  string,
  Parameters<typeof disk>[0],
  readonly string[],
  Partial<typeof FOLDER_LIMITS>,
  string[],
][] = [
  [
    'nothing there',
    {},
    ['g'],
    {},
    ['g: there is no such file or folder: create it or change gateway.sources.files'],
  ],
  [
    'not text',
    { 'g/a.yaml': Uint8Array.of(0xc3) },
    ['g'],
    {},
    ['g/a.yaml: the file cannot be read: it is not UTF-8 text'],
  ],
  [
    'too long',
    { 'g/a.yaml': 'abcd' },
    ['g'],
    { fileBytes: 3 },
    ['g/a.yaml: the file has 4 bytes, more than 3: split it'],
  ],
  [
    'too many',
    { 'g/a.yaml': '', 'g/b.yaml': '', 'g/c.yaml': '' },
    ['g'],
    { files: 1 },
    ['g/b.yaml: there are more than 1 files: merge them or use several gateways'],
  ],
  [
    'too much',
    { 'g/a.yaml': 'ab', 'g/b.yaml': 'ab' },
    ['g'],
    { totalBytes: 3 },
    ['g/b.yaml: all files together have more than 3 bytes'],
  ],
  [
    'too deep',
    { 'g/x/y/a.yaml': '' },
    ['g'],
    { depth: 1 },
    ['g/x/y: folders are nested deeper than 1 levels: it is not read'],
  ],
];

test.each(FAULTS)('%s', (_, entries, paths, limits, expected) => {
  const { problems } = readFolders(disk(entries), paths, { ...FOLDER_LIMITS, ...limits });
  expect(problems.map(({ file, message }) => `${file}: ${message}`)).toEqual(expected);
});
