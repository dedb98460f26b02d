// Passive ejection: a target that fails five requests in a row is left out for 30 s, for longer
// each time it happens again, at most for 5 minutes. At most half of a version's targets are out
// at a time and never the last one, as a bad answer may still be better than none; a target that
// cannot be taken out for this reason counts as failing, which is enough to hold a raise.
//
// Threads count on their own, so what control sees are sums: how many requests a target has served
// and the sum of the threads' streaks of failures. When both grew by the same number, everything
// in between has failed; any success makes the streaks grow by less.

/** What decides over a target's standing. */
export interface HealthRules {
  /** Failures in a row that eject a target. */
  readonly failures: number
  /** How long it is left out the first time; times as often as it happened. */
  readonly ejectionMs: number
  readonly longestEjectionMs: number
  /** The most of a version's targets that may be out at a time, 0 to 1; never the last one. */
  readonly ejectedShare: number
  /** How long a target that has come back gets a growing share of its requests. */
  readonly slowStartMs: number
}

const FAILURES_IN_A_ROW = 5
const EJECTION_MS = 30_000
const LONGEST_EJECTION_MS = 300_000
/** A target that was good for this long after it came back begins anew. */
const FORGIVEN_AFTER_MS = 300_000

export interface TargetHealth {
  readonly standing: 'healthy' | 'ejected' | 'failing'
  /** Until when it is ejected or failing; for a healthy one, when it last came back. */
  readonly untilMs: number
  /** How often it has been ejected. */
  readonly times: number
  /** Failures in a row so far. */
  readonly run: number
  readonly served: number
  readonly streaks: number
}

export const HEALTHY: TargetHealth = {
  standing: 'healthy',
  untilMs: 0,
  times: 0,
  run: 0,
  served: 0,
  streaks: 0,
}

export interface TargetReading {
  readonly target: string
  /** Requests it has served, over all threads. */
  readonly served: number
  /** Sum of the threads' failures in a row. */
  readonly streaks: number
}

function withReading(health: TargetHealth, reading: TargetReading): TargetHealth {
  const served = (reading.served - health.served) >>> 0
  const failed = reading.streaks - health.streaks
  const allFailed = served > 0 && failed >= served
  const run = served === 0 ? health.run : allFailed ? health.run + served : 0
  return { ...health, run, served: reading.served, streaks: reading.streaks }
}

function released(health: TargetHealth): TargetHealth {
  return { ...health, standing: 'healthy', run: 0, streaks: 0 }
}

function ejected(health: TargetHealth, now: number): TargetHealth {
  const forgiven = health.times > 0 && now - health.untilMs > FORGIVEN_AFTER_MS
  const times = forgiven ? 1 : health.times + 1
  const forMs = Math.min(LONGEST_EJECTION_MS, EJECTION_MS * times)
  return { ...health, standing: 'ejected', untilMs: now + forMs, times }
}

/**
 * The health of a version's targets after a look at their counters.
 *
 * @param known what was known before; targets that are not in `readings` are forgotten
 */
export function judgeTargets(
  known: Readonly<Record<string, TargetHealth>>,
  look: { readings: readonly TargetReading[]; now: number },
): Readonly<Record<string, TargetHealth>> {
  const { readings, now } = look
  const most = Math.floor(readings.length / 2)
  const next: Record<string, TargetHealth> = {}
  for (const reading of readings) {
    // The first look only learns the counters: a cell may have been another target's before.
    const before = known[reading.target] ?? {
      ...HEALTHY,
      served: reading.served,
      streaks: reading.streaks,
    }
    const over = before.standing !== 'healthy' && now >= before.untilMs
    next[reading.target] = over ? released(before) : withReading(before, reading)
  }
  let out = Object.values(next).filter((health) => health.standing === 'ejected').length
  for (const [target, health] of Object.entries(next)) {
    if (health.standing === 'ejected' || health.run < FAILURES_IN_A_ROW) continue
    if (out < most) {
      next[target] = ejected(health, now)
      out++
    } else if (health.standing === 'healthy') {
      next[target] = { ...health, standing: 'failing', untilMs: now + EJECTION_MS }
    }
  }
  return next
}
