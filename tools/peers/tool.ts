// Other programs, run with their output kept and the time shown.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Progress } from '../progress.ts';

export interface ToolResult {
  readonly ok: boolean;
  /** Both streams together. */
  readonly output: string;
}

/** Runs a program to its end. `what` stands in the progress line, with the seconds that it has taken so far. */
export async function runTool(
  progress: Progress,
  what: string,
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<ToolResult> {
  const began = Date.now();
  const show = (): void =>
    progress.at(process.stderr.isTTY ? `${what} (${Math.round((Date.now() - began) / 1000)} s)` : what);
  show();
  const timer = setInterval(show, 1000);
  try {
    return await new Promise((resolve) => {
      let output = '';
      const child = spawn(command, args, {
        cwd: options.cwd,
        env: { ...process.env, ...options.env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const keep = (bytes: Buffer): void => {
        output += bytes.toString();
      };
      child.stdout.on('data', keep);
      child.stderr.on('data', keep);
      child.on('error', (error) => resolve({ ok: false, output: error.message }));
      child.on('close', (code) => resolve({ ok: code === 0, output }));
    });
  } finally {
    clearInterval(timer);
  }
}

/** The last lines of what a tool said, for a message of one line. */
export function lastWords(output: string): string {
  return output.trim().split('\n').slice(-2).join(' / ').slice(0, 300);
}

/** A file beside what was made that says what it was made of. */
export function stampIs(path: string, want: string): boolean {
  try {
    return readFileSync(`${path}.stamp`, 'utf8') === want;
  } catch {
    return false;
  }
}

export function writeStamp(path: string, stamp: string): void {
  writeFileSync(`${path}.stamp`, stamp);
}
