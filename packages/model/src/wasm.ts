// WebAssembly where there is any, for code that compiles without the types of a platform. A small module is compiled at once; null where it
// cannot run, and the caller has its twin in TypeScript.

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

interface WebAssemblyHere {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: unknown };
  readonly Memory: new (size: { readonly initial: number }) => WasmMemory;
}

/** A page of WebAssembly's memories. */
const PAGE_BYTES = 65_536;

/**
 * The exports of a module, given as base64, that imports `env.memory`, and that memory: `bytes` of address space, of which only what is
 * touched takes room. It never grows, so that views of it stay. Null: there is no WebAssembly, or the page's policy forbids it.
 */
export function startWasm(base64: string, bytes: number): { exports: unknown; memory: WasmMemory } | null {
  const wasm = (globalThis as { readonly WebAssembly?: WebAssemblyHere }).WebAssembly;
  if (wasm === undefined) return null;
  try {
    const memory = new wasm.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
    const { exports } = new wasm.Instance(new wasm.Module(bytesOf(base64)), { env: { memory } });
    return { exports, memory };
  } catch {
    return null;
  }
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Of base64 without padding. */
function bytesOf(base64: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((base64.length * 3) / 4));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const digit of base64) {
    held = ((held << 6) | DIGITS.indexOf(digit)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >> bits;
  }
  return bytes;
}
