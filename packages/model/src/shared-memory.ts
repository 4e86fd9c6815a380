// Memory that several threads see.

/**
 * Zeros. Where nothing can be shared (a page that is not cross-origin isolated has no SharedArrayBuffer) it is memory of the one thread
 * there is: all that is done with it works the same.
 */
export function newSharedBuffer(bytes: number): SharedArrayBuffer {
  if (typeof SharedArrayBuffer !== 'undefined') return new SharedArrayBuffer(bytes);
  return new ArrayBuffer(bytes) as unknown as SharedArrayBuffer;
}
