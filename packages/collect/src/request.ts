// One fetch of a target's page: what is asked for, what is shown, and what comes back as a page or an error.
import { EnvError, type Env, type HttpFetched, type HttpTls } from '@munjigi/env';
import { formatOf, type Format } from '@munjigi/exposition';
import { decodeUtf8 } from '@munjigi/model';
import type { ScrapeProtocol } from './configuration/global.ts';
import type { HttpClientConfig } from './configuration/http.ts';
import type { ScrapeConfig } from './configuration/scrape.ts';

export type Fetched =
  | { readonly body: Uint8Array; readonly format: Format }
  | { readonly error: string; readonly tooLarge: boolean };

const MEDIA: Readonly<Record<ScrapeProtocol, string>> = {
  PrometheusProto: '',
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'PrometheusText1.0.0': 'text/plain;version=1.0.0',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
};

/** The Accept header: the job's protocols that can be read, the first liked best. */
function acceptHeader(job: ScrapeConfig): string {
  const parts: string[] = [];
  let weight = 6;
  for (const protocol of job.scrape_protocols) {
    if (MEDIA[protocol] === '') continue;
    const escaping = protocol.endsWith('1.0.0') ? `;escaping=${job.metric_name_escaping_scheme}` : '';
    parts.push(`${MEDIA[protocol]}${escaping};q=0.${weight--}`);
  }
  parts.push(`*/*;q=0.${weight}`);
  return parts.join(',');
}

/** Fetches a page. Never rejects. */
export async function fetchPage(
  env: Env,
  job: ScrapeConfig,
  url: string,
  timeout_ms: number,
  userAgent: string,
  signal: AbortSignal,
): Promise<Fetched> {
  let answer: HttpFetched;
  try {
    const tls = tlsOf(env, job);
    answer = await env.http.fetch({
      url,
      headers: {
        ...shownHeaders(env, job),
        accept: acceptHeader(job),
        'accept-encoding': job.enable_compression ? 'gzip' : 'identity',
        'user-agent': userAgent,
        'x-prometheus-scrape-timeout-seconds': String(timeout_ms / 1000),
      },
      timeout_ms,
      bodyLimit: job.body_size_limit === 0 ? BODY_MAX_BYTES : job.body_size_limit,
      followRedirects: job.follow_redirects,
      signal,
      ...(tls === null ? {} : { tls }),
    });
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    if (error.code === 'EMSGSIZE') return { error: 'body size limit exceeded', tooLarge: true };
    return { error: error.message, tooLarge: false };
  }
  if (answer.status !== 200)
    return { error: `server returned HTTP status ${answer.status}`, tooLarge: false };
  const contentType = answer.headers['content-type'] ?? '';
  const format = formatOf(contentType) ?? fallbackFormat(job);
  if (format === null) return { error: refusal(contentType), tooLarge: false };
  return { body: answer.body, format };
}

/** Without `body_size_limit` a page is still bounded. */
const BODY_MAX_BYTES = 512 * 1024 * 1024;

function fallbackFormat(job: ScrapeConfig): Format | null {
  const fallback = job.fallback_scrape_protocol;
  if (fallback === undefined) return null;
  return fallback.startsWith('OpenMetrics') ? 'openmetrics' : 'text';
}

function refusal(contentType: string): string {
  const sent = contentType === '' ? 'no Content-Type' : `the Content-Type ${JSON.stringify(contentType)}`;
  return `the target sends ${sent}, which is no text format, and no fallback_scrape_protocol is set`;
}

/** Headers of the job's own: authorization and `http_headers`. Files are read anew each time, so that they can be rotated. */
function shownHeaders(env: Env, client: HttpClientConfig): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, header] of client.http_headers) {
    const values = [
      ...header.values,
      ...header.secrets,
      ...header.files.map((path) => readText(env, path).trim()),
    ];
    headers[name.toLowerCase()] = values.join(', ');
  }
  const { basic_auth: basic, authorization } = client;
  if (basic !== undefined) {
    const user = basic.username_file === '' ? basic.username : readText(env, basic.username_file).trim();
    const password = basic.password_file === '' ? basic.password : readText(env, basic.password_file).trim();
    headers['authorization'] = `Basic ${base64(`${user}:${password}`)}`;
  } else if (authorization !== undefined) {
    const { credentials, credentials_file: file, type } = authorization;
    headers['authorization'] = `${type} ${file === '' ? credentials : readText(env, file).trim()}`;
  } else if (client.bearer_token !== '' || client.bearer_token_file !== '') {
    const file = client.bearer_token_file;
    headers['authorization'] = `Bearer ${file === '' ? client.bearer_token : readText(env, file).trim()}`;
  }
  return headers;
}

/** What TLS shows and trusts, files read; null: the defaults. Throws EnvError when a file cannot be read. */
export function tlsOf(env: Env, client: HttpClientConfig): HttpTls | null {
  const tls = client.tls_config;
  if (tls === undefined) return null;
  const text = (inline: string, file: string): string => (file === '' ? inline : readText(env, file));
  const ca = text(tls.ca, tls.ca_file);
  const cert = text(tls.cert, tls.cert_file);
  const key = text(tls.key, tls.key_file);
  return {
    ...(ca === '' ? {} : { ca }),
    ...(cert === '' ? {} : { cert }),
    ...(key === '' ? {} : { key }),
    ...(tls.server_name === '' ? {} : { serverName: tls.server_name }),
    insecureSkipVerify: tls.insecure_skip_verify,
  };
}

function readText(env: Env, path: string): string {
  const bytes = env.files.readFile(path);
  return decodeUtf8(bytes, 0, bytes.length);
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
