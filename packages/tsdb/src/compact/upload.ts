// Blocks that a shipper (Thanos' sidecar) has yet to copy away are not merged before it has: it says what it has uploaded in a JSON file.
import { EnvError, type Files, type Log } from '@munjigi/env';
import { decodeUtf8 } from '@munjigi/model';
import type { BlockMeta } from '../block/meta.ts';

/**
 * Whether a block must wait: level 1 and not in the list `uploaded` of the file. A file that cannot be read holds nothing back. Reads the
 * file once: make it anew for every plan.
 */
export function pendingUpload(files: Files, path: string, log: Log): (meta: BlockMeta) => boolean {
  const uploaded = readUploaded(files, path, log);
  return (meta) => uploaded !== null && meta.compaction.level <= 1 && !uploaded.has(meta.ulid);
}

function readUploaded(files: Files, path: string, log: Log): ReadonlySet<string> | null {
  try {
    const bytes = files.readFile(path);
    const said: unknown = JSON.parse(decodeUtf8(bytes, 0, bytes.length));
    const uploaded = (said as { uploaded?: unknown } | null)?.uploaded ?? [];
    // A shipper that has uploaded nothing yet writes null.
    if (Array.isArray(uploaded)) return new Set(uploaded.map(String));
    log.warn('the list of uploaded blocks is no list: compactions do not wait for it', { path });
  } catch (error) {
    if (!(error instanceof EnvError || error instanceof SyntaxError)) throw error;
    log.warn('the list of uploaded blocks cannot be read: compactions do not wait for it', {
      path,
      error: error.message,
    });
  }
  return null;
}
