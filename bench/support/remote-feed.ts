// The same samples to a Prometheus over remote write: ten scrapes of some series in one request, so that labels are not most of what is sent.
import { FROM_MS, INTERVAL_MS, labelsOf, nextValues } from './load.ts';
import { MessageWriter, snappyLiterals } from '../../compat/prometheus/wire.ts';

/** Scrapes in one request. */
export const SCRAPES = 10;
const SERIES_PER_REQUEST = 2500;
/** Field, length, value, time: a sample's time has six bytes. */
const SAMPLE_BYTES = 18;
const TIME_BYTES = 6;

/** Sends scrapes [from, to) of all series, `from` a multiple of SCRAPES. `after`: awaited between two tens of scrapes. */
export async function feed(
  url: string,
  series: number,
  from: number,
  to: number,
  values: Float64Array,
  after: (k: number) => Promise<void>,
): Promise<void> {
  const labels = Array.from({ length: series }, (_, i) => labelBytes(i));
  const ten = new Float64Array(SCRAPES * series);
  for (let k = from; k < to; k += SCRAPES) {
    const scrapes = Math.min(SCRAPES, to - k);
    for (let s = 0; s < scrapes; s++) {
      nextValues(values, k + s, 0, series);
      ten.set(values, s * series);
    }
    for (let at = 0; at < series; at += SERIES_PER_REQUEST) {
      const end = Math.min(at + SERIES_PER_REQUEST, series);
      await post(url, body(labels, ten, series, k, scrapes, at, end));
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
  ten: Float64Array,
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
      at = b.writeDoubleLE(ten[s * series + i]!, at);
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

async function post(url: string, message: Uint8Array): Promise<void> {
  const response = await fetch(`${url}/api/v1/write`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '0.1.0',
    },
    body: new Uint8Array(snappyLiterals(message)),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`remote write: ${response.status} ${text}`);
}
