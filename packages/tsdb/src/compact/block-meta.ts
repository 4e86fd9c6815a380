// Changes of a block's meta.json, each whole or not at all, and what this program keeps in it besides: which retention was applied.
import type { Files } from '@munjigi/env';
import { META_FILE, readMeta, writeMeta, type BlockMeta } from '../block/meta.ts';
import type { AppliedRetention } from './retention.ts';

/** The key in meta.json; other programs pass over keys that they do not know. */
const KEY = 'munjigi';

export function readBlockMeta(files: Files, dir: string): BlockMeta {
  const path = `${dir}/${META_FILE}`;
  return readMeta(files.readFile(path), path);
}

export async function changeMeta(
  files: Files,
  dir: string,
  change: (meta: BlockMeta) => BlockMeta,
): Promise<BlockMeta> {
  const meta = change(readBlockMeta(files, dir));
  await files.writeWhole(`${dir}/${META_FILE}`, writeMeta(meta));
  return meta;
}

/** A compaction found nothing in it to keep: it may be deleted. */
export function setDeletable(files: Files, dir: string): Promise<BlockMeta> {
  return changeMeta(files, dir, (meta) => ({ ...meta, compaction: { ...meta.compaction, deletable: true } }));
}

/** It could not be merged: plans leave its range out. */
export function setFailed(files: Files, dir: string): Promise<BlockMeta> {
  return changeMeta(files, dir, (meta) => ({ ...meta, compaction: { ...meta.compaction, failed: true } }));
}

/** null: no rules were applied to it yet, or what is noted there cannot be read. */
export function appliedRetention(meta: BlockMeta): AppliedRetention | null {
  const ours = meta.extra?.[KEY] as
    | { retention?: { policy?: unknown; step_ms?: unknown } }
    | null
    | undefined;
  const policy = ours?.retention?.policy;
  const step_ms = ours?.retention?.step_ms;
  return typeof policy === 'string' && typeof step_ms === 'number' ? { policy, step_ms } : null;
}

/** The keys besides the known ones with the retention noted. */
export function notingRetention(
  extra: BlockMeta['extra'],
  applied: AppliedRetention,
): NonNullable<BlockMeta['extra']> {
  return { ...extra, [KEY]: { retention: applied } };
}
