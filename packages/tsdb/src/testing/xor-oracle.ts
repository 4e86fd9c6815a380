// A second XOR coder, written from the format alone, bit by bit and with BigInt: slow and obvious, to check the fast one.

export interface Sample {
  readonly t: bigint;
  readonly high: number;
  readonly low: number;
}

const FORMS: readonly { readonly prefix: string; readonly size: bigint }[] = [
  { prefix: '10', size: 14n },
  { prefix: '110', size: 17n },
  { prefix: '1110', size: 20n },
];

export function oracleEncode(samples: readonly Sample[]): Uint8Array {
  let bits = '';
  const put = (x: bigint, n: bigint): void => {
    bits += BigInt.asUintN(Number(n), x).toString(2).padStart(Number(n), '0');
  };
  const uvarint = (x: bigint): void => {
    let rest = x;
    for (; rest >= 128n; rest >>= 7n) put((rest & 127n) | 128n, 8n);
    put(rest, 8n);
  };
  let window: { lead: bigint; trail: bigint } | null = null;
  samples.forEach((sample, i) => {
    const value = valueOf(sample);
    if (i === 0) {
      uvarint(sample.t < 0n ? -2n * sample.t - 1n : 2n * sample.t);
      put(value, 64n);
      return;
    }
    const before = samples[i - 1]!;
    const delta = sample.t - before.t;
    if (i === 1) uvarint(delta);
    else {
      const dod = delta - (before.t - samples[i - 2]!.t);
      const form = FORMS.find(({ size }) => dod >= -(2n ** (size - 1n)) + 1n && dod <= 2n ** (size - 1n));
      if (dod === 0n) bits += '0';
      else if (form === undefined) {
        bits += '1111';
        put(dod, 64n);
      } else {
        bits += form.prefix;
        put(dod, form.size);
      }
    }
    const xor = value ^ valueOf(before);
    if (xor === 0n) {
      bits += '0';
      return;
    }
    const text = xor.toString(2).padStart(64, '0');
    const lead = BigInt(Math.min(31, text.indexOf('1')));
    const trail = BigInt(63 - text.lastIndexOf('1'));
    if (window !== null && lead >= window.lead && trail >= window.trail) bits += '10';
    else {
      window = { lead, trail };
      bits += '11';
      put(lead, 5n);
      put((64n - lead - trail) % 64n, 6n);
    }
    put(xor >> window.trail, 64n - window.lead - window.trail);
  });
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(bits.slice(8 * i, 8 * i + 8).padEnd(8, '0'), 2);
  return bytes;
}

export function oracleDecode(bytes: Uint8Array, n: number): Sample[] {
  const bits = [...bytes].map((b) => b.toString(2).padStart(8, '0')).join('');
  let at = 0;
  const take = (size: bigint): bigint => {
    const text = bits.slice(at, at + Number(size));
    at += Number(size);
    return BigInt(`0b${text}`);
  };
  const uvarint = (): bigint => {
    let x = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const b = take(8n);
      x |= (b & 127n) << shift;
      if (b < 128n) return x;
    }
  };
  const samples: Sample[] = [];
  let t = 0n;
  let delta = 0n;
  let value = 0n;
  let lead = 0n;
  let trail = 0n;
  for (let i = 0; i < n; i++) {
    if (i === 0) {
      const x = uvarint();
      t = (x & 1n) === 1n ? -(x + 1n) / 2n : x / 2n;
      value = take(64n);
    } else {
      if (i === 1) delta = uvarint();
      else {
        let ones = 0;
        while (ones < 4 && take(1n) === 1n) ones++;
        const size = [0n, 14n, 17n, 20n, 64n][ones]!;
        let dod = size === 0n ? 0n : take(size);
        if (size === 64n) dod = BigInt.asIntN(64, dod);
        else if (size > 0n && dod > 2n ** (size - 1n)) dod -= 2n ** size;
        delta += dod;
      }
      t += delta;
      if (take(1n) === 1n) {
        if (take(1n) === 1n) {
          lead = take(5n);
          const size = take(6n) || 64n;
          trail = 64n - lead - size;
        }
        value ^= take(64n - lead - trail) << trail;
      }
    }
    samples.push({ t, high: Number(value >> 32n), low: Number(value & 0xffffffffn) });
  }
  return samples;
}

function valueOf(s: Sample): bigint {
  return (BigInt(s.high >>> 0) << 32n) | BigInt(s.low >>> 0);
}
