// Bugs on purpose: each is injected at one place, and the crash test must notice it. Never set outside tests.

export interface PlantedFaults {
  /** `sync` reports success without asking the disk. */
  readonly noFsync?: boolean;
  /** Replay does not compare checksums. */
  readonly noCrcCheck?: boolean;
  /** Replay leaves a torn tail in its segment and goes on in the next one. */
  readonly noTailTruncate?: boolean;
  /** A checkpoint is renamed, and segments removed, before its bytes are synced. */
  readonly renameBeforeData?: boolean;
  /** A commit is acknowledged and the WAL written some time later. */
  readonly ackBeforeWritten?: boolean;
  /** The head lets go of a range before the block that holds it is published. */
  readonly truncateBeforeCut?: boolean;
  /** Blocks are published, and what they replace removed, without a sync of their files. */
  readonly blockWithoutSync?: boolean;
  /** A checkpoint forgets the series that later segments still name. */
  readonly checkpointWithoutSeries?: boolean;
  /** A checkpoint keeps nothing of samples that no block holds yet. */
  readonly checkpointWithoutSamples?: boolean;
  /** The out-of-order log is cut before the blocks that hold its samples are published. */
  readonly lateLogBeforeBlocks?: boolean;
}
