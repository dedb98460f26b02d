// Which target of a version gets a request: the one with fewer requests in flight of two drawn at
// random ("the power of two choices", Mitzenmacher 2001). Nearly as even as looking at all of them,
// at the cost of two, and without the herd that follows a single minimum.
//
// A target in slow start takes a draw only as often as its share says, and its load weighs as much
// more: otherwise the little that it has in flight would let it win every comparison, and it would
// get twice its share. When neither of the two takes the request, the next one that has all of its
// share does; control sees to it that there is one (see health.ts).

/** The share of a target that gets nothing. */
export const OUT = -1
/** The share of a target that gets all that is fair. Zero, so that a new board serves. */
export const WHOLE = 0

/** What is needed to choose among `count` targets. */
export interface Choice {
  readonly count: number
  /** `OUT`, `WHOLE`, or the thousandths of its fair share that a target gets. */
  share(index: number): number
  inFlight(index: number): number
}

/**
 * Chooses a target.
 *
 * @param uniform a random number in [0, 1); its digits give the two draws, and whether targets in
 *   slow start take them
 * @returns the index, or −1 when every target is out
 */
export function chooseTarget(choice: Choice, uniform: number): number {
  const { count } = choice
  if (count === 0) return -1
  if (count === 1) return choice.share(0) === OUT ? -1 : 0
  const drawn = uniform * count * (count - 1)
  const pair = Math.floor(drawn)
  const first = Math.floor(pair / (count - 1))
  const other = pair % (count - 1)
  const second = other >= first ? other + 1 : other
  const shareA = choice.share(first)
  const shareB = choice.share(second)
  if (shareA === WHOLE && shareB === WHOLE) {
    return choice.inFlight(first) <= choice.inFlight(second) ? first : second
  }
  // What the draws have left of the random number are three more, of three digits each.
  const left = (drawn - pair) * 1000
  const rest = (left - Math.floor(left)) * 1000
  const takesA = takes(shareA, left)
  const takesB = takes(shareB, rest)
  if (takesA && takesB) {
    const a = choice.inFlight(first) * weightOf(shareA)
    return a <= choice.inFlight(second) * weightOf(shareB) ? first : second
  }
  if (takesA) return first
  if (takesB) return second
  return nextOne(choice, first, rest - Math.floor(rest) < 0.5 ? 1 : count - 1)
}

function takes(share: number, drawn: number): boolean {
  return share === WHOLE || drawn < share // and never, when it is OUT
}

function weightOf(share: number): number {
  return share === WHOLE ? 1 : 1000 / share
}

/**
 * The next one with all of its share, up or down from `from`, so that not always the same neighbour
 * of those that are out gets their requests; else any that is in.
 */
function nextOne(choice: Choice, from: number, step: number): number {
  let any = -1
  for (let i = 0, index = from; i < choice.count; i++, index = (index + step) % choice.count) {
    const share = choice.share(index)
    if (share === WHOLE) return index
    if (share !== OUT && any < 0) any = index
  }
  return any
}
