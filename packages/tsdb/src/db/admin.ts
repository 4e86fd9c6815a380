// What an operator asks for: deleting series, cleaning up what was deleted, a copy of everything to carry away.
import { civilFromDays, type Matcher } from '@munjigi/model';
import { freshUlid, type Store } from './upkeep.ts';

/** Hides samples of series that match any of the selectors, in [mint, maxt] (ms, both inclusive): in the head and in blocks. */
export async function deleteSeries(
  s: Store,
  selectors: readonly (readonly Matcher[])[],
  mint: number,
  maxt: number,
): Promise<void> {
  await s.head.delete(mint, maxt, selectors);
  for (const { ulid, dir } of s.blocks.refs(mint, maxt)) {
    for (const matchers of selectors) {
      const deleted = await s.compaction.jobs().delete({ dir, mint, maxt, matchers });
      if (deleted > 0) s.blocks.refresh(ulid);
    }
  }
}

/** Writes every block with tombstones anew without what they hide. */
export async function cleanTombstones(s: Store): Promise<void> {
  // `replace` makes a new list: this one stays what it is.
  for (const { meta } of s.blocks.list()) {
    const cleaned = await s.compaction.jobs().clean({
      parent: meta.ulid,
      dir: s.options.path,
      ulid: freshUlid(s),
      xor2: s.options.xor2,
    });
    if (cleaned.replaced.length > 0) s.blocks.replace(cleaned.meta?.ulid ?? null, cleaned.replaced);
  }
  await s.blocks.settled();
  s.counters.tombstoneCleanups++;
}

/** A copy of all blocks, and unless `skipHead` of the head as one more, in `snapshots/<name>`; its name. */
export async function takeSnapshot(s: Store, skipHead: boolean): Promise<string> {
  const { env, options } = s;
  const name = `${compactTime(env.clock.now())}-${hex(env.random.bytes(8))}`;
  const to = `${options.path}/snapshots/${name}`;
  // Blocks that leave the list meanwhile stay until this is closed.
  const view = s.head.querier();
  try {
    await s.compaction.jobs().snapshotBlocks({ dirs: s.blocks.list().map(({ dir }) => dir), to });
    if (!skipHead) await copyHead(s, to);
  } finally {
    view.close();
  }
  env.log.info('a snapshot was taken', { dir: to, blocks: s.blocks.list().length, head: !skipHead });
  return name;
}

async function copyHead(s: Store, to: string): Promise<void> {
  const { options, head } = s;
  const { mint, maxt, outOfOrderMint, outOfOrderMaxt } = head.range();
  if (mint <= maxt) {
    const held = await head.selectAll(mint, maxt, 'in-order');
    try {
      await s.compaction.jobs().cut({
        selection: held.selection,
        mint,
        maxt: maxt + 1,
        dir: to,
        ulid: freshUlid(s),
        outOfOrder: false,
        xor2: options.xor2,
      });
    } finally {
      held.close();
    }
  }
  if (outOfOrderMint > outOfOrderMaxt) return;
  const held = await head.selectAll(outOfOrderMint, outOfOrderMaxt, 'out-of-order');
  try {
    await s.compaction.jobs().cutOutOfOrder({
      selection: held.selection,
      dir: to,
      range_ms: options.minBlock_ms,
      xor2: options.xor2,
    });
  } finally {
    held.close();
  }
}

/** 20260102T150405Z, as Prometheus names its snapshots. */
function compactTime(now_ms: number): string {
  const seconds = Math.floor(now_ms / 1000);
  const { year, month, day } = civilFromDays(Math.floor(seconds / 86_400));
  const ofDay = ((seconds % 86_400) + 86_400) % 86_400;
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');
  const time = `${two(ofDay / 3600)}${two((ofDay / 60) % 60)}${two(ofDay % 60)}`;
  return `${String(year).padStart(4, '0')}${two(month)}${two(day)}T${time}Z`;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
