// Virtual time: a heap of events, run one at a time in order of time and then of asking. Between two events every promise that can go on does.
// Time moves when somebody drives it (`advance`, `run`, `settle`), and by itself as far as work in progress needs (disk, network, messages), so
// that a plain `await file.sync()` in a test ends. Timers alone never move it.
import { drained, Heap } from './heap.ts';

/** How much virtual time `run` gives a promise. */
const RUN_MAX_MS = 3_600_000;

export interface SimEvent {
  readonly at: number;
  readonly order: number;
  readonly io: boolean;
  fn: (() => void) | null;
}

interface Driver {
  /** How far time may go for it. */
  limit(): number;
  done(): boolean;
  resolve(): void;
  reject(error: Error): void;
}

export class SimTime {
  /** Ms since the world began, with a fraction. */
  now = 0;
  readonly #automatic: boolean;
  readonly #heap = new Heap<SimEvent>((a, b) => a.at - b.at || a.order - b.order);
  readonly #drivers = new Set<Driver>();
  readonly #held = new Set<Promise<unknown>>();
  #order = 0;
  #io = 0;
  #running = false;

  /** automatic false: work in progress waits for a driver too. */
  constructor(automatic: boolean) {
    this.#automatic = automatic;
  }

  /** `io`: work in progress, which moves time by itself. */
  schedule(delay_ms: number, io: boolean, fn: () => void): SimEvent {
    const event: SimEvent = { at: this.now + Math.max(0, delay_ms), order: this.#order++, io, fn };
    this.#heap.push(event);
    if (io) {
      this.#io++;
      if (this.#automatic) this.#start();
    }
    return event;
  }

  cancel(event: SimEvent): void {
    if (event.fn === null) return;
    event.fn = null;
    if (event.io) this.#io--;
  }

  /** Nothing else happens until the promise (of the real world, such as an import) has settled. */
  hold(promise: Promise<unknown>): void {
    const forget = (): void => {
      this.#held.delete(held);
    };
    const held: Promise<unknown> = promise.then(forget, forget);
    this.#held.add(held);
  }

  /** Moves time by ms and runs all that falls due. */
  advance(ms: number): Promise<void> {
    const target = this.now + ms;
    return this.#drive(
      () => target,
      () => this.now >= target && !this.#due(target),
    );
  }

  /** Runs until no work is in progress; time moves only as far as that needs. */
  settle(): Promise<void> {
    return this.#drive(
      () => (this.#io > 0 ? Infinity : this.now),
      () => this.#io === 0 && this.#held.size === 0 && !this.#due(this.now),
    );
  }

  /** Moves time until the promise settles. Rejects when no event is left that could settle it, and after max_ms. */
  async run<T>(work: Promise<T> | (() => Promise<T>), max_ms: number = RUN_MAX_MS): Promise<T> {
    const promise = typeof work === 'function' ? work() : work;
    const end = this.now + max_ms;
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    promise.then(settle, settle);
    await this.#drive(
      () => end,
      () => {
        if (!settled && this.#peek() === undefined && this.#held.size === 0)
          throw new Error(`stuck at ${this.now} ms: the promise waits, and no event is left`);
        if (!settled && this.now >= end)
          throw new Error(`the promise has not settled within ${max_ms} ms of virtual time`);
        return settled;
      },
    );
    return promise;
  }

  /** An error of the simulated program (or against the simulation's rules) that nobody caught: the drivers get it, or the process. */
  fail(error: unknown): void {
    const drivers = [...this.#drivers];
    this.#drivers.clear();
    if (drivers.length === 0)
      queueMicrotask(() => {
        throw error;
      });
    for (const driver of drivers) driver.reject(error as Error);
  }

  #drive(limit: () => number, done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#drivers.add({ limit, done, resolve, reject });
      this.#start();
    });
  }

  #start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#loop();
  }

  async #loop(): Promise<void> {
    for (;;) {
      await drained();
      while (this.#held.size > 0) {
        await Promise.race(this.#held);
        await drained();
      }
      if (this.#letGo()) continue;
      const automatic = this.#automatic && this.#io > 0;
      if (this.#drivers.size === 0 && !automatic) break;
      let limit = this.#drivers.size === 0 ? Infinity : this.now;
      for (const driver of this.#drivers) limit = Math.max(limit, driver.limit());
      const next = this.#peek();
      if (next === undefined || next.at > limit) {
        this.now = limit;
        continue;
      }
      this.#heap.pop();
      this.now = Math.max(this.now, next.at);
      const fn = next.fn!;
      this.cancel(next);
      try {
        fn();
      } catch (error) {
        this.fail(error);
      }
    }
    this.#running = false;
  }

  /** Resolves the drivers that have what they wanted. */
  #letGo(): boolean {
    let any = false;
    for (const driver of this.#drivers) {
      try {
        if (!driver.done()) continue;
        driver.resolve();
      } catch (error) {
        driver.reject(error as Error);
      }
      this.#drivers.delete(driver);
      any = true;
    }
    return any;
  }

  #due(time: number): boolean {
    const next = this.#peek();
    return next !== undefined && next.at <= time;
  }

  #peek(): SimEvent | undefined {
    for (;;) {
      const next = this.#heap.first();
      if (next === undefined || next.fn !== null) return next;
      this.#heap.pop();
    }
  }
}
