// The same samples to a Prometheus over remote write.
import { FROM_MS, INTERVAL_MS, labelsOf, nextValues } from './load.ts';
import { postWrite } from '../../compat/prometheus/server.ts';
import { MessageWriter } from '../../compat/prometheus/wire.ts';

/** In one request. */
const SAMPLES = 5000;
/** Field, length, value, time: a sample's time has six bytes. */
const SAMPLE_BYTES = 18;
const TIME_BYTES = 6;

/**
 * Sends scrapes [from, to) of all series. A request holds `together` scrapes of some series: with 1 they come in the order of scraping,
 * with more the labels are less of what is sent. `after`: awaited when all series have got them.
 */
export async function feed(
  url: string,
  series: number,
  from: number,
  to: number,
  together: number,
  after: (k: number) => Promise<void>,
): Promise<void> {
  const labels = Array.from({ length: series }, (_, i) => labelBytes(i));
  const values = new Float64Array(series);
  const some = new Float64Array(together * series);
  const perRequest = Math.floor(SAMPLES / together);
  for (let k = from; k < to; k += together) {
    const scrapes = Math.min(together, to - k);
    for (let s = 0; s < scrapes; s++) {
      nextValues(values, k + s, 0, series);
      some.set(values, s * series);
    }
    for (let at = 0; at < series; at += perRequest) {
      const end = Math.min(at + perRequest, series);
      await postWrite(url, body(labels, some, series, k, scrapes, at, end));
    }
    await after(k + scrapes);
  }
}

function labelBytes(i: number): Uint8Array {
  const message = new MessageWriter();
  for (const [name, value] of labelsOf(i))
    message.message(1, new MessageWriter().bytes(1, name).bytes(2, value));
  return message.done();
}

function body(
  labels: readonly Uint8Array[],
  some: Float64Array,
  series: number,
  k: number,
  scrapes: number,
  from: number,
  to: number,
): Uint8Array {
  let size = 0;
  for (let i = from; i < to; i++) size += 6 + labels[i]!.length + scrapes * SAMPLE_BYTES;
  const b = Buffer.allocUnsafe(size);
  let at = 0;
  for (let i = from; i < to; i++) {
    const own = labels[i]!;
    b[at++] = 0x0a;
    for (let length = own.length + scrapes * SAMPLE_BYTES; ; length >>>= 7) {
      if (length < 128) {
        b[at++] = length;
        break;
      }
      b[at++] = (length & 127) | 128;
    }
    b.set(own, at);
    at += own.length;
    for (let s = 0; s < scrapes; s++) {
      b[at++] = 0x12;
      b[at++] = SAMPLE_BYTES - 2;
      b[at++] = 0x09;
      at = b.writeDoubleLE(some[s * series + i]!, at);
      b[at++] = 0x10;
      let t = FROM_MS + (k + s) * INTERVAL_MS;
      for (let n = 0; n < TIME_BYTES; n++) {
        b[at++] = n < TIME_BYTES - 1 ? (t % 128) | 128 : t;
        t = Math.floor(t / 128);
      }
    }
  }
  return b.subarray(0, at);
}
