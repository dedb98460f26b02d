// Randomness that can be had again: message number i of seed s is always the same bytes, whatever
// came before it, so that a single message can be replayed without the others.

export class Random {
  #state: number

  constructor(seed: number, index: number) {
    this.#state = mixed(mixed(seed | 0) ^ Math.imul(index + 1, 0x9e3779b1))
  }

  /** A whole number below 2^32 (mulberry32 by Tommy Ettinger). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return (bits ^ (bits >>> 14)) >>> 0
  }

  /** A whole number in [0, end). */
  below(end: number): number {
    return Math.floor((this.next() / 0x100000000) * end)
  }

  /** True once in `times` times. */
  oneIn(times: number): boolean {
    return this.below(times) === 0
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }
}

function mixed(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
