// Remote read: the raw samples behind a selector, bit for bit, stale markers and histograms too, which the query API would not show.
import { inOrder, labelsText, rowText, type FoundSeries, type Histogram } from './samples.ts';
import { MessageWriter, hexOfBits, readFields, snappyLiterals, unsnappy } from '../prometheus/wire.ts';

export interface Selector {
  readonly mint: number;
  readonly maxt: number;
  readonly matchers: readonly { name: string; op: '=' | '!=' | '=~' | '!~'; value: string }[];
}

const OPS = ['=', '!=', '=~', '!~'] as const;

/** One answer a selector. */
export async function readRemote(url: string, selectors: readonly Selector[]): Promise<FoundSeries[][]> {
  const request = new MessageWriter();
  for (const { mint, maxt, matchers } of selectors) {
    const query = new MessageWriter().integer(1, mint).integer(2, maxt);
    for (const { name, op, value } of matchers)
      query.message(3, new MessageWriter().integer(1, OPS.indexOf(op)).bytes(2, name).bytes(3, value));
    request.message(1, query);
  }
  const response = await fetch(`${url}/api/v1/read`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-read-version': '0.1.0',
    },
    body: new Uint8Array(snappyLiterals(request.done())),
  });
  const body = new Uint8Array(await response.arrayBuffer());
  if (!response.ok) throw new Error(`remote read: ${response.status} ${Buffer.from(body).toString()}`);
  const results: FoundSeries[][] = [];
  for (const field of readFields(unsnappy(body))) {
    if (field.number !== 1) continue;
    const series: FoundSeries[] = [];
    const range = selectors[results.length]!;
    for (const one of readFields(field.bytes))
      if (one.number === 1) series.push(readSeries(one.bytes, range));
    results.push(inOrder(series));
  }
  return results;
}

/** Prometheus 2.42 may add samples before the range when some were deleted: they are left out. */
function readSeries(message: Uint8Array, { mint, maxt }: Selector): FoundSeries {
  const labels: Record<string, string> = {};
  const rows: { t: number; text: string }[] = [];
  for (const { number, bytes } of readFields(message)) {
    if (number === 1) {
      const pair = ['', ''];
      for (const field of readFields(bytes)) pair[field.number - 1] = Buffer.from(field.bytes).toString();
      labels[pair[0]!] = pair[1]!;
    } else if (number === 2) {
      let v = 0n;
      let t = 0;
      for (const field of readFields(bytes)) {
        if (field.number === 1) v = field.value;
        else if (field.number === 2) t = signed(field.value);
      }
      rows.push({ t, text: rowText({ t, v: hexOfBits(v) }, false) });
    } else if (number === 4) {
      const { t, h } = readHistogram(bytes);
      rows.push({ t, text: rowText({ t, h }, false) });
    }
  }
  // Floats and histograms of one series come apart.
  rows.sort((a, b) => a.t - b.t);
  const inRange = rows.filter(({ t }) => t >= mint && t <= maxt);
  return { labels: labelsText(labels), rows: inRange.map(({ text }) => text) };
}

function readHistogram(message: Uint8Array): { t: number; h: Histogram } {
  let t = 0;
  const h = {
    float: false,
    hint: 0,
    schema: 0,
    zero_threshold: 0,
    zero_count: 0,
    count: hexOfBits(0n),
    sum: hexOfBits(0n),
    positive_spans: [] as [number, number][],
    negative_spans: [] as [number, number][],
    positive: [] as number[],
    negative: [] as number[],
    bounds: [] as number[],
  };
  for (const { number, value, bytes } of readFields(message)) {
    switch (number) {
      case 1:
        h.count = hexOfBits(bitsOf(Number(value)));
        break;
      case 2:
        h.float = true;
        h.count = hexOfBits(value);
        break;
      case 3:
        h.sum = hexOfBits(value);
        break;
      case 4:
        h.schema = zigzag(value);
        break;
      case 5:
        h.zero_threshold = doubleOf(value);
        break;
      case 6:
        h.zero_count = Number(value);
        break;
      case 7:
        h.zero_count = doubleOf(value);
        break;
      case 8:
      case 11: {
        const span: [number, number] = [0, 0];
        for (const field of readFields(bytes))
          span[field.number - 1] = field.number === 1 ? zigzag(field.value) : Number(field.value);
        (number === 8 ? h.negative_spans : h.positive_spans).push(span);
        break;
      }
      case 9:
      case 12: {
        let last = 0;
        for (const delta of packedVarints(bytes))
          (number === 9 ? h.negative : h.positive).push((last += zigzag(delta)));
        break;
      }
      case 10:
        h.negative = packedDoubles(bytes);
        break;
      case 13:
        h.positive = packedDoubles(bytes);
        break;
      case 14:
        h.hint = Number(value);
        break;
      case 15:
        t = signed(value);
        break;
      case 16:
        h.bounds = packedDoubles(bytes);
        break;
    }
  }
  return { t, h };
}

function signed(bits: bigint): number {
  return Number(BigInt.asIntN(64, bits));
}

function zigzag(bits: bigint): number {
  return Number(BigInt.asIntN(64, (bits >> 1n) ^ -(bits & 1n)));
}

const view = new DataView(new ArrayBuffer(8));

function doubleOf(bits: bigint): number {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function bitsOf(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

function packedDoubles(bytes: Uint8Array): number[] {
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, i) => from.getFloat64(8 * i, true));
}

function* packedVarints(bytes: Uint8Array): Generator<bigint> {
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte > 127) continue;
    yield value;
    value = 0n;
    shift = 0n;
  }
}
