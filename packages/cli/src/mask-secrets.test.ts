import { expect, it } from 'vitest';
import { maskSecrets } from './mask-secrets.ts';

const cases: readonly (readonly [name: string, yaml: string, shown: string])[] = [
  ['a plain value', 'a:\n  password: hunter2\n  b: 1', 'a:\n  password: <secret>\n  b: 1'],
  ['a value with commas and braces', 'password: hun,ter}2\nb: 1', 'password: <secret>\nb: 1'],
  ['a list item', '- password: hunter2\n  user: u', '- password: <secret>\n  user: u'],
  [
    'between braces',
    'basic_auth: { username: u, password: hunter2 }',
    'basic_auth: { username: u, password: <secret>}',
  ],
  ['quoted between braces', 'x: {password: "hun,ter}2", b: 1}', 'x: {password: <secret>, b: 1}'],
  ['a quoted key', "x: { \"credentials\": 'hun''ter2' }", 'x: { "credentials": <secret> }'],
  ['a block scalar', 'password: |\n  hunter2\n\n  more\nb: 1', 'password: <secret>\nb: 1'],
  ['a value on the next line', 'password:\n  hunter2\nb: 1', 'password: <secret>\nb: 1'],
  [
    'a list of secrets',
    'h:\n  secrets:\n  - hunter2\n  - b\n  values: [c]',
    'h:\n  secrets: <secret>\n  values: [c]',
  ],
  ['a URL', 'proxy_url: http://u:hunter2@host:80/', 'proxy_url: http://<secret>@host:80/'],
  ['a file is no secret', 'password_file: /etc/pass', 'password_file: /etc/pass'],
  [
    'a map stays',
    'authorization:\n  type: Bearer\n  credentials: hunter2',
    'authorization:\n  type: Bearer\n  credentials: <secret>',
  ],
];

it.each(cases)('%s', (_, yaml, shown) => {
  expect(maskSecrets(yaml)).toBe(shown);
  expect(maskSecrets(yaml)).not.toMatch(/hun|ter2/);
});
