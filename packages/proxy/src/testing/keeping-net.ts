// Real sockets that keep bytes: every other write holds the caller's buffer for a while before it sends it, and checks then that nobody touched
// it. What the contract of Socket.write forbids shows up as an error here.
import { FULL, KEPT, TAKEN, type Net, type Socket, type SocketHandler, type WriteState } from '@munjigi/env';

export interface KeepingNet extends Net {
  /** Writes that were kept, and buffers that were touched meanwhile. */
  readonly kept: () => number;
  readonly touched: () => number;
}

interface Waiting {
  readonly buffer: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly copy: Uint8Array;
}

export function keepingNet(net: Net, seed: number): KeepingNet {
  let kept = 0;
  let touched = 0;
  let state = seed;
  const random = (n: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % n;
  };

  const wrap = (socket: Socket, handler: () => SocketHandler): { socket: Socket; handler: SocketHandler } => {
    let waiting: Waiting[] = [];
    let below = false;
    let ending = false;
    let closed = false;
    const flush = (): void => {
      if (closed) return;
      for (const w of waiting) {
        w.copy.forEach((byte, i) => {
          if (w.buffer[w.from + i] === byte) return;
          touched++;
        });
        if (socket.write(w.copy, 0, w.copy.length) !== TAKEN) below = true;
      }
      waiting = [];
      if (ending) socket.end();
      if (!below) handler().drain();
    };
    const outer: Socket = {
      get remoteAddress() {
        return socket.remoteAddress;
      },
      get remotePort() {
        return socket.remotePort;
      },
      write(b, from, to): WriteState {
        if (closed) return TAKEN;
        if (waiting.length === 0 && random(2) === 0) {
          const s = socket.write(b, from, to);
          if (s !== TAKEN) below = true;
          return s;
        }
        kept++;
        waiting.push({ buffer: b, from, to, copy: Uint8Array.from(b.subarray(from, to)) });
        if (waiting.length === 1) setTimeout(flush, random(3));
        return random(2) === 0 ? KEPT : FULL;
      },
      cork: () => socket.cork(),
      uncork: () => socket.uncork(),
      end: () => {
        ending = true;
        if (waiting.length === 0) socket.end();
      },
      reset: () => socket.reset(),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      idle: (ms) => socket.idle(ms),
    };
    const inner: SocketHandler = {
      open: () => handler().open?.(),
      data: (b, n) => handler().data(b, n),
      drain: () => {
        below = false;
        if (waiting.length === 0) handler().drain();
      },
      end: () => handler().end(),
      timeout: () => handler().timeout?.(),
      closed: (why) => {
        closed = true;
        handler().closed(why);
      },
    };
    return { socket: outer, handler: inner };
  };

  return {
    kept: () => kept,
    touched: () => touched,
    listen: (options, accept) =>
      net.listen(options, (socket) => {
        let own: SocketHandler | null = null;
        const w = wrap(socket, () => own!);
        own = accept(w.socket);
        return w.handler;
      }),
    connect(options, handler) {
      const cell: { inner: SocketHandler | null } = { inner: null };
      const relay: SocketHandler = {
        open: () => cell.inner!.open?.(),
        data: (b, n) => cell.inner!.data(b, n),
        drain: () => cell.inner!.drain(),
        end: () => cell.inner!.end(),
        timeout: () => cell.inner!.timeout?.(),
        closed: (why) => cell.inner!.closed(why),
      };
      const w = wrap(net.connect(options, relay), () => handler);
      cell.inner = w.handler;
      return w.socket;
    },
    tryPort: (host, port) => net.tryPort(host, port),
    resolve: (host) => net.resolve(host),
  };
}
