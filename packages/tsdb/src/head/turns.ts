// Who may go when. Commits become visible in the order of the log, one whole commit at a time, and never while a capture runs: that
// is all of a query's isolation. The sweep waits until no select holds row numbers.

/** A commit that is in the log. */
interface Ticket {
  publish: () => void;
  durable: boolean;
  done: () => void;
}

export interface Turns {
  /** Queues a commit in the order of the log. */
  enqueue(publish: () => void): { ticket: Ticket; visible: Promise<void> };
  /** The commit may become visible as soon as those before it have. */
  release(ticket: Ticket): void;
  /** The commit never becomes visible. */
  drop(ticket: Ticket): void;
  waiting(): number;
  /** Resolves when it is this capture's turn, with what ends it. */
  capture(): Promise<() => void>;
  /** Row numbers stay what they are until the result is called. */
  share(): Promise<() => void>;
  /** Waits until nobody shares and keeps new ones waiting. */
  exclude(): Promise<() => void>;
}

export function newTurns(): Turns {
  let tickets: Ticket[] = [];
  const captures: (() => void)[] = [];
  let capturing = false;
  let sharers = 0;
  let excluded = false;
  const shareQueue: (() => void)[] = [];
  const excludeQueue: (() => void)[] = [];

  function publishReady(): void {
    let n = 0;
    while (n < tickets.length && tickets[n]!.durable) n++;
    if (n === 0) return;
    const ready = tickets.slice(0, n);
    tickets = tickets.slice(n);
    for (const ticket of ready) ticket.publish();
    for (const ticket of ready) ticket.done();
  }

  function endCapture(): void {
    // What came during the capture goes before the next one, so that neither side starves.
    publishReady();
    const next = captures.shift();
    if (next === undefined) capturing = false;
    else next();
  }

  function pass(): void {
    if (sharers === 0 && !excluded && excludeQueue.length > 0) {
      excluded = true;
      excludeQueue.shift()!();
    }
    if (excluded || excludeQueue.length > 0) return;
    while (shareQueue.length > 0) {
      sharers++;
      shareQueue.shift()!();
    }
  }

  return {
    enqueue(publish): { ticket: Ticket; visible: Promise<void> } {
      let done!: () => void;
      const visible = new Promise<void>((resolve) => (done = resolve));
      const ticket: Ticket = { publish, durable: false, done };
      tickets.push(ticket);
      return { ticket, visible };
    },
    release(ticket): void {
      ticket.durable = true;
      if (!capturing) publishReady();
    },
    drop(ticket): void {
      tickets = tickets.filter((t) => t !== ticket);
    },
    waiting: () => tickets.length,
    async capture(): Promise<() => void> {
      if (capturing) await new Promise<void>((resolve) => captures.push(resolve));
      capturing = true;
      return once(endCapture);
    },
    async share(): Promise<() => void> {
      if (excluded || excludeQueue.length > 0) await new Promise<void>((resolve) => shareQueue.push(resolve));
      else sharers++;
      return once(() => {
        sharers--;
        pass();
      });
    },
    async exclude(): Promise<() => void> {
      if (excluded || sharers > 0) await new Promise<void>((resolve) => excludeQueue.push(resolve));
      else excluded = true;
      return once(() => {
        excluded = false;
        pass();
      });
    },
  };
}

function once(fn: () => void): () => void {
  let called = false;
  return () => {
    if (called) return;
    called = true;
    fn();
  };
}
