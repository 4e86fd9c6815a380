// An answer in pieces: whole where it is one piece, else with a rest whose next piece is always being made while the last one is sent.
import type { Buffers } from './buffers.ts';
import type { QueryReply } from './request.ts';

type Pieces = AsyncGenerator<Uint8Array<ArrayBuffer>>;

export interface StreamOptions {
  /** Where pieces go whose bytes are free. */
  readonly buffers: Buffers;
  readonly copiedBytes?: () => number;
}

/** `done` is called once, when the last piece was made or the rest was dropped. Rejects with what the pieces throw before the second of them. */
export async function streamed(
  pieces: Pieces,
  reply: Omit<QueryReply, 'body' | 'rest'>,
  done: () => void,
  { buffers, copiedBytes = () => 0 }: StreamOptions,
): Promise<QueryReply> {
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    done();
  };
  const pull = async (): Promise<Uint8Array<ArrayBuffer> | null> => {
    try {
      const next = await pieces.next();
      if (next.done !== true) return next.value;
    } catch (error) {
      end();
      throw error;
    }
    end();
    return null;
  };
  const body = (await pull()) ?? new Uint8Array(0);
  const second = over ? null : await pull();
  if (second === null) {
    // It may lie in a longer buffer, which would go with it.
    const whole = body.slice();
    buffers.give(body);
    return { ...reply, body: whole };
  }
  let ahead: ReturnType<typeof pull> = Promise.resolve(second);
  return {
    ...reply,
    body,
    rest: {
      async next(spent) {
        if (spent !== null) buffers.give(spent);
        const piece = await ahead;
        if (piece !== null) {
          ahead = pull();
          // Heard when it is asked for.
          ahead.catch(() => undefined);
        }
        return piece;
      },
      drop() {
        end();
        void pieces.return(undefined).catch(() => undefined);
      },
      get copiedBytes() {
        return copiedBytes();
      },
    },
  };
}

const encoder = new TextEncoder();

/** The success envelope around `data`, which comes in parts of its text. */
export async function* envelope(
  data: AsyncIterable<string>,
  warnings: () => readonly string[],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let held = '{"status":"success","data":';
  for await (const text of data) {
    held += text;
    if (held.length < MESSAGE_CHARS) continue;
    yield encoder.encode(held);
    held = '';
  }
  const told = warnings();
  yield encoder.encode(`${held}${told.length > 0 ? `,"warnings":${JSON.stringify(told)}` : ''}}`);
}

/** Worth a message to another thread. */
const MESSAGE_CHARS: number = 256 * 1024;
