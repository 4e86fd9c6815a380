// The head's log: a writer, the newest time in each segment (which segments may go), and how durable a commit is.
import type { Clock, Files, Log as EnvLog, Timer } from '@munjigi/env';
import type { Log } from '../head/appender.ts';
import type { PlantedFaults } from '../faults.ts';
import { newWalWriter, type WalWriter } from './writer.ts';

export interface WalLog extends Log {
  readonly writer: WalWriter;
  /** Newest time (ms) in each segment that is there. */
  readonly segmentMaxt: Map<number, number>;
  /** Everything written so far survives a power failure once this resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface WalLogOptions {
  readonly dir: string;
  readonly firstSegment: number;
  readonly segmentBytes: number;
  /** ms between syncs, or 'always': commits wait for one. */
  readonly sync: number | 'always';
  readonly segmentMaxt: Map<number, number>;
  readonly faults: PlantedFaults;
}

export function newWalLog(env: { files: Files; clock: Clock; log: EnvLog }, o: WalLogOptions): WalLog {
  const writer = newWalWriter(env, o);
  const { segmentMaxt } = o;
  let timer: Timer | null = null;
  if (o.sync !== 'always')
    timer = env.clock.every(o.sync, () => {
      if (writer.synced() < writer.written())
        writer.syncTo(writer.written()).catch((error: Error) => {
          timer?.cancel();
          env.log.error(error.message, { dir: o.dir });
        });
    });
  segmentMaxt.set(writer.segment(), -Infinity);
  return {
    writer,
    segmentMaxt,
    write(w, ends, maxt): void {
      writer.log(w, ends);
      const segment = writer.segment();
      segmentMaxt.set(segment, Math.max(segmentMaxt.get(segment) ?? -Infinity, maxt));
    },
    durable: () => (o.sync === 'always' ? writer.syncTo(writer.written()) : null),
    sync: () => writer.syncTo(writer.written()),
    async close(): Promise<void> {
      timer?.cancel();
      try {
        await writer.syncTo(writer.written());
      } finally {
        writer.close();
      }
    },
  };
}
