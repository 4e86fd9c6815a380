// `munjigi promql query`: asks the HTTP API and prints series as promtool does, one a line.
import { EnvError } from '@munjigi/env';
import { nodeEnv, stderr, stdout } from '@munjigi/env/node';
import { labelsFromObject, printLabels } from '@munjigi/model';

export interface QueryOptions {
  readonly server: string;
  readonly time?: string;
  readonly start?: string;
  readonly end?: string;
  readonly step: string;
  readonly json?: boolean;
}

type Point = readonly [time: number, value: string];

type Data =
  | { readonly resultType: 'scalar' | 'string'; readonly result: Point }
  | {
      readonly resultType: 'vector';
      readonly result: readonly { metric: Record<string, string>; value: Point }[];
    }
  | {
      readonly resultType: 'matrix';
      readonly result: readonly { metric: Record<string, string>; values: Point[] }[];
    };

interface Reply {
  readonly status: string;
  readonly error?: string;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
  readonly data?: Data;
}

const TIMEOUT_MS = 130_000;
const MAX_REPLY_BYTES = 1 << 30;

export async function promqlQuery(expr: string, options: QueryOptions): Promise<number> {
  const env = nodeEnv({ logLevel: 'error' });
  const params = new URLSearchParams({ query: expr });
  const range = options.start !== undefined;
  if (range) {
    params.set('start', options.start);
    params.set('end', options.end ?? String(env.clock.now() / 1000));
    params.set('step', options.step);
  } else if (options.time !== undefined) params.set('time', options.time);
  const url = `${options.server.replace(/\/$/, '')}/api/v1/${range ? 'query_range' : 'query'}`;
  let text: string;
  try {
    const { body } = await env.http.fetch({
      url,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new TextEncoder().encode(params.toString()),
      timeout_ms: TIMEOUT_MS,
      bodyLimit: MAX_REPLY_BYTES,
    });
    text = new TextDecoder().decode(body);
  } catch (error) {
    if (!(error instanceof EnvError || error instanceof TypeError)) throw error;
    stderr.write(
      `${options.server} does not answer: ${error.message}. Is munjigi up? Name another with --server.\n`,
    );
    return 1;
  }
  const reply = parsed(text);
  if (reply === null) {
    stderr.write(`${url} did not answer with JSON: ${text.slice(0, 200)}\n`);
    return 1;
  }
  for (const note of [...(reply.warnings ?? []), ...(reply.infos ?? [])]) stderr.write(`${note}\n`);
  if (reply.status !== 'success' || reply.data === undefined) {
    stderr.write(`${reply.error ?? 'the query failed without a reason'}\n`);
    return 1;
  }
  stdout.write(options.json === true ? `${text.trimEnd()}\n` : printed(reply.data));
  return 0;
}

function parsed(text: string): Reply | null {
  try {
    return JSON.parse(text) as Reply;
  } catch {
    return null;
  }
}

function printed(data: Data): string {
  const point = ([time, value]: Point): string => `${value} @[${time}]`;
  switch (data.resultType) {
    case 'scalar':
    case 'string':
      return `${data.resultType}: ${point(data.result)}\n`;
    case 'vector':
      return data.result
        .map(({ metric, value }) => `${printLabels(labelsFromObject(metric))} => ${point(value)}\n`)
        .join('');
    case 'matrix':
      return data.result
        .map(
          ({ metric, values }) =>
            `${printLabels(labelsFromObject(metric))} =>\n${values.map((v) => `${point(v)}\n`).join('')}`,
        )
        .join('');
  }
}
