// `munjigi up`: runs everything until a signal, then drains. Without --config it is the quickstart.
import type { Env, Worker } from '@munjigi/env';
import { announce, exit, nodeEnv, onSignals, stderr } from '@munjigi/env/node';
import { hasErrors, printProblem } from '@munjigi/model';
import { CONSOLE_DIR, QUICKSTART_CONFIG, QUICKSTART_SERVICES, readMunjigiConfig } from '../read-config.ts';
import { serve, StartError, type Running } from '../serve.ts';

export interface UpOptions {
  readonly config?: string;
  readonly data?: string;
  /** False with --no-traffic. */
  readonly traffic: boolean;
}

/** All of stopping may take this long; then the program ends anyway. */
const STOP_LIMIT_MS = 9500;
/** A signal this soon after the first is the same one: Ctrl-C reaches us from the terminal and again from npm. */
const SECOND_SIGNAL_MS = 1000;
const QUICKSTART_DATA = './data';

export async function up(options: UpOptions): Promise<number> {
  const quickstart = options.config === undefined;
  const file = options.config ?? QUICKSTART_CONFIG;
  const dataDir = options.data ?? (quickstart ? QUICKSTART_DATA : null);
  const { config, logLevel, problems } = readMunjigiConfig(nodeEnv(), file, dataDir);
  for (const problem of problems) stderr.write(`${printProblem(problem)}\n`);
  if (config === null || hasErrors(problems)) {
    stderr.write('munjigi up: the configuration cannot be used (munjigi check names every fault)\n');
    return 2;
  }

  // The quickstart's own lines are what a newcomer should read, not the log of every step.
  const env = nodeEnv({ logLevel: quickstart && logLevel === 'info' ? 'warn' : logLevel });
  const stop = stopRequested(env);
  let services: Worker | null = null;
  let running: Running | null = null;
  try {
    if (quickstart) services = await startServices(env, options.traffic);
    running = await serve(env, config, {
      configFile: file,
      consoleDir: CONSOLE_DIR,
      progress: (step) => {
        if (stderr.isTTY) stderr.write(`\r\x1b[K${step}`);
      },
    });
    if (stderr.isTTY) stderr.write('\r\x1b[K');
  } catch (error) {
    if (stderr.isTTY) stderr.write('\r\x1b[K');
    await services?.terminate();
    if (!(error instanceof StartError)) throw error;
    stderr.write(`munjigi up: ${error.message}\n`);
    return exit(1);
  }
  services?.post('go');
  say(env, greeting(running, quickstart));
  const live = running;
  stop.onReload(() => void live.reload('SIGHUP'));

  const why = await Promise.race([stop.stopped, live.broken]);
  const broken = why !== null;
  if (broken) env.log.error('stopping', { reason: why });
  else say(env, 'stopping: finishing requests in flight\n');
  const limit = env.clock.sleep(STOP_LIMIT_MS).then(() => 'late' as const);
  const closed = (async () => {
    services?.post('stop');
    await live.close();
    await services?.terminate();
    return 'closed' as const;
  })();
  const how = await Promise.race([closed, limit, stop.again]);
  if (how !== 'closed') stderr.write('munjigi up: not everything was finished in time\n');
  // Not by return: a timer or a socket that nobody needs any more would keep the process alive.
  return exit(broken || how !== 'closed' ? 1 : 0);
}

/** A server that nobody listens to goes on, and stops in order. */
function say(env: Env, text: string): void {
  const code = announce(text);
  if (code !== null && code !== 'EPIPE') env.log.warn('standard output cannot be written', { code });
}

async function startServices(env: Env, traffic: boolean): Promise<Worker> {
  const worker = env.workers.start('services', QUICKSTART_SERVICES, {
    gateway: 'http://127.0.0.1:8000',
    traffic,
  });
  const started = new Promise<string | null>((resolve) =>
    worker.receive((message) => {
      const { failed } = message as { failed?: string };
      resolve(failed ?? null);
    }),
  );
  const failed = await Promise.race([started, worker.ended]);
  if (failed === null) return worker;
  await worker.terminate();
  throw new StartError(
    `${failed}\nIs the quickstart running already? It needs the ports 8000, 8081-8083 and 9090.`,
  );
}

interface StopRequests {
  /** The first SIGINT or SIGTERM. */
  readonly stopped: Promise<null>;
  /** The second one. */
  readonly again: Promise<'again'>;
  /** Called at SIGHUP. */
  onReload(fn: () => void): void;
}

function stopRequested(env: Env): StopRequests {
  let reload: () => void = () => env.log.warn('still starting: reload ignored');
  let first: (value: null) => void;
  let second: (value: 'again') => void;
  const stopped = new Promise<null>((resolve) => (first = resolve));
  const again = new Promise<'again'>((resolve) => (second = resolve));
  let asked_ms = 0;
  onSignals((signal) => {
    if (signal === 'SIGHUP') return reload();
    const now = env.clock.monotonic();
    if (asked_ms === 0) asked_ms = now;
    else if (now - asked_ms > SECOND_SIGNAL_MS) second('again');
    first(null);
  });
  return {
    stopped,
    again,
    onReload: (fn) => {
      reload = fn;
    },
  };
}

function greeting(running: Running, quickstart: boolean): string {
  const [gateway = ''] = running.gatewayUrls;
  const lines = ['munjigi is ready'];
  if (gateway !== '') lines.push(`  gateway  ${running.gatewayUrls.join(', ')}`);
  lines.push(`  console  ${running.consoleUrl}`);
  if (quickstart)
    lines.push(
      '',
      'Try:',
      `  curl -H 'Host: shop.local' ${gateway.replace('http://', '')}/`,
      `  curl -i -H 'Host: orders.local' -H 'apikey: demo-key' ${gateway.replace('http://', '')}/orders`,
      '',
      'Change a weight in examples/quickstart/gateway/shop.istio.yaml: it is live when you save. Ctrl-C stops.',
    );
  return `${lines.join('\n')}\n`;
}
