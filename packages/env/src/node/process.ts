// The process itself: only the program's edge (commands, wiring) needs it.
import fs from 'node:fs';
import os from 'node:os';
import process from 'node:process';
import { isatty } from 'node:tty';
import { writeWholly } from './log.ts';

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Calls fn at each of these signals instead of ending the process. Returns how to stop listening. */
export function onSignals(fn: (signal: Signal) => void): () => void {
  const listeners = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const listener = (): void => fn(signal);
    process.on(signal, listener);
    return [signal, listener] as const;
  });
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

/** Ends the process at once. */
export function exit(code: number): never {
  process.exit(code);
}

/** The arguments after the program's own name. */
export function argv(): string[] {
  return process.argv.slice(2);
}

export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

export interface Output {
  /** Synchronous: nothing is lost by an `exit` that follows. Standard output throws OutputError, standard error leaves out what it can't write. */
  write(text: string | Uint8Array): void;
  readonly isTTY: boolean;
  /** Width of the terminal in characters; 80 when there is none. */
  readonly columns: number;
}

/** Standard output takes no more. `code` is the system's; EPIPE: its reader is gone. */
export class OutputError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

// A reader that is slow is waited for: what a command prints is what it was asked for.
export const stdout: Output = output(
  1,
  () => process.stdout,
  (text) => {
    const why = writeWholly(1, text, Infinity);
    if (why !== null) throw new OutputError(why.code ?? '', `standard output: ${why.message}`);
  },
);
export const stderr: Output = output(
  2,
  () => process.stderr,
  (text) => void writeWholly(2, text),
);

/** For what runs on whether or not somebody reads: writes to standard output without waiting long. null: written; else the system's code. */
export function announce(text: string): string | null {
  const why = writeWholly(1, text);
  return why === null ? null : (why.code ?? '');
}

function output(fd: number, stream: () => NodeJS.WriteStream, write: Output['write']): Output {
  return {
    write,
    get isTTY(): boolean {
      return isatty(fd);
    },
    get columns(): number {
      return stream().columns ?? 80;
    },
  };
}

/** All of standard input. */
export function readStdin(): Uint8Array {
  return fs.readFileSync(0);
}

/** Processors this process may use (cgroup limits counted). */
export function cpuCount(): number {
  return os.availableParallelism();
}

/** Memory this process may use in bytes (cgroup limits counted). */
export function memoryLimitBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < os.totalmem() ? constrained : os.totalmem();
}

export interface ProcessStats {
  readonly pid: number;
  readonly rss_bytes: number;
  readonly heap_bytes: number;
  /** User and system, all threads. */
  readonly cpu_seconds: number;
  /** Unix time. */
  readonly start_seconds: number;
  /** -1 where the system doesn't say. */
  readonly openFiles: number;
  readonly openFilesMax: number;
}

export function processStats(): ProcessStats {
  const { user, system } = process.cpuUsage();
  const memory = process.memoryUsage();
  return {
    pid: process.pid,
    rss_bytes: memory.rss,
    heap_bytes: memory.heapUsed,
    cpu_seconds: (user + system) / 1e6,
    start_seconds: STARTED_SECONDS,
    openFiles: openFiles(),
    openFilesMax: OPEN_FILES_MAX,
  };
}

const STARTED_SECONDS = (Date.now() - process.uptime() * 1000) / 1000;
const OPEN_FILES_MAX = openFilesMax();

function openFiles(): number {
  try {
    return fs.readdirSync('/proc/self/fd').length;
  } catch {
    return -1;
  }
}

function openFilesMax(): number {
  try {
    const line = /^Max open files\s+(\d+|unlimited)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8'));
    return line === null || line[1] === 'unlimited' ? -1 : Number(line[1]);
  } catch {
    return -1;
  }
}

/** Without the leading v. */
export const nodeVersion: string = process.versions.node;

export function workingDirectory(): string {
  return process.cwd();
}
