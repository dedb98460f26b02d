// Which target of a version gets a request: the one with fewer requests in flight of two drawn at
// random ("the power of two choices", Mitzenmacher 2001). Nearly as even as looking at all of them,
// at the cost of two, and without the herd that follows a single minimum.

/** What is needed to choose among `count` targets; `inFlight` of one that is out is −1. */
export interface Choice {
  readonly count: number
  inFlight(index: number): number
}

/**
 * Chooses a target.
 *
 * @param uniform a random number in [0, 1); its two halves give the two draws
 * @returns the index, or −1 when every target is out
 */
export function chooseTarget(choice: Choice, uniform: number): number {
  const { count } = choice
  if (count === 0) return -1
  if (count === 1) return choice.inFlight(0) < 0 ? -1 : 0
  const pair = Math.floor(uniform * count * (count - 1))
  const first = Math.floor(pair / (count - 1))
  const other = pair % (count - 1)
  const second = other >= first ? other + 1 : other
  const a = choice.inFlight(first)
  const b = choice.inFlight(second)
  if (a >= 0 && (b < 0 || a <= b)) return first
  if (b >= 0) return second
  return firstReady(choice, first)
}

/** Both draws were out: the next one that is in, from the first draw on. */
function firstReady(choice: Choice, from: number): number {
  for (let step = 1; step < choice.count; step++) {
    const index = (from + step) % choice.count
    if (choice.inFlight(index) >= 0) return index
  }
  return -1
}
