// An HTTP client in a thread of its own, so that a server in the main thread is not slowed by the one who measures it.
import http from 'node:http';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

export interface Timed {
  readonly status: number;
  /** From sending the request to the last byte of the answer. */
  readonly ms: number;
  readonly body: Uint8Array;
}

export interface HttpClient {
  get(port: number, path: string): Promise<Timed>;
  close(): Promise<void>;
}

interface Ask {
  readonly port: number;
  readonly path: string;
}

/** One request at a time, over kept connections. */
export function startHttpClient(): HttpClient {
  const worker = new Worker(new URL(import.meta.url));
  return {
    get: (port, path) =>
      new Promise((resolve, reject) => {
        worker.once('message', (answer: Timed | { error: string }) => {
          if ('error' in answer) reject(new Error(answer.error));
          else resolve(answer);
        });
        worker.postMessage({ port, path } satisfies Ask);
      }),
    async close() {
      await worker.terminate();
    },
  };
}

if (!isMainThread && parentPort !== null) {
  const parent = parentPort;
  const agent = new http.Agent({ keepAlive: true });
  parent.on('message', ({ port, path }: Ask) => {
    const begin = performance.now();
    const request = http.get({ host: '127.0.0.1', port, path, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const ms = performance.now() - begin;
        const body = Uint8Array.from(Buffer.concat(chunks));
        parent.postMessage({ status: response.statusCode ?? 0, ms, body } satisfies Timed, [body.buffer]);
      });
    });
    request.on('error', (error) => parent.postMessage({ error: error.message }));
  });
}
