// What a client's connection is doing (client.ts).

/** A head is awaited, or comes in. */
export const HEAD = 0
/** A request is under way. */
export const BUSY = 1
/** The answer is out; the short rest of its request is read over. */
export const REST = 2
/** It has been told that it is over, and what it still says is discarded. */
export const LINGER = 3
export const TUNNEL = 4
export const CLOSED = 5
