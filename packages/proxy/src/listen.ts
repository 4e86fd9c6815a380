// The ports that a worker listens on. A port is known by address and number: a change of its listener never rebinds it. A new one holds
// what it accepts until the version that wants it is committed.
import type { Listener, Socket, SocketHandler } from '@munjigi/env';
import { EnvError } from '@munjigi/env';
import type { Answer } from './answer.ts';
import { ClientConnection } from './client.ts';
import { REFUSE } from './http1/refusal.ts';
import { WORKER } from './counters/layout.ts';
import type { Gate } from './gate.ts';
import type { Hosts } from './route/hosts.ts';
import type { Route } from './route/route.ts';
import type { Rules } from './route/rules.ts';

/** Sockets that a port holds before its first commit; more are reset. */
const HELD_SOCKETS = 1024;

export interface VirtualHost {
  readonly rules: Rules<Route>;
  readonly noRoute: Answer;
}

export class ListenerPort {
  readonly address: string;
  readonly port: number;
  hosts: Hosts<VirtualHost>;
  /** Requests are served; before, sockets are held. */
  live = false;
  /** No keep-alive any more: the listener is gone. */
  closing = false;
  /** Its client connections. */
  readonly open: Set<ClientConnection> = new Set();
  #held: ClientConnection[] = [];
  #listener: Listener | null = null;
  readonly #gate: Gate;

  constructor(gate: Gate, address: string, port: number, hosts: Hosts<VirtualHost>) {
    this.#gate = gate;
    this.address = address;
    this.port = port;
    this.hosts = hosts;
  }

  /**
   * Binds. Where ports can't be shared between threads only the first worker listens: false for the others. Rejects with EnvError.
   */
  async bind(first: boolean): Promise<boolean> {
    const { net } = this.#gate.env;
    const accept = (socket: Socket): SocketHandler => this.#accept(socket);
    const options = { host: this.address, port: this.port };
    try {
      this.#listener = await net.listen({ ...options, reusePort: true }, accept);
      return true;
    } catch (error) {
      if (!(error instanceof EnvError) || !UNSHARED.has(error.code)) throw error;
      if (!first) return false;
      this.#listener = await net.listen(options, accept);
      return true;
    }
  }

  /** From now on requests are served, also those that wait. */
  start(): void {
    if (this.live) return;
    this.live = true;
    for (const c of this.#held.splice(0)) c.socket.resume();
  }

  /** Stops listening; connections end after their request. */
  async close(): Promise<void> {
    this.closing = true;
    const listener = this.#listener;
    this.#listener = null;
    for (const c of this.open) c.drainOut();
    if (listener !== null) await listener.close();
  }

  /** As if it had never been: what it holds is reset. */
  async abort(): Promise<void> {
    for (const c of this.#held.splice(0)) c.socket.reset();
    await this.close();
  }

  #accept(socket: Socket): SocketHandler {
    const gate = this.#gate;
    const c = new ClientConnection(gate, this, socket);
    gate.add(c);
    this.open.add(c);
    if (gate.connections.length > gate.limits.maxConnections) {
      gate.cells[WORKER.bad + REFUSE.connectionLimit]! += 1;
      socket.reset();
    } else if (!this.live) {
      if (this.#held.length >= HELD_SOCKETS) socket.reset();
      else {
        socket.pause();
        this.#held.push(c);
      }
    }
    return c;
  }
}

/** Systems without shared ports answer so. */
const UNSHARED = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS', 'ENOPROTOOPT']);
