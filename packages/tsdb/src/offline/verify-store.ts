// All that lies in a data folder, looked at byte by byte. Nothing is changed.
import { blockFolders } from '../db/folders.ts';
import type { Finding, Report } from './finding.ts';
import { verifyBlock, type BlockVerdict, type VerifyProgress } from './verify-block.ts';
import {
  verifyHeadChunks,
  verifyLog,
  verifySnapshots,
  type HeadChunksVerdict,
  type LogVerdict,
  type OfflineEnv,
} from './verify-log.ts';

export interface StoreVerdict {
  readonly findings: readonly Finding[];
  readonly blocks: ReadonlyMap<string, BlockVerdict>;
  readonly headChunks: HeadChunksVerdict;
  readonly wal: LogVerdict;
  readonly wbl: LogVerdict;
  /** Folders of memory snapshots that are damaged. */
  readonly snapshots: readonly string[];
}

export interface VerifyOptions {
  /** Only these blocks, and nothing else of the folder; absent: everything. */
  readonly ulids?: readonly string[];
  readonly report?: Report;
  readonly progress?: VerifyProgress;
}

const NO_LOG: LogVerdict = { records: 0, series: 0, samples: 0, damages: [] };
const NO_CHUNKS: HeadChunksVerdict = { chunks: 0, damage: null };

/** Throws EnvError when the folder is not there. */
export async function verifyStore(
  env: OfflineEnv,
  path: string,
  o: VerifyOptions = {},
): Promise<StoreVerdict> {
  const findings: Finding[] = [];
  const report: Report = (f) => {
    findings.push(f);
    o.report?.(f);
  };
  const blocks = new Map<string, BlockVerdict>();
  const { blocks: ulids, leftovers } = blockFolders(env.files, path);
  for (const ulid of o.ulids ?? ulids)
    blocks.set(ulid, verifyBlock(env.files, `${path}/${ulid}`, report, o.progress));
  if (o.ulids !== undefined)
    return {
      findings,
      blocks,
      headChunks: NO_CHUNKS,
      wal: NO_LOG,
      wbl: NO_LOG,
      snapshots: [],
    };
  for (const name of leftovers)
    report({
      severity: 'note',
      path: `${path}/${name}`,
      offset: -1,
      what: 'left over from an interrupted write or removal of a block: a start removes it',
    });
  const usable = (name: string): boolean => {
    const kind = env.files.stat(`${path}/${name}`)?.kind ?? 'dir';
    if (kind !== 'dir')
      report({
        severity: 'damage',
        path: `${path}/${name}`,
        offset: -1,
        what: 'wants to be a folder: move it away, a start makes a new one',
      });
    return kind === 'dir';
  };
  const headChunks = usable('chunks_head')
    ? await verifyHeadChunks(env.files, `${path}/chunks_head`, report, o.progress)
    : NO_CHUNKS;
  const log = (name: string): LogVerdict =>
    usable(name) ? verifyLog(env, `${path}/${name}`, report, o.progress) : NO_LOG;
  const wal = log('wal');
  const wbl = log('wbl');
  const snapshots = verifySnapshots(env, path, report, o.progress);
  return { findings, blocks, headChunks, wal, wbl, snapshots };
}
