// Just enough of protobuf's wire format and of snappy's block format to speak with a Prometheus: fields out, fields in; literals out, everything in.

/** Builds one message. */
export class MessageWriter {
  #bytes: Buffer = Buffer.allocUnsafe(256);
  #length = 0;

  bytes(field: number, value: Uint8Array | string): this {
    const b = typeof value === 'string' ? Buffer.from(value) : value;
    this.#varint(field * 8 + 2);
    this.#varint(b.length);
    this.#room(b.length);
    this.#bytes.set(b, this.#length);
    this.#length += b.length;
    return this;
  }

  message(field: number, value: MessageWriter): this {
    return this.bytes(field, value.done());
  }

  /** Integers within 2^53, negative ones as 64-bit two's complement (int64, enum, uint64). */
  integer(field: number, value: number): this {
    this.#varint(field * 8);
    if (value >= 0) this.#varint(value);
    else this.#varint64(BigInt.asUintN(64, BigInt(value)));
    return this;
  }

  /** A double by the 16 hexadecimal digits of its bits. */
  double(field: number, hex: string): this {
    this.#varint(field * 8 + 1);
    this.#room(8);
    this.#bytes.writeUInt32LE(parseInt(hex.slice(8), 16), this.#length);
    this.#bytes.writeUInt32LE(parseInt(hex.slice(0, 8), 16), this.#length + 4);
    this.#length += 8;
    return this;
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #varint(value: number): void {
    this.#room(10);
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  #varint64(value: bigint): void {
    this.#room(10);
    let rest = value;
    while (rest > 127n) {
      this.#bytes[this.#length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  #room(n: number): void {
    if (this.#length + n <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#length + n, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** One field of a message as it lies there. */
export interface Field {
  readonly number: number;
  /** Varints and 64-bit values as their bits, 0 for the others. */
  readonly value: bigint;
  /** Length-delimited values. */
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** The fields of a message in order. */
export function* readFields(message: Uint8Array): Generator<Field> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw new Error('the message ends within a number');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    switch (tag & 7) {
      case 0:
        yield { number, value: varint(), bytes: NOTHING };
        break;
      case 1:
        yield { number, value: view.getBigUint64(at, true), bytes: NOTHING };
        at += 8;
        break;
      case 2: {
        const length = Number(varint());
        yield { number, value: 0n, bytes: message.subarray(at, at + length) };
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new Error(`wire type ${tag & 7} at byte ${at}`);
    }
  }
}

export function hexOfBits(bits: bigint): string {
  return bits.toString(16).padStart(16, '0');
}

/** A block that copies nothing: valid, and as large as what is in it. */
export function snappyLiterals(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  let length = bytes.length;
  while (length > 127) {
    out.push((length & 127) | 128);
    length >>>= 7;
  }
  out.push(length);
  const parts: Uint8Array[] = [Uint8Array.from(out)];
  for (let at = 0; at < bytes.length; at += 65_536) {
    const part = bytes.subarray(at, at + 65_536);
    const n = part.length - 1;
    // Tag 61: the length less 1 follows in two bytes.
    parts.push(Uint8Array.of(61 << 2, n & 255, n >> 8), part);
  }
  return Buffer.concat(parts);
}

export function unsnappy(block: Uint8Array): Uint8Array {
  let at = 0;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = block[at++]!;
    size += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  const out = Buffer.alloc(size);
  let to = 0;
  while (at < block.length) {
    const tag = block[at++]!;
    const high = tag >> 2;
    if ((tag & 3) === 0) {
      let length = high + 1;
      if (high >= 60) {
        length = 1;
        for (let i = 0; i < high - 59; i++) length += block[at++]! * 2 ** (8 * i);
      }
      out.set(block.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    let length = high + 1;
    let offset = 0;
    if ((tag & 3) === 1) {
      length = (high & 7) + 4;
      offset = ((tag >> 5) << 8) | block[at++]!;
    } else {
      const width = (tag & 3) === 2 ? 2 : 4;
      for (let i = 0; i < width; i++) offset += block[at++]! * 2 ** (8 * i);
    }
    for (let i = 0; i < length; i++, to++) out[to] = out[to - offset]!;
  }
  if (to !== size) throw new Error(`a snappy block of ${size} bytes holds ${to}`);
  return out;
}
