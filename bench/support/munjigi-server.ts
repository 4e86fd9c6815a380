// The whole program on a data folder, as a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../compat/prometheus/server.ts';

const PROGRAM: string = fileURLToPath(new URL('../../packages/cli/bin/munjigi.mjs', import.meta.url));
const READY_TRIES = 600;

export interface MunjigiServer {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Without a gateway and without targets, with `workers` query threads. Rejects with what it said when it ends instead of getting ready. */
export async function startMunjigi(data: string, workers: number): Promise<MunjigiServer> {
  const port = await freePort();
  const config = `${data}.yaml`;
  writeFileSync(
    config,
    `metrics:
  storage: { path: ${data}, retention: 100y }
query: { workers: ${workers} }
console: { listen: "127.0.0.1:${port}" }
log: { level: warn }
`,
  );
  const child = spawn(process.execPath, [PROGRAM, 'up', '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  for (let i = 0; i < READY_TRIES; i++) {
    if (child.exitCode !== null) throw new Error(`munjigi ended: ${said.slice(-2000)}`);
    const answer = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.status === 200) return { port, pid: child.pid!, stop };
    await sleep(100);
  }
  await stop();
  throw new Error(`munjigi does not get ready: ${said.slice(-2000)}`);
}
