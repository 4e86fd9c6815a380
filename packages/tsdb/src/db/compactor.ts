// The compaction thread as the store's thread has it: started at the first job, started again when it died. What a dead one had begun lies under
// a temporary name and is made anew.
import type { Workers } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import { connectCompactor, type Compactor } from '../compact/client.ts';
import type { CompactionStart } from '../compact/worker.ts';
import type { PlantedFaults } from '../faults.ts';

export interface CompactionThread {
  /** Its jobs. Take it anew for every job: the thread may have been replaced. */
  jobs(): Compactor;
  /** The job that runs ends before its next series, and every later one at once. */
  stop(): void;
  /** Jobs may run again. */
  resume(): void;
  close(): Promise<void>;
}

const ENTRY = new URL('../compact/worker.ts', import.meta.url);

export function compactionThread(workers: Workers, faults: PlantedFaults = {}): CompactionThread {
  const stop = new SharedArrayBuffer(4);
  const flag = new Int32Array(stop);
  let closed = false;
  let running: { readonly jobs: Compactor; terminate(): Promise<void> } | null = null;

  function start(): Compactor {
    const worker = workers.start('compaction', ENTRY, { stop, faults } satisfies CompactionStart);
    const mine = { jobs: connectCompactor(worker), terminate: () => worker.terminate() };
    running = mine;
    void forgetAfter(worker.ended);
    async function forgetAfter(ended: Promise<string>): Promise<void> {
      await ended;
      if (running === mine) running = null;
    }
    return mine.jobs;
  }

  return {
    jobs(): Compactor {
      if (closed) throw new StorageError('ECLOSED', 'the store was closed', false);
      return running?.jobs ?? start();
    },
    stop(): void {
      Atomics.store(flag, 0, 1);
    },
    resume(): void {
      Atomics.store(flag, 0, 0);
    },
    async close(): Promise<void> {
      closed = true;
      await running?.terminate();
    },
  };
}
