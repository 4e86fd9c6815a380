// A life inside a world: a process, or one thread of it. What it started (timers, sockets, ports) ends with it.
import type { Clock, Timer } from '../env.ts';
import type { SimTime } from './time.ts';

/** The simulated process is dead: a crash point was reached, or it was crashed. Real code never sees this; it just stops. */
export class SimCrash extends Error {
  override readonly name = 'SimCrash';
}

export class Task {
  readonly name: string;
  readonly time: SimTime;
  alive = true;
  /** Ends the task: an error that it did not catch. */
  readonly #failed: (error: unknown, task: Task) => void;
  readonly #endings = new Set<() => void>();
  #holds = 0;
  #idle: (() => void) | null = null;

  constructor(name: string, time: SimTime, failed: (error: unknown, task: Task) => void) {
    this.name = name;
    this.time = time;
    this.#failed = failed;
  }

  /** Calls fn when the task ends by whatever cause; returns how to take that back. */
  onEnd(fn: () => void): () => void {
    this.#endings.add(fn);
    return () => void this.#endings.delete(fn);
  }

  end(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const fn of this.#endings) fn();
    this.#endings.clear();
  }

  /** Runs fn as this task's code: not when it has ended; what it throws ends it. */
  enter(fn: () => void): void {
    if (!this.alive) return;
    try {
      fn();
    } catch (error) {
      if (!(error instanceof SimCrash)) this.#failed(error, this);
    }
  }

  /** Throws when the task has ended: the dead do nothing. */
  check(): void {
    if (!this.alive) throw new SimCrash(`${this.name} has crashed`);
  }

  /** An event of work in progress: it moves time by itself. */
  soon(delay_ms: number, fn: () => void): void {
    const release = this.hold();
    this.time.schedule(delay_ms, true, () => {
      release();
      this.enter(fn);
    });
  }

  /** Something (a timer, a receiver, a socket) keeps a thread from finishing, until the returned function is called. */
  hold(): () => void {
    this.#holds++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holds--;
      this.#look();
    };
  }

  /** Calls fn once nothing holds the task any more. */
  whenIdle(fn: () => void): void {
    this.#idle = fn;
    this.#look();
  }

  // A turn later: what released the last hold may take a new one.
  #look(): void {
    if (this.#idle === null || this.#holds > 0 || !this.alive) return;
    this.time.schedule(0, true, () => {
      if (this.#holds === 0 && this.alive) this.#idle?.();
    });
  }
}

/** The shortest delay of a real timer. */
const TIMER_MIN_MS = 1;

/** `wall`: what wall time is ahead of virtual time. */
export function simClock(task: Task, wall: () => number): Clock {
  const { time } = task;
  const timer = (first_ms: number, next: (() => number) | null, fn: () => void): Timer => {
    if (!task.alive) return { cancel: () => {} };
    const release = task.hold();
    const arm = (delay_ms: number): ReturnType<SimTime['schedule']> =>
      time.schedule(delay_ms, false, () => {
        if (next === null) over();
        else event = arm(next());
        task.enter(fn);
      });
    let event = arm(first_ms);
    const forget = task.onEnd(() => time.cancel(event));
    const over = (): void => {
      forget();
      release();
    };
    return {
      cancel(): void {
        time.cancel(event);
        over();
      },
    };
  };
  const atLeast = (ms: number): number => (ms >= TIMER_MIN_MS ? ms : TIMER_MIN_MS);
  return {
    now: () => Math.floor(wall() + time.now),
    monotonic: () => time.now + 1000,
    after: (delay_ms, fn) => timer(atLeast(delay_ms), null, fn),
    every: (interval_ms, fn) => timer(atLeast(interval_ms), () => atLeast(interval_ms), fn),
    sleep: (delay_ms) => new Promise((resolve) => void timer(atLeast(delay_ms), null, resolve)),
    yield: () => new Promise((resolve) => task.soon(0, resolve)),
  };
}
