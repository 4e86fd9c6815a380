// `Port` over a MessagePort. Each message travels in an envelope with the ports it brings, so that the receiver gets them as Ports again.
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Port } from '../env.ts';

interface Envelope {
  readonly m: unknown;
  readonly p?: MessagePort[];
}

const NATIVE = new WeakMap<Port, MessagePort>();

export function wrapPort(native: MessagePort): Port {
  let closed = false;
  let receiving = false;
  const waiting: (() => void)[] = [];
  native.on('close', () => {
    closed = true;
    for (const fn of waiting.splice(0)) fn();
  });
  // Listening for the end alone keeps no thread alive; a receiver does.
  native.unref();
  const port: Port = {
    post(message, transfer): void {
      if (transfer === undefined || transfer.length === 0)
        return native.postMessage({ m: message } satisfies Envelope);
      const ports: MessagePort[] = [];
      const list = transfer.map((t) => {
        if (t instanceof ArrayBuffer) return t;
        const inner = unwrapPort(t);
        ports.push(inner);
        return inner;
      });
      native.postMessage({ m: message, p: ports } satisfies Envelope, list);
    },
    receive(fn): void {
      if (receiving) throw new Error('a port has one receiver');
      receiving = true;
      native.on('message', ({ m, p }: Envelope) => fn(m, p === undefined ? [] : p.map(wrapPort)));
      native.ref();
    },
    onClose(fn): void {
      if (closed) queueMicrotask(fn);
      else waiting.push(fn);
    },
    close: () => native.close(),
  };
  NATIVE.set(port, native);
  return port;
}

/** The MessagePort inside; throws when it isn't one of ours. */
function unwrapPort(port: Port): MessagePort {
  const native = NATIVE.get(port);
  if (native === undefined) throw new TypeError('only a port made by `channel` (or received) can be moved');
  return native;
}

export function portPair(): [Port, Port] {
  const { port1, port2 } = new MessageChannel();
  return [wrapPort(port1), wrapPort(port2)];
}
