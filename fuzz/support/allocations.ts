// Notices who believes a length that some wrong bytes give: an array larger than allowed is not made but reported, however little of it would
// ever have been touched.

/** From now on no buffer and no typed array of this thread may take more bytes; an Error tells. */
export function limitAllocations(limit_bytes: number): void {
  const all = globalThis as unknown as Record<string, new (...args: unknown[]) => object>;
  for (const name of NAMES) {
    const original = all[name]!;
    const width = (original as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    const limited: typeof original = new Proxy(original, {
      construct(target, args, by): object {
        const [size] = args as unknown[];
        if (typeof size === 'number' && size * width > limit_bytes)
          throw new Error(`runaway allocation: ${name} of ${size * width} bytes`);
        return Reflect.construct(target, args, by === limited ? target : by) as object;
      },
    });
    all[name] = limited;
  }
}

const NAMES = [
  'ArrayBuffer',
  'SharedArrayBuffer',
  'Uint8Array',
  'Int8Array',
  'Uint16Array',
  'Int16Array',
  'Uint32Array',
  'Int32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
] as const;
