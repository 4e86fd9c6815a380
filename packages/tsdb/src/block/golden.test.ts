// testdata/ holds a block that the writers of Prometheus 3.16 made: 25 series of random labels, three segments.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeEnv } from '@munjigi/env/node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { copyBlock } from '../testing/copy-block.ts';

const BLOCK = fileURLToPath(new URL('testdata/01HF7YAT075GTV408H85VTBM9W', import.meta.url));
const FILES = ['index', 'chunks/000001', 'chunks/000002', 'chunks/000003', 'meta.json'];

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'munjigi-golden-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

// Postings in one batch, in ranges of values, value by value.
test.each([1_000_000, 20, 1])("Prometheus' block, written again: batches of %d", async (batchEntries) => {
  const made = await copyBlock(nodeEnv().files, BLOCK, dir, { segmentBytes: 1000, batchEntries });
  for (const name of FILES)
    expect(readFileSync(join(made, name)).equals(readFileSync(join(BLOCK, name))), name).toBe(true);
});
