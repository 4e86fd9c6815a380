import { simWorld } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { planRepair } from './repair.ts';
import { verifyStore } from './verify-store.ts';

test.each(['wal', 'wbl', 'chunks_head'])(
  '%s that is a file is a finding, and the rest is looked at',
  async (name) => {
    const { env } = simWorld(1);
    for (const folder of ['wal', 'wbl', 'chunks_head'])
      if (folder !== name) env.files.makeDir(`/d/${folder}`);
    env.files.makeDir('/d/01KC4D6GXQA4CRHYKV78NEBVAE.tmp-for-creation');
    await env.files.writeWhole(`/d/${name}`, new Uint8Array(3));
    const verdict = await verifyStore(env, '/d');
    expect(verdict.findings.map(({ severity, path }) => `${severity} ${path}`).toSorted()).toEqual([
      `damage /d/${name}`,
      'note /d/01KC4D6GXQA4CRHYKV78NEBVAE.tmp-for-creation',
    ]);
    expect(planRepair(env, '/d', verdict, '/d/aside')).toEqual([]);
  },
);
