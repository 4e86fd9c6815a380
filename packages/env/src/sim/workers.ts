// Threads of a simulated process: tasks in this thread, each with a world of its own, that talk through ports.
import type { Env, Port, Transfer, Worker, WorkerMain, Workers } from '../env.ts';
import type { Prng } from './prng.ts';
import { Task } from './task.ts';

/** How long a message takes. */
const MESSAGE_MIN_MS = 0.01;
const MESSAGE_MAX_MS = 0.5;

type Message = readonly [message: unknown, ports: readonly SimPort[]];

/** One end of a channel. When it is moved, the far end stays connected and only the owner changes. */
class SimPort {
  owner: Task;
  far: SimPort | null = null;
  readonly #random: Prng;
  readonly #waiting: Message[] = [];
  readonly #closings: (() => void)[] = [];
  #receiver: ((message: unknown, ports: readonly Port[]) => void) | null = null;
  #closed = false;
  #arrival = 0;
  #forget: () => void;
  #release: () => void = () => {};

  constructor(owner: Task, random: Prng) {
    this.owner = owner;
    this.#random = random;
    this.#forget = owner.onEnd(() => this.close());
  }

  move(to: Task): void {
    this.#forget();
    this.#release();
    this.owner = to;
    this.#receiver = null;
    if (to.alive) this.#forget = to.onEnd(() => this.close());
    else this.close();
  }

  post(message: unknown, transfer: readonly Transfer[]): void {
    const buffers = transfer.filter((t) => t instanceof ArrayBuffer);
    const ports: SimPort[] = [];
    for (const t of transfer) if (!(t instanceof ArrayBuffer)) ports.push(taken(t));
    const { far } = this;
    if (ports.includes(this)) throw new Error('a port cannot be sent through itself');
    const copy: unknown = structuredClone(message, { transfer: buffers });
    if (this.#closed || far === null) for (const port of ports) port.close();
    else far.#arrive(copy, ports);
  }

  receive(fn: (message: unknown, ports: readonly Port[]) => void): void {
    if (this.#receiver !== null) throw new Error('a port has one receiver');
    this.#receiver = fn;
    if (!this.#closed) this.#release = this.owner.hold();
    for (const message of this.#waiting.splice(0)) this.owner.soon(0, () => this.#deliver(message));
  }

  onClose(fn: () => void): void {
    if (this.#closed) this.owner.soon(0, fn);
    else this.#closings.push(fn);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.#release();
    const { far } = this;
    this.far = null;
    for (const fn of this.#closings.splice(0)) this.owner.soon(0, fn);
    if (far === null) return;
    // What was posted before the end still arrives.
    const time = far.owner.time;
    time.schedule(Math.max(0, far.#arrival - time.now), true, () => far.close());
  }

  #arrive(message: unknown, ports: readonly SimPort[]): void {
    const { time } = this.owner;
    this.#arrival = Math.max(this.#arrival, time.now + this.#random.between(MESSAGE_MIN_MS, MESSAGE_MAX_MS));
    time.schedule(this.#arrival - time.now, true, () => this.#deliver([message, ports]));
  }

  #deliver(message: Message): void {
    if (this.#receiver === null) return void this.#waiting.push(message);
    const receiver = this.#receiver;
    for (const port of message[1]) port.move(this.owner);
    this.owner.enter(() => receiver(message[0], message[1].map(faceOf)));
  }
}

const INNER = new WeakMap<Port, SimPort>();

/** What the owner holds; it is dead once the port has been moved away. */
function faceOf(inner: SimPort): Port {
  const live = (face: Port): SimPort | null => INNER.get(face) ?? null;
  const face: Port = {
    post: (message, transfer) => live(face)?.post(message, transfer ?? []),
    receive: (fn) => live(face)?.receive(fn),
    onClose: (fn) => live(face)?.onClose(fn),
    close: () => live(face)?.close(),
  };
  INNER.set(face, inner);
  return face;
}

function taken(face: Port): SimPort {
  const inner = INNER.get(face);
  if (inner === undefined) throw new TypeError('only a port made by `channel` (or received) can be moved');
  INNER.delete(face);
  return inner;
}

function pair(a: Task, b: Task, random: Prng): [SimPort, SimPort] {
  const one = new SimPort(a, random);
  const two = new SimPort(b, random);
  one.far = two;
  two.far = one;
  return [one, two];
}

export function simWorkers(task: Task, random: Prng, makeEnv: (thread: Task) => Env): Workers {
  return {
    channel(): [Port, Port] {
      const [one, two] = pair(task, task, random);
      return [faceOf(one), faceOf(two)];
    },
    start(name, entry, data): Worker {
      const { promise: ended, resolve } = Promise.withResolvers<string>();
      const finish = (reason: string): void => {
        if (!thread.alive) return;
        thread.end();
        if (task.alive) task.soon(0, () => resolve(reason));
      };
      const thread = new Task(`thread ${name}`, task.time, (error) => finish(`failed: ${described(error)}`));
      task.onEnd(() => thread.end());
      const [ours, theirs] = pair(task, thread, random);
      const copy: unknown = structuredClone(data);
      const begin = async (): Promise<void> => {
        const module = (await import(entry.href)) as { run?: WorkerMain };
        if (typeof module.run !== 'function')
          throw new Error(`${entry.href} does not export a function \`run\``);
        if (!thread.alive) return;
        const running = module.run(makeEnv(thread), faceOf(theirs), copy as never) ?? Promise.resolve();
        running.then(() => thread.whenIdle(() => finish('finished')), failed);
      };
      const failed = (error: unknown): void => finish(`failed: ${described(error)}`);
      task.soon(0, () => task.time.hold(begin().catch(failed)));
      return {
        ...faceOf(ours),
        name,
        ended,
        terminate: async () => finish('terminated'),
      };
    },
  };
}

function described(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
