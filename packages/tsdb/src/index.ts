export { openChunkReader } from './chunk/reader.ts';
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
export type { NameCount, TsdbStatus } from './head/status.ts';
export type { ReplayStatus } from './wal/replay.ts';
