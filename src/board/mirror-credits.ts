// How many copies of requests an edge thread has under way to the mirror, and how many it dropped:
// two cells a service, shared by that edge thread and the mirror thread. The edge thread raises,
// whoever is done with a copy lowers; so a copy costs the edge thread no message back, and a mirror
// that stands still costs it one look. It is memory apart from the board, made anew with each line
// to a mirror thread: what one that died had under way is forgotten with it.

const CELLS = 2
const DROPPED = 1

export type Credits = Int32Array<SharedArrayBuffer>

/** Credits of one edge thread for so many services. */
export function createCredits(services: number): Credits {
  return new Int32Array(new SharedArrayBuffer(services * CELLS * Int32Array.BYTES_PER_ELEMENT))
}

/** Takes a credit when fewer than `limit` are out; else counts a dropped copy. */
export function takeCredit(credits: Credits, service: number, limit: number): boolean {
  // Only one thread raises, so the count cannot pass the limit in between.
  if (Atomics.load(credits, service * CELLS) < limit) {
    Atomics.add(credits, service * CELLS, 1)
    return true
  }
  countDropped(credits, service)
  return false
}

/** Nothing of the copy is under way any more. */
export function returnCredit(credits: Credits, service: number): void {
  Atomics.sub(credits, service * CELLS, 1)
}

export function countDropped(credits: Credits, service: number): void {
  Atomics.add(credits, service * CELLS + DROPPED, 1)
}

/** Copies that are under way. */
export function creditsOut(credits: Credits, service: number): number {
  return Atomics.load(credits, service * CELLS)
}

/** How many were dropped since the last call. */
export function takeDropped(credits: Credits, service: number): number {
  return Atomics.exchange(credits, service * CELLS + DROPPED, 0)
}
