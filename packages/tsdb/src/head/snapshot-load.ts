import type { Problem } from '@munjigi/model';
import type { ReplayEnv } from '../wal/replay.ts';
import type { ReplaySink } from './replay-sink.ts';
import type { HeadState, LogPosition } from './state.ts';
export async function loadSnapshot(
  _env: ReplayEnv,
  _state: HeadState,
  _path: string,
  _sink: ReplaySink,
  _rows: Map<number, number>,
  _problems: Problem[],
): Promise<LogPosition | null> {
  return null;
}
