// Both ends of the wire in tests, written apart from the code under test: a client that reads responses, and an upstream that records
// requests. They are strict in their own way: anything they can't read fails the test.
import { once } from 'node:events';
import net from 'node:net';

export interface Message {
  readonly start: string;
  readonly head: string;
  /** Lower-case names; repeated ones joined by ', '. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Reads one message off the front of `text`; null: more is needed. `bodyless`: no body whatever the head says. */
export function readMessage(
  text: string,
  kind: 'request' | 'response',
  ended: boolean,
  bodyless = false,
): { message: Message; rest: string } | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = text.slice(0, end);
  const [start = '', ...lines] = head.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) throw new Error(`bad header line ${JSON.stringify(line)}`);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const after = text.slice(end + 4);
  const done = (body: string, rest: string): { message: Message; rest: string } => ({
    message: { start, head, headers, body },
    rest,
  });
  const te = headers['transfer-encoding'];
  const cl = headers['content-length'];
  if (te !== undefined && cl !== undefined) throw new Error(`both framings in ${JSON.stringify(head)}`);
  const status = Number(start.split(' ')[1]);
  if (bodyless || (kind === 'response' && (status < 200 || status === 204 || status === 304)))
    return done('', after);
  if (te !== undefined) {
    if (te !== 'chunked') throw new Error(`transfer-encoding ${te}`);
    let body = '';
    let rest = after;
    for (;;) {
      const line = /^([0-9a-f]+)\r\n/.exec(rest);
      if (line === null) {
        if (rest.length > 20) throw new Error(`bad chunk size ${JSON.stringify(rest.slice(0, 30))}`);
        return null;
      }
      const size = Number.parseInt(line[1]!, 16);
      const from = line[0].length;
      if (rest.length < from + size + 2) return null;
      if (rest.slice(from + size, from + size + 2) !== '\r\n') throw new Error('bad chunk end');
      body += rest.slice(from, from + size);
      rest = rest.slice(from + size + 2);
      if (size === 0) return done(body, rest);
    }
  }
  if (cl !== undefined) {
    if (!/^\d+$/.test(cl)) throw new Error(`content-length ${cl}`);
    return after.length < Number(cl) ? null : done(after.slice(0, Number(cl)), after.slice(Number(cl)));
  }
  if (kind === 'request') return done('', after);
  return ended ? done(after, '') : null;
}

/** A client connection. */
export class RawClient {
  readonly socket: net.Socket;
  /** Resolves when the connection is closed: true when by FIN, false by reset. */
  readonly closed: Promise<boolean>;
  #text = '';
  #ended = false;
  #error: Error | null = null;
  #wake: (() => void)[] = [];

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (s: string) => this.#on(() => (this.#text += s)));
    this.socket.on('end', () => this.#on(() => (this.#ended = true)));
    this.socket.on('error', (e) => this.#on(() => (this.#error = e)));
    this.closed = new Promise((resolve) => {
      this.socket.on('end', () => resolve(true));
      this.socket.on('close', () => resolve(this.#error === null));
    });
    this.socket.on('close', () => this.#on(() => (this.#ended = true)));
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Everything that came and was not read as a response. */
  get rest(): string {
    return this.#text;
  }

  /** The next response; rejects when the connection closes before it is whole. */
  async response(bodyless = false): Promise<Message & { readonly status: number }> {
    for (;;) {
      const read = readMessage(this.#text, 'response', this.#ended, bodyless);
      if (read !== null) {
        this.#text = read.rest;
        return { ...read.message, status: Number(read.message.start.split(' ')[1]) };
      }
      if (this.#ended) throw new Error(`closed after ${JSON.stringify(this.#text.slice(0, 200))}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** All responses until the connection closes. */
  async all(): Promise<(Message & { readonly status: number })[]> {
    const found: (Message & { readonly status: number })[] = [];
    for (;;) {
      try {
        found.push(await this.response());
      } catch {
        return found;
      }
    }
  }

  close(): void {
    this.socket.destroy();
  }

  #on(fn: () => void): void {
    fn();
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** One request on a connection of its own. */
export async function ask(port: number, text: string): Promise<Message & { readonly status: number }> {
  const client = new RawClient(port);
  try {
    return await client.send(text).response();
  } finally {
    client.close();
  }
}

export function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${headers}\r\n`;
}

export interface Recorder {
  readonly port: number;
  readonly requests: Message[];
  /** Connections accepted so far. */
  readonly connections: () => number;
  /** Connections open now. */
  readonly open: Set<net.Socket>;
  /** Waits until n requests have come in all. */
  seen(n: number): Promise<void>;
  close(): Promise<void>;
}

/** Raw bytes to answer a request with; null: nothing (the answerer does what it wants with the socket). */
export type Answerer = (request: Message, socket: net.Socket) => string | null;

export const ok: Answerer = () => 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** An upstream that records every request and answers it. */
export async function recorder(answer: Answerer = ok): Promise<Recorder> {
  const requests: Message[] = [];
  const open = new Set<net.Socket>();
  let connections = 0;
  let wake: (() => void)[] = [];
  const server = net.createServer({ noDelay: true }, (socket) => {
    connections++;
    open.add(socket);
    let text = '';
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    socket.on('data', (s: string) => {
      text += s;
      for (;;) {
        const read = readMessage(text, 'request', false);
        if (read === null) return;
        text = read.rest;
        requests.push(read.message);
        for (const fn of wake.splice(0)) fn();
        const reply = answer(read.message, socket);
        if (reply !== null && socket.writable) socket.write(reply, 'latin1');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    requests,
    connections: () => connections,
    open,
    async seen(n) {
      while (requests.length < n) await new Promise<void>((resolve) => wake.push(resolve));
    },
    async close() {
      wake = [];
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
