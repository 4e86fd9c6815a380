export { withBlocks, type BlocksOptions } from './block/querier.ts';
export { openChunkReader } from './chunk/reader.ts';
export { openDb, type Db } from './db/db.ts';
export type { DbEnv, DbOptions, DbSettings } from './db/options.ts';
export type { PlantedFaults } from './faults.ts';
export {
  openHead,
  openMemoryHead,
  type Head,
  type HeadEnv,
  type HeadOptions,
  type HeadStats,
  type WalReplay,
} from './head/head.ts';
export * from './offline/exports.ts';
export type { NameCount, TsdbStatus } from './head/status.ts';
export type { ReplayStatus } from './wal/replay.ts';
