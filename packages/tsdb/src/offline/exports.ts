// What tools that work on a folder without running a store on it get of this package.
export { newBlockCache } from '../block/cache.ts';
export { compileBlockTests, type BlockTest } from '../block/match.ts';
export type { BlockMeta } from '../block/meta.ts';
export { openBlock, type Block, type SeriesCursor } from '../block/reader.ts';
export { newUlid, ULID_RANDOM_BYTES } from '../block/ulid.ts';
export { blockFolders, folderBytes } from '../db/folders.ts';
export { readBlockMeta } from '../compact/block-meta.ts';
export { blockRanges } from '../compact/plan.ts';
export { takeFolder } from '../head/folder.ts';
export { openChunks, type ChunkSamples } from './chunk-samples.ts';
export type { Finding } from './finding.ts';
export { planRepair, type RepairStep } from './repair.ts';
export { newSampleTable, type SampleTable } from './sample-table.ts';
export { verifyStore, type StoreVerdict } from './verify-store.ts';
