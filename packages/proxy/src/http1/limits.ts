// Named limits of the HTTP/1.1 reader. All are per message.

/** Whole head: request or status line, headers, the empty line. Over it: 431. */
export const HEAD_BYTES: number = 64 * 1024;
/** Request target. Over it: 414. */
export const TARGET_BYTES: number = 16 * 1024;
/** Method. Over it: 501. */
export const METHOD_BYTES = 32;
/** Header lines of one message. Over it: 431. */
export const HEADER_LINES = 256;
/** Digits of a Content-Length: 10^15 - 1 bytes, safely an integer. */
export const LENGTH_DIGITS = 15;
/** Empty lines tolerated before a request line (RFC 9112 2.2). */
export const LEADING_EMPTY_LINES = 4;
/** Hexadecimal digits of a chunk size, leading zeros included. */
export const CHUNK_SIZE_DIGITS = 16;
/** Largest chunk size, so that sums stay integers. */
export const CHUNK_BYTES: number = 2 ** 50;
/** Extension bytes of one chunk, and of all chunks of one message that hold less data than extension. */
export const CHUNK_EXTENSION_BYTES = 4096;
/** Trailer section. */
export const TRAILER_BYTES: number = 16 * 1024;
/** Host, without port. */
export const HOST_BYTES = 255;
