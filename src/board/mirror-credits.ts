// How many copies of requests an edge thread has under way to the mirror, and how many it dropped:
// three cells a service, shared by that edge thread and the mirror thread. The edge thread raises,
// whoever is done with a copy lowers; so a copy costs the edge thread no message back, and a mirror
// that stands still costs it one look. It is memory apart from the board, made anew with each line
// to a mirror thread: what one that died had under way is forgotten with it.
//
// Drops are counted for an order: an edge thread sees a new order on the board before the mirror
// thread hears of it, and what was dropped then must not be taken for the old one's.

const CELLS = 3
const DROPPED = 1
/** The number of the order that the drops belong to; only the edge thread writes it. */
const ORDER = 2

export type Credits = Int32Array<SharedArrayBuffer>

/** Credits of one edge thread for so many services. */
export function createCredits(services: number): Credits {
  return new Int32Array(new SharedArrayBuffer(services * CELLS * Int32Array.BYTES_PER_ELEMENT))
}

/** Takes a credit when fewer than `limit` are out; else counts a copy that the order lost. */
export function takeCredit(
  credits: Credits,
  service: number,
  { limit, order }: { limit: number; order: number },
): boolean {
  // Only one thread raises, so the count cannot pass the limit in between.
  if (Atomics.load(credits, service * CELLS) < limit) {
    Atomics.add(credits, service * CELLS, 1)
    return true
  }
  countDropped(credits, service, order)
  return false
}

/** Nothing of the copy is under way any more. */
export function returnCredit(credits: Credits, service: number): void {
  Atomics.sub(credits, service * CELLS, 1)
}

/** Counts a copy that this order lost; of an order that is over nothing is counted any more. */
export function countDropped(credits: Credits, service: number, order: number): void {
  const counted = Atomics.load(credits, service * CELLS + ORDER)
  if (order < counted) return
  if (order > counted) {
    Atomics.store(credits, service * CELLS + DROPPED, 0)
    Atomics.store(credits, service * CELLS + ORDER, order)
  }
  Atomics.add(credits, service * CELLS + DROPPED, 1)
}

/** Copies that are under way. */
export function creditsOut(credits: Credits, service: number): number {
  return Atomics.load(credits, service * CELLS)
}

/** How many copies this order has lost since the last call. */
export function takeDropped(credits: Credits, service: number, order: number): number {
  if (Atomics.load(credits, service * CELLS + ORDER) !== order) return 0
  return Atomics.exchange(credits, service * CELLS + DROPPED, 0)
}
