import { expect, test } from 'vitest';
import { closest } from './suggest.ts';

const known = ['scrape_interval', 'scrape_timeout', 'global', 'rule_files', 'tls'];

test.each<[string, string | null]>([
  ['scrape_intervall', 'scrape_interval'],
  ['scrapeInterval', 'scrape_interval'],
  ['scrape_timeuot', 'scrape_timeout'],
  ['glob', 'global'],
  ['tsl', 'tls'],
  ['GLOBAL', 'global'],
  ['something_else', null],
  ['', null],
  ['x'.repeat(100), null],
])('%s', (text, name) => {
  expect(closest(text, known)).toBe(name);
});
