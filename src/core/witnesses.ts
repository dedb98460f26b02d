// In a fleet an affinity bucket may have its error at several nodes: a customer who always fails
// meets all of them. Each node counts the first one that it sees, and tells with its counts which
// buckets have testified; the one that judges takes what is new at one node and known of another
// for what it is, a repetition. Else ten nodes would make ten witnesses of one customer.
//
// Bits are set before counts and read behind them, so a bit may come a message earlier than its
// count; what is owed waits for it. Only to a new judge a node's first message says what it has
// seen so far, of which nothing but what it adds can be a repetition, and nothing is owed behind
// it. In doubt too much is taken for one: that costs power, never a wrong verdict.

import { BUCKET_WORDS, mergeBuckets } from './bucket-errors.ts'
import type { Added } from './counters.ts'
import type { ArmCounts } from './facts.ts'
import { type Arm, armFor } from './split.ts'
import type { Weight } from './weight.ts'

/** Bitmaps with a bit for each bucket. */
export interface BucketMaps {
  readonly errors: Int32Array
  readonly exceedances: Int32Array
}

/** Repetitions of which the counts have not come yet. */
interface Owed {
  errors: number
  exceedances: number
}

interface Speaker extends BucketMaps {
  readonly owed: Readonly<Record<Arm, Owed>>
}

export interface Testified {
  readonly node: string
  /** All that has testified there in this window. */
  readonly maps: BucketMaps
  readonly added: Added
  /** In force: it tells the arm of a bucket. */
  readonly weight: Weight
}

function noMaps(): BucketMaps {
  return { errors: new Int32Array(BUCKET_WORDS), exceedances: new Int32Array(BUCKET_WORDS) }
}

function newSpeaker(): Speaker {
  const owed = {
    candidate: { errors: 0, exceedances: 0 },
    stable: { errors: 0, exceedances: 0 },
  }
  return { ...noMaps(), owed }
}

/** Calls with the number of each bit. */
function eachBucket(map: Int32Array, call: (bucket: number) => void): void {
  for (const [word, bits] of map.entries()) {
    for (let left = bits; left !== 0; left &= left - 1) {
      call(word * 32 + 31 - Math.clz32(left & -left))
    }
  }
}

/** The counts with what is owed taken for repetitions, as far as they go. */
function settle(counts: ArmCounts, owed: Owed): ArmCounts {
  const { bad, earlierExceeded = 0, exceeded, repeatedBad = 0 } = counts
  const errors = Math.min(owed.errors, Math.max(0, bad - repeatedBad))
  const exceedances = Math.min(owed.exceedances, exceeded)
  owed.errors -= errors
  owed.exceedances -= exceedances
  const left = exceeded - exceedances
  return {
    ...counts,
    repeatedBad: repeatedBad + errors,
    exceeded: left,
    earlierExceeded: Math.min(earlierExceeded, left),
  }
}

/** Who has testified in the present window of one service, over all nodes. */
export class Witnesses {
  /** Of all nodes; null while all are silent. */
  #all: BucketMaps | null = null
  /** Null: it has told that nothing has testified there. */
  readonly #speakers = new Map<string, Speaker | null>()

  /** A node has told counts, and that nothing has testified there: what comes later is all new. */
  silent(node: string): void {
    if (!this.#speakers.has(node)) this.#speakers.set(node, null)
  }

  /** What a message adds, with the repetitions in it told apart. */
  take({ added, maps, node, weight }: Testified): Added {
    const known = this.#speakers.get(node)
    const speaker = known ?? newSpeaker()
    this.#speakers.set(node, speaker)
    this.#all ??= noMaps()
    const everywhere = this.#all
    for (const event of ['errors', 'exceedances'] as const) {
      const [before, all, now] = [speaker[event], everywhere[event], maps[event]]
      const again = now.map((bits, word) => bits & ~(before[word] ?? 0) & (all[word] ?? 0))
      eachBucket(again, (bucket) => {
        speaker.owed[armFor(bucket, weight)][event]++
      })
      mergeBuckets(all, now)
      before.set(now)
    }
    const { candidate, stable } = speaker.owed
    const settled = {
      candidate: settle(added.candidate, candidate),
      stable: settle(added.stable, stable),
    }
    // What else it has seen was judged before.
    if (known === undefined) {
      for (const owed of [candidate, stable]) Object.assign(owed, { errors: 0, exceedances: 0 })
    }
    return settled
  }
}
