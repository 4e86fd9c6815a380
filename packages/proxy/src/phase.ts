// The states that a connection and its request can be in.

/** What the bytes that come from a client are. */
export const HEAD = 0;
export const BODY = 1;
/** The request is here, its answer not yet: anything more belongs to the next one. */
export const WAIT = 2;
/** The answer is out, the rest of a body is read away. */
export const DISCARD = 3;
/** No more requests: everything is read away until the client closes. */
export const LINGER = 4;

/** How the end of a request's body is told. */
export const BODY_NONE = 0;
export const BODY_LENGTH = 1;
export const BODY_CHUNKED = 2;

/** What the next bytes of an upstream are. */
export const RES_HEAD = 0;
export const RES_LENGTH = 1;
export const RES_CHUNKED = 2;
export const RES_UNTIL_CLOSE = 3;
export const RES_DONE = 4;
