// What a process uses, from /proc.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The kernel counts CPU time in these; the same on all of Linux's platforms. */
const TICKS_PER_S = 100;

export interface Memory {
  /** All that is resident. */
  readonly resident: number;
  /** Without pages of files, which the kernel may take back. */
  readonly anonymous: number;
}

/** Bytes. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return { resident: of('VmRSS'), anonymous: of('RssAnon') + of('RssShmem') };
}

/** Bytes: the most that was ever resident. */
export function peakMemoryOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
}

/** User and system time of all its threads so far. */
export function cpuSecondsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

/** The lowest that is seen in `seconds` without load. */
export async function restingMemory(pid: number, seconds: number): Promise<Memory> {
  let lowest = memoryOf(pid);
  for (let i = 0; i < seconds * 2; i++) {
    await sleep(500);
    const now = memoryOf(pid);
    if (now.resident < lowest.resident) lowest = now;
  }
  return lowest;
}
