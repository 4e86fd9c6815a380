// Bytes of answers, used again from answer to answer: fresh ones of a megabyte each make the engine collect garbage after every few queries,
// which takes longer than writing the answer.

export interface Buffers {
  /** At least so many bytes. What they hold means nothing. */
  readonly take: (bytes: number) => Uint8Array<ArrayBuffer>;
  /** Gives back all of the buffer that a view lies in. Nobody may look at it any more. */
  readonly give: (view: Uint8Array<ArrayBuffer>) => void;
}

/** Sizes are multiples of this. */
const STEP_BYTES: number = 256 * 1024;

/** Keeps `maxBytes` of what was given back. */
export function createBuffers(maxBytes: number): Buffers {
  const spare: ArrayBuffer[] = [];
  let held = 0;
  return {
    take(bytes) {
      let best = -1;
      for (const [i, { byteLength }] of spare.entries())
        if (byteLength >= bytes && (best < 0 || byteLength < spare[best]!.byteLength)) best = i;
      if (best < 0) return new Uint8Array(STEP_BYTES * Math.ceil(Math.max(1, bytes) / STEP_BYTES));
      const [buffer] = spare.splice(best, 1);
      held -= buffer!.byteLength;
      return new Uint8Array(buffer!);
    },
    give({ buffer }) {
      // One that was moved away in the meantime has no bytes any more.
      if (buffer.byteLength === 0 || held + buffer.byteLength > maxBytes) return;
      held += buffer.byteLength;
      spare.push(buffer);
    },
  };
}
