// What a client's connection is doing (client.ts).

/** A head is awaited, or comes in. */
export const HEAD = 0
/** Something has come that is looked at when the turn ends. */
export const WAIT = 1
/** A request is under way. */
export const BUSY = 2
/** The answer is out; the short rest of its request is read over. */
export const REST = 3
/** It has been told that it is over, and what it still says is discarded. */
export const LINGER = 4
export const TUNNEL = 5
export const CLOSED = 6
