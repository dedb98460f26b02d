// Factors of bets depend on a bound or a weight, of which only a few are in force at a time, while
// each takes several logarithms. So what a function has answered for a number is kept for a while;
// the answers are the same, bit for bit.

/** More numbers than these in use at a time are not expected; beyond it all are worked out anew. */
const MOST = 1024

/**
 * A function that works out its answer once for each number.
 *
 * @param make pure: the same answer for the same number, which nobody changes
 */
export function remembered<T>(make: (at: number) => T): (at: number) => T {
  const known = new Map<number, T>()
  let last: { readonly at: number; readonly value: T } | null = null
  return (at) => {
    // Mostly it is asked for the same number again, which is told sooner than looked up.
    if (last !== null && last.at === at) return last.value
    let value = known.get(at)
    if (value === undefined) {
      if (known.size >= MOST) known.clear()
      value = make(at)
      known.set(at, value)
    }
    last = { at, value }
    return value
  }
}
