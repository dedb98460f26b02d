// The tests of latency: which version slow requests fall on, and, at 100 %, whether there are more
// of them than stable had. Both are held to a pace (pace.ts), since one pause of a process makes
// many requests slow at once.

import { betAbsolute, betRelative, grant, type Scores, TAIL_TIMES } from './engine.ts'
import { keepPace, type Pace } from './pace.ts'

/** What the tests know; a part of the evidence, plain JSON. */
export interface TailTests {
  /** The scores against stable. */
  readonly tail: Scores
  /** The scores against the bound that replaces stable at 100 %. */
  readonly tailAbsolute: Scores
  /** How far each of them has grown in the present stretch of time. */
  readonly pace: Pace | null
  readonly absolutePace: Pace | null
  /** Slow requests counted in flight at 100 % whose end has not been counted yet. */
  readonly owed: number
}

export interface TailTick {
  /** The new belief of the time that has passed. */
  readonly gamma: number
  readonly w: number
  readonly cap: number
  readonly elapsedMs: number
  /** Whether latency is judged now. */
  readonly isJudged: boolean
  /** The candidate's and stable's slow requests that count in the comparison. */
  readonly compared: number
  readonly stable: number
  /** The candidate's judged and slow requests, all of them. */
  readonly judged: number
  readonly exceeded: number
}

/** Takes in the slow requests of a tick. */
export function foldTail(
  known: TailTests & { readonly tailBound: number | null },
  tick: TailTick,
): TailTests {
  const { absolutePace, owed, pace, tailBound } = known
  const { cap, compared, elapsedMs, gamma, stable, w } = tick
  if (!tick.isJudged) {
    const tail = grant(known.tail, gamma)
    const tailAbsolute = grant(known.tailAbsolute, gamma)
    return { tail, tailAbsolute, pace, absolutePace, owed: 0 }
  }
  const bet = { gamma, times: TAIL_TIMES, w, candidate: compared, stable, cap }
  const after = betRelative(known.tail, bet)
  const relative =
    compared + stable === 0 ? { scores: after, pace } : keepPace(pace, { elapsedMs, after })
  const { exceeded, judged } = tick
  const good = Math.max(0, judged - owed - exceeded)
  const alone =
    tailBound === null
      ? grant(known.tailAbsolute, gamma)
      : betAbsolute(known.tailAbsolute, { gamma, bad: exceeded, good, bound: tailBound, cap })
  const bounded =
    tailBound === null || exceeded === 0
      ? { scores: alone, pace: absolutePace }
      : keepPace(absolutePace, { elapsedMs, after: alone })
  return {
    tail: relative.scores,
    pace: relative.pace,
    tailAbsolute: bounded.scores,
    absolutePace: bounded.pace,
    owed: Math.max(0, owed + exceeded - judged),
  }
}
