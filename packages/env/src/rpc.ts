// Calls between threads over one Port, in both directions. A reply is the handler's value or its error; what a reply moves (instead of
// copying) is wrapped by `moving`. When the other side is gone, waiting calls are rejected.
import { EnvError, type Port, type Transfer } from './env.ts';

interface CallMessage {
  readonly call: number;
  readonly method: string;
  readonly argument: unknown;
}

interface ReplyMessage {
  readonly reply: number;
  readonly value?: unknown;
  readonly error?: {
    readonly name: string;
    readonly message: string;
    readonly code?: string;
    readonly stack?: string;
  };
}

const MOVING = Symbol('moving');

/** A reply whose buffers or ports are moved to the caller. */
export function moving<T>(value: T, transfer: readonly Transfer[]): T {
  return { [MOVING]: true, value, transfer } as unknown as T;
}

/** `ports`: what the caller's transfer list held. */
export type Handler = (argument: never, ports: readonly Port[]) => unknown;

export interface Caller {
  call<T>(method: string, argument: unknown, transfer?: readonly Transfer[]): Promise<T>;
  /** Sends without waiting for a reply. */
  send(method: string, argument: unknown, transfer?: readonly Transfer[]): void;
  /** Rejects everything that waits and everything that follows. */
  fail(reason: string): void;
  readonly waiting: number;
}

/** Both directions on one port: answers calls with `handlers`, and makes calls. */
export function joinPort(port: Port, handlers: Readonly<Record<string, Handler>>): Caller {
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let next = 1;
  let dead: string | null = null;
  const answer = async ({ call, method, argument }: CallMessage, ports: readonly Port[]): Promise<void> => {
    try {
      const handler = handlers[method];
      if (handler === undefined) throw new Error(`no method ${method} on this port`);
      const result = await handler(argument as never, ports);
      if (call === 0) return;
      if (typeof result === 'object' && result !== null && MOVING in result) {
        const moved = result as unknown as { value: unknown; transfer: readonly Transfer[] };
        port.post({ reply: call, value: moved.value } satisfies ReplyMessage, moved.transfer);
      } else port.post({ reply: call, value: result } satisfies ReplyMessage);
    } catch (error) {
      if (call === 0) throw error;
      const { name, message, stack, code } = error as Error & { code?: string };
      port.post({
        reply: call,
        error: {
          name,
          message,
          ...(stack === undefined ? {} : { stack }),
          ...(code === undefined ? {} : { code }),
        },
      } satisfies ReplyMessage);
    }
  };
  port.receive((message, ports) => {
    const m = message as CallMessage | ReplyMessage;
    if ('call' in m) return void answer(m, ports);
    const waiter = waiting.get(m.reply);
    if (waiter === undefined) return;
    waiting.delete(m.reply);
    if (m.error === undefined) waiter.resolve(m.value as never);
    else waiter.reject(rebuilt(m.error));
  });
  const fail = (reason: string): void => {
    dead ??= reason;
    for (const { reject } of waiting.values()) reject(new EnvError('EPIPE', '', reason));
    waiting.clear();
  };
  port.onClose(() => fail('the other thread has ended'));
  return {
    call: (method, argument, transfer) =>
      new Promise((resolve, reject) => {
        if (dead !== null) return reject(new EnvError('EPIPE', method, dead));
        const call = next++;
        waiting.set(call, { resolve, reject });
        port.post({ call, method, argument } satisfies CallMessage, transfer);
      }),
    send: (method, argument, transfer) => {
      if (dead === null) port.post({ call: 0, method, argument } satisfies CallMessage, transfer);
    },
    fail,
    get waiting() {
      return waiting.size;
    },
  };
}

function rebuilt(e: NonNullable<ReplyMessage['error']>): Error {
  const error = new Error(e.message);
  error.name = e.name;
  if (e.stack !== undefined) error.stack = e.stack;
  if (e.code !== undefined) Object.assign(error, { code: e.code });
  return error;
}
