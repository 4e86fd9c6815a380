// `munjigi tsdb verify` and `repair`: what is wrong in a folder, where, and what can be done about it.
import type { Env, FileLock } from '@munjigi/env';
import { nodeEnv, stderr, stdout } from '@munjigi/env/node';
import { StorageError } from '@munjigi/model';
import { planRepair, takeFolder, verifyStore, type Finding, type StoreVerdict } from '@munjigi/tsdb';
import { mustBeStore } from './blocks.ts';
import { Failure } from './failure.ts';
import { newProgress } from './progress.ts';

export interface VerifyCommandOptions {
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export interface RepairCommandOptions {
  readonly apply?: boolean;
  readonly quiet?: boolean;
}

/** 0: nothing is damaged; 1: something is. */
export async function verify(
  path: string,
  ulids: readonly string[],
  options: VerifyCommandOptions,
  env: Env = nodeEnv({ logLevel: 'error' }),
): Promise<number> {
  const verdict = await look(env, path, ulids, options.quiet === true);
  const damaged = verdict.findings.some(({ severity }) => severity === 'damage');
  if (options.json === true)
    stdout.write(`${JSON.stringify({ ok: !damaged, findings: verdict.findings })}\n`);
  else {
    for (const finding of verdict.findings) stdout.write(`${printFinding(finding)}\n`);
    if (options.quiet !== true) stdout.write(`${summary(verdict)}\n`);
  }
  return damaged ? 1 : 0;
}

async function look(env: Env, path: string, ulids: readonly string[], quiet: boolean): Promise<StoreVerdict> {
  mustBeStore(env.files, path);
  for (const ulid of ulids)
    if (env.files.stat(`${path}/${ulid}`)?.kind !== 'dir')
      throw new Failure(`${path}: there is no block ${ulid} in it`, 2);
  const progress = newProgress(env.clock, quiet);
  try {
    return await verifyStore(env, path, {
      ...(ulids.length > 0 ? { ulids } : {}),
      progress: (step, done, total) => progress.at(step, done, total),
    });
  } finally {
    progress.end();
  }
}

export function printFinding({ severity, path, offset, what }: Finding): string {
  return `${severity}: ${path}: ${offset < 0 ? '' : `byte ${offset}: `}${what}`;
}

function summary({ findings, blocks, headChunks, wal, wbl }: StoreVerdict): string {
  const sum = { series: 0, chunks: 0, samples: 0 };
  for (const block of blocks.values()) {
    sum.series += block.series;
    sum.chunks += block.chunks;
    sum.samples += block.samples;
  }
  const damages = findings.filter(({ severity }) => severity === 'damage').length;
  const parts = [
    `${blocks.size} blocks (${sum.series} series, ${sum.chunks} chunks, ${sum.samples} samples)`,
    `${headChunks.chunks} head chunks`,
    `${wal.records + wbl.records} log records (${wal.samples + wbl.samples} samples)`,
  ];
  return `${damages === 0 ? 'ok' : `${damages} damage${damages === 1 ? '' : 's'}`}: ${parts.join(', ')}`;
}

/** Without --apply only says what it would do: 0 when there is nothing to do, 1 when there is or when not all could be done. */
export async function repair(
  path: string,
  options: RepairCommandOptions,
  env: Env = nodeEnv({ logLevel: 'error' }),
): Promise<number> {
  mustBeStore(env.files, path);
  const lock = options.apply === true ? await ownFolder(env, path) : null;
  try {
    const verdict = await look(env, path, [], options.quiet === true);
    for (const finding of verdict.findings) stdout.write(`${printFinding(finding)}\n`);
    const aside = `${path}/aside/${env.clock.now()}`;
    const steps = planRepair(env, path, verdict, aside);
    if (steps.length === 0) {
      const damaged = verdict.findings.some(({ severity }) => severity === 'damage');
      stdout.write(damaged ? 'nothing can be done by itself\n' : 'nothing is to be done\n');
      return damaged ? 1 : 0;
    }
    if (options.apply !== true) {
      for (const { what } of steps) stdout.write(`would do: ${what}\n`);
      stdout.write(`nothing was changed: --apply does it, and keeps what it replaces in ${path}/aside\n`);
      return 1;
    }
    let failed = 0;
    for (const { what, apply } of steps) {
      let done: string;
      try {
        done = await apply();
      } catch (error) {
        failed++;
        stderr.write(`failed: ${what}: ${(error as Error).message}\n`);
        continue;
      }
      stdout.write(`done: ${done}\n`);
    }
    stdout.write(`what was replaced lies in ${aside}\n`);
    return failed > 0 ? 1 : 0;
  } finally {
    lock?.release();
  }
}

async function ownFolder(env: Env, path: string): Promise<FileLock> {
  try {
    return await takeFolder(env.files, path);
  } catch (error) {
    if (error instanceof StorageError) throw new Failure(error.message);
    throw error;
  }
}
