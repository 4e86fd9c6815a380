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
}
