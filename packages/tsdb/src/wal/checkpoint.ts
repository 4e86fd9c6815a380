// A checkpoint: the live series and their metadata in a folder of their own, after which the segments up to its number, which hold
// nothing that retention keeps, may go. Prometheus reads it as one of its own.
import type { Clock, Files } from '@munjigi/env';
import { beginRecord, putMetadata, RECORD } from './record.ts';
import { newByteWriter } from './bytes.ts';
import { checkpointName, listSegments, listWal, segmentName } from './segments.ts';
import { newWalWriter, type WalWriter } from './writer.ts';
import { putSeriesRow } from '../head/appender.ts';
import { LIVE, LOGGED } from '../head/series.ts';
import { newSlicer } from '../head/slicer.ts';
import type { HeadState } from '../head/state.ts';
import type { PlantedFaults } from '../faults.ts';

const RECORD_BYTES: number = 64 * 1024;

export interface CheckpointOptions {
  readonly dir: string;
  readonly segmentBytes: number;
  readonly faults: PlantedFaults;
}

/** Writes the checkpoint numbered `upTo`, then removes what it stands for. Rows must not be removed meanwhile. */
export async function checkpoint(
  env: { files: Files; clock: Clock },
  state: HeadState,
  upTo: number,
  o: CheckpointOptions,
): Promise<void> {
  const { files } = env;
  const name = `${o.dir}/${checkpointName(upTo)}`;
  const temporary = `${name}.tmp`;
  if (files.stat(temporary) !== null) files.removeTree(temporary);
  files.makeDir(temporary);
  const writer = newWalWriter(env, { ...o, dir: temporary, firstSegment: 0 });
  const finish = async (): Promise<void> => writer.syncTo(writer.written());
  try {
    await writeRows(env.clock, state, writer);
    if (o.faults.renameBeforeData !== true) await finish();
    files.rename(temporary, name);
    await files.syncDir(o.dir);
    await removeUpTo(files, o.dir, upTo);
  } finally {
    writer.close();
  }
}

async function writeRows(clock: Clock, state: HeadState, writer: WalWriter): Promise<void> {
  const s = state.series;
  const slicer = newSlicer(clock, state.slice_ms);
  const wanted = LIVE | LOGGED;
  for (const type of [RECORD.series, RECORD.metadata]) {
    const w = newByteWriter(2 * RECORD_BYTES);
    for (let row = 1; row < s.end; row++) {
      if (slicer.due()) await slicer.rest();
      if ((s.flags[row]! & wanted) !== wanted) continue;
      const metadata = s.metadata[row]!;
      if (type === RECORD.metadata && metadata === 0) continue;
      if (w.n === 0) beginRecord(w, type);
      if (type === RECORD.series) putSeriesRow(state, w, row);
      else putMetadata(w, s.walRef[row]!, state.metadata.entry(metadata));
      if (w.n < RECORD_BYTES) continue;
      writer.log(w, [w.n]);
      w.n = 0;
    }
    if (w.n > 0) writer.log(w, [w.n]);
  }
}

/** Removes the segments up to `upTo` and the checkpoints before it. */
export async function removeUpTo(files: Files, dir: string, upTo: number): Promise<void> {
  const { segments, leftovers } = listWal(files, dir);
  for (const n of segments) if (n <= upTo) files.remove(`${dir}/${segmentName(n)}`);
  for (const name of leftovers) files.removeTree(`${dir}/${name}`);
  await files.syncDir(dir);
}

export function checkpointSegments(files: Files, dir: string, number: number): number[] {
  return listSegments(files, `${dir}/${checkpointName(number)}`);
}
