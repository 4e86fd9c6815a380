// Copies of blocks in another folder, for who wants to carry them away: hard links where the file system has them (a block's files are never
// changed, only replaced), else copies of the bytes.
import { EnvError, type Files } from '@munjigi/env';
import { diskError } from './write-block.ts';

const COPY_BYTES: number = 1024 * 1024;
const NO_LINKS: ReadonlySet<string> = new Set([
  'EXDEV',
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
]);

/** Puts each of the blocks `dirs` into the folder `to`, whole or not at all. Rejects with StorageError. */
export async function snapshotBlocks(files: Files, dirs: readonly string[], to: string): Promise<void> {
  try {
    files.makeDir(to);
    for (const dir of dirs) await snapshotBlock(files, dir, `${to}/${dir.slice(dir.lastIndexOf('/') + 1)}`);
    await files.syncDir(to);
  } catch (error) {
    throw error instanceof EnvError ? diskError(error, `make a snapshot in ${to}`) : error;
  }
}

async function snapshotBlock(files: Files, from: string, to: string): Promise<void> {
  const temporary = `${to}.tmp-for-creation`;
  if (files.stat(temporary) !== null) files.removeTree(temporary);
  try {
    await copyTree(files, from, temporary);
    files.rename(temporary, to);
  } catch (error) {
    if (files.stat(temporary) !== null) files.removeTree(temporary);
    throw error;
  }
}

async function copyTree(files: Files, from: string, to: string): Promise<void> {
  files.makeDir(to);
  for (const { name, kind } of files.list(from)) {
    // What a writer has not renamed yet is no part of the block.
    if (name.endsWith('.tmp')) continue;
    if (kind === 'dir') await copyTree(files, `${from}/${name}`, `${to}/${name}`);
    else await linkFile(files, `${from}/${name}`, `${to}/${name}`);
  }
  await files.syncDir(to);
}

async function linkFile(files: Files, from: string, to: string): Promise<void> {
  try {
    files.link(from, to);
  } catch (error) {
    // Another file system, or one without links.
    if (!(error instanceof EnvError) || !NO_LINKS.has(error.code)) throw error;
    await copyFile(files, from, to);
  }
}

async function copyFile(files: Files, from: string, to: string): Promise<void> {
  const source = files.open(from, 'r');
  try {
    const target = files.open(to, 'create');
    try {
      const b = new Uint8Array(Math.min(COPY_BYTES, Math.max(1, source.size())));
      for (let at = 0, n = 0; (n = source.read(b, 0, b.length, at)) > 0; at += n) target.write(b, 0, n, at);
      await target.sync();
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}
