import { decode, readDocuments, type Decoder } from '@munjigi/document';
import { simWorld, type SimWorld } from '@munjigi/env/sim';
import { labelsToObject, printProblem } from '@munjigi/model';
import { expect, test } from 'vitest';
import { discover, fileConfig, relabelConfigs, staticConfig, type Discovery } from './index.ts';

function read<T>(decoder: Decoder<T>, text: string): { value: T | undefined; problems: string[] } {
  const { documents } = readDocuments('f', text);
  const { value, problems } = decode(documents[0]!, decoder, { file: 'f' });
  return { value, problems: problems.map(printProblem) };
}

async function write(world: SimWorld, path: string, text: string): Promise<void> {
  await world.run(world.env.files.writeWhole(path, new TextEncoder().encode(text)));
}

const shown = (discovery: Discovery): string[] =>
  discovery
    .groups()
    .map(
      (g) =>
        `${g.source} ${g.targets.map((t) => labelsToObject(t)['__address__']).join(',')} ${JSON.stringify(labelsToObject(g.labels))}`,
    );

function files(world: SimWorld, patterns: string[], changed: () => void = () => {}): Discovery {
  const config = { static_configs: [], file_sd_configs: [{ files: patterns, refresh_interval: 60_000 }] };
  return discover(world.env, config, '/d', changed);
}

test('static groups', () => {
  const { value } = read(staticConfig, '{targets: [a:1, b:2], labels: {x: "1"}}');
  const discovery = discover(
    simWorld(1).env,
    { static_configs: [value!], file_sd_configs: [] },
    '',
    () => {},
  );
  expect(shown(discovery)).toEqual(['static/0 a:1,b:2 {"x":"1"}']);
});

test('files in YAML and JSON, by name and by pattern', async () => {
  const world = simWorld(1);
  world.env.files.makeDir('/d');
  await write(world, '/d/a.yml', '- targets: [a:1]\n  labels: {x: "1"}\n- targets: [a:2]\n');
  await write(world, '/d/b.json', '[{"targets": ["b:1"]}]');
  await write(world, '/d/c.txt', 'no');
  await write(world, '/d/empty.yml', '');
  expect(shown(files(world, ['*.yml', '/d/b.json', 'none.yml', 'nowhere/*.yml']))).toEqual([
    '/d/a.yml:0 a:1 {"__meta_filepath":"/d/a.yml","x":"1"}',
    '/d/a.yml:1 a:2 {"__meta_filepath":"/d/a.yml"}',
    '/d/b.json:0 b:1 {"__meta_filepath":"/d/b.json"}',
  ]);
});

test('files are followed by events and by time; a bad one keeps what was good', async () => {
  const world = simWorld(1);
  world.env.files.makeDir('/d');
  await write(world, '/d/a.yml', '- targets: [a:1]');
  let calls = 0;
  const discovery = files(world, ['*.yml', 'late/*.yml'], () => calls++);
  const addresses = (): string =>
    shown(discovery)
      .map((line) => line.split(' ')[1])
      .join(' ');
  expect(addresses()).toBe('a:1');
  await write(world, '/d/b.yml', '- targets: [b:1]');
  await world.advance(100);
  expect([addresses(), calls > 0]).toEqual(['a:1 b:1', true]);
  await write(world, '/d/a.yml', '- targets: [a:2');
  await write(world, '/d/b.yml', '- target: [b:2]');
  await world.advance(100);
  expect(addresses()).toBe('a:1 b:1');
  expect(discovery.problems().map(printProblem)).toEqual([
    expect.stringMatching(/^\/d\/a.yml:1:\d+: error: flow sequence/),
    expect.stringMatching(/^\/d\/b.yml:1:3: error: \[0\].target: unknown field: did you mean targets\?/),
  ]);
  await write(world, '/d/a.yml', '- targets: [a:3]');
  world.env.files.remove('/d/b.yml');
  await world.advance(100);
  expect([addresses(), discovery.problems()]).toEqual(['a:3', []]);
  // A directory that comes later is found by the refresh.
  world.env.files.makeDir('/d/late');
  await write(world, '/d/late/c.yml', '- targets: [c:1]');
  await world.advance(60_000);
  expect(addresses()).toBe('a:3 c:1');
  discovery.close();
  calls = 0;
  await write(world, '/d/a.yml', '- targets: [a:4]');
  await world.advance(120_000);
  expect(calls).toBe(0);
});

test.each<[decoder: Decoder<unknown>, text: string, problem: RegExp]>([
  [fileConfig, '{files: [a.txt]}', /files\[0\]: path name "a.txt" must end in/],
  [fileConfig, '{files: ["*/a.yml"]}', /with \* in its last element/],
  [fileConfig, '{files: []}', /at least 1/],
  [fileConfig, '{}', /files is required/],
  [staticConfig, '{targets: a}', /wants a list/],
  [staticConfig, '{targets: [a], label: {}}', /did you mean labels/],
  [relabelConfigs(), '[{action: replac}]', /unknown relabel action "replac"/],
  [relabelConfigs(), '[{action: keep}, {}]', /\[1\]: replace needs a target_label/],
  [relabelConfigs(), '[null]', /wants a mapping, got nothing/],
])('refuses %#', (decoder, text, problem) => {
  const { value, problems } = read(decoder, text);
  expect(value).toBeUndefined();
  expect(problems[0]).toMatch(problem);
});
