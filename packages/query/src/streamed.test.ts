import { expect, test } from 'vitest';
import { createBuffers } from './buffers.ts';
import { NO_COST, wholeReply } from './request.ts';
import { envelope, streamed } from './streamed.ts';

const OPTIONS = { buffers: createBuffers(0) };
const REPLY = { status: 200, error: null, cost: NO_COST };

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function text(piece: Uint8Array | null): string | null {
  return piece === null ? null : new TextDecoder().decode(piece);
}

interface Source {
  made: number;
  returned: boolean;
  pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

function source(texts: readonly string[]): Source {
  const state: Source = { made: 0, returned: false, pieces: make() };
  async function* make(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    try {
      for (const piece of texts) {
        if (piece === 'fail') throw new Error('failed');
        state.made++;
        yield bytes(piece);
      }
    } finally {
      state.returned = true;
    }
  }
  return state;
}

test('one piece is whole', async () => {
  let done = 0;
  const reply = await streamed(source(['a']).pieces, REPLY, () => done++, OPTIONS);
  expect([text(reply.body), reply.rest, done]).toEqual(['a', undefined, 1]);
});

test('pieces are made one ahead of those that are taken', async () => {
  let done = 0;
  const from = source(['a', 'b', 'c', 'd']);
  const { body, rest } = await streamed(from.pieces, REPLY, () => done++, OPTIONS);
  expect([text(body), from.made]).toEqual(['a', 2]);
  const seen = [];
  for (let piece = await rest!.next(null); piece !== null; piece = await rest!.next(null))
    seen.push([text(piece), from.made, done]);
  expect(seen).toEqual([
    ['b', 3, 0],
    ['c', 4, 0],
    ['d', 4, 1],
  ]);
  expect(done).toBe(1);
});

test('who drops the rest ends it', async () => {
  let done = 0;
  const from = source(['a', 'b', 'c', 'd']);
  const { rest } = await streamed(from.pieces, REPLY, () => done++, OPTIONS);
  rest!.drop();
  rest!.drop();
  await rest!.next(null);
  expect([done, from.returned, from.made]).toEqual([1, true, 2]);
});

test.for<readonly [name: string, texts: readonly string[]]>([
  ['the first', ['fail']],
  ['the second', ['a', 'fail']],
])('%s piece fails: so does the reply', async ([, texts]) => {
  let done = 0;
  await expect(streamed(source(texts).pieces, REPLY, () => done++, OPTIONS)).rejects.toThrow('failed');
  expect(done).toBe(1);
});

test('a later piece fails: whoever asks for it hears it', async () => {
  let done = 0;
  const { rest } = await streamed(source(['a', 'b', 'fail']).pieces, REPLY, () => done++, OPTIONS);
  expect(text(await rest!.next(null))).toBe('b');
  await expect(rest!.next(null)).rejects.toThrow('failed');
  expect(done).toBe(1);
});

test('an envelope around parts, however long', async () => {
  const long = 'x'.repeat(300_000);
  async function* parts(): AsyncGenerator<string> {
    yield '["';
    yield long;
    yield '"]';
  }
  const reply = await streamed(
    envelope(parts(), () => ['W']),
    REPLY,
    () => undefined,
    OPTIONS,
  );
  expect(reply.rest).toBeDefined();
  const whole = await wholeReply(reply);
  expect(JSON.parse(text(whole.body)!)).toEqual({ status: 'success', data: [long], warnings: ['W'] });
});
