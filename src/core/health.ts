// Who of a version's targets is served. Two witnesses speak: the requests themselves (so many
// failures in a row eject a target for 30 s, for longer each time, as Envoy's outlier detection)
// and the health checks, where they are configured. A target is out when either says so, and back
// when both agree. At most a share of a version's targets is out at a time, and never the last
// one, as a bad answer may still be better than none; a target that cannot be taken out for this
// reason counts as failing, which is enough to hold a raise.
//
// A target that has come back, or was added to a version that serves already, begins with a tenth
// of its fair share and gets all of it after the slow start: its caches are cold and its code is
// not compiled. The targets that a version begins with are all equally cold, so there is nobody
// who could take their requests meanwhile: shares are relative to the version's warmest target.
//
// Threads count on their own, so what control sees are sums: how many requests a target has served
// and the sum of the threads' streaks of failures. When both grew by the same number, everything
// in between has failed; any success makes the streaks grow by less.

import { OUT, WHOLE } from './choose.ts'
import type { CheckState } from './health-check.ts'

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

/** A target that was good for this long after it came back begins anew. */
const FORGIVEN_AFTER_MS = 300_000
/** The share, in thousandths, that slow start begins with. */
const FIRST_PERMILLE = 100

/**
 * healthy: served. ejected: out by its requests, for a time. checked-out: out by its checks, until
 * they are good. failing: bad by one of them, but served as too few others are left, or by the
 * attempt to connect before the first raise.
 */
export type TargetStanding = 'healthy' | 'ejected' | 'checked-out' | 'failing'

export interface TargetHealth {
  readonly standing: TargetStanding
  /** Who says so; null for a healthy one. */
  readonly cause: 'requests' | 'checks' | 'connect' | null
  /** Why it is not healthy, as a clause that may follow "as"; empty for a healthy one. */
  readonly reason: string
  /** Until when its requests speak against it, or did. */
  readonly untilMs: number
  /** How often it has been ejected. */
  readonly times: number
  /** Failures in a row so far. */
  readonly run: number
  readonly served: number
  readonly streaks: number
  /** Since when its share grows; null: it has all of it. */
  readonly rampSinceMs: number | null
}

export const HEALTHY: TargetHealth = {
  standing: 'healthy',
  cause: null,
  reason: '',
  untilMs: 0,
  times: 0,
  run: 0,
  served: 0,
  streaks: 0,
  rampSinceMs: null,
}

export interface TargetReading {
  readonly target: string
  /** Requests it has served, over all threads. */
  readonly served: number
  /** Sum of the threads' failures in a row. */
  readonly streaks: number
  /** What the health checks say; null when there are none. */
  readonly check: CheckState | null
  /**
   * Why it could not be connected to before the first raise; empty when it could, or nobody asked.
   */
  readonly unreached: string
}

/** What is judged: the counters of all targets of a version, at a time, by its service's rules. */
export interface HealthLook {
  readonly readings: readonly TargetReading[]
  readonly now: number
  readonly rules: HealthRules
}

export type HealthByTarget = Readonly<Record<string, TargetHealth>>

/** One target in the course of a look. */
interface Seen {
  readonly reading: TargetReading
  readonly was: TargetHealth
  /** With the counters of this look. */
  readonly health: TargetHealth
  /** It is ejected, and its time is not over. */
  readonly timeRuns: boolean
  readonly badByRequests: boolean
  readonly badByChecks: boolean
}

export function isOut({ standing }: TargetHealth): boolean {
  return standing === 'ejected' || standing === 'checked-out'
}

/**
 * The health of a version's targets after a look at their counters.
 *
 * @param known what was known before; targets that are not in `readings` are forgotten
 */
export function judgeTargets(known: HealthByTarget, look: HealthLook): HealthByTarget {
  const { now, readings, rules } = look
  const isServing = Object.keys(known).length > 0
  const seen = readings.map((reading) => {
    const was = known[reading.target] ?? firstSeen(reading, isServing ? now : null)
    return seeTarget(was, reading, look)
  })
  const out = whoIsOut(seen, mostOut(readings.length, rules))
  const next: Record<string, TargetHealth> = {}
  for (const one of seen) {
    const { target } = one.reading
    if (out.has(one)) next[target] = leftOut(one, look)
    else next[target] = isBad(one) ? failing(one, look) : servedAgain(one, look)
  }
  return next
}

/** The first look only learns the counters: a cell may have been another target's before. */
function firstSeen({ served, streaks }: TargetReading, rampSinceMs: number | null): TargetHealth {
  return { ...HEALTHY, served, streaks, rampSinceMs }
}

function mostOut(targets: number, { ejectedShare }: HealthRules): number {
  // 0.29 × 100 is a little less than 29.
  const share = Math.floor(targets * ejectedShare + 1e-9)
  return Math.max(0, Math.min(share, targets - 1))
}

function seeTarget(was: TargetHealth, reading: TargetReading, look: HealthLook): Seen {
  const { now, rules } = look
  const { served, streaks } = reading
  const over = was.cause === 'requests' && now >= was.untilMs
  const run = over ? 0 : runOf(was, reading)
  const same = run === was.run && served === was.served && streaks === was.streaks
  const health = same ? was : { ...was, run, served, streaks }
  const timeRuns = was.standing === 'ejected' && !over
  return {
    ...{ reading, was, health, timeRuns },
    badByRequests: timeRuns || run >= rules.failures,
    badByChecks: reading.check?.word === 'bad',
  }
}

function runOf(was: TargetHealth, reading: TargetReading): number {
  const served = (reading.served - was.served) >>> 0
  if (served === 0) return was.run
  const failed = reading.streaks - was.streaks
  return failed >= served ? was.run + served : 0
}

function isBad({ badByChecks, badByRequests }: Seen): boolean {
  return badByChecks || badByRequests
}

/**
 * The places go first to those that are out already, so that nobody changes places from look to
 * look; among them to those whom the checks still find bad, then to the longest ejection.
 */
function whoIsOut(seen: readonly Seen[], most: number): ReadonlySet<Seen> {
  const bad = seen.filter(isBad)
  if (bad.length <= most) return new Set(bad)
  const rank = ({ badByChecks, was }: Seen): number => (isOut(was) ? (badByChecks ? 0 : 1) : 2)
  const ranked = bad.toSorted(
    (a, b) => rank(a) - rank(b) || (rank(a) === 1 ? b.was.untilMs - a.was.untilMs : 0),
  )
  return new Set(ranked.slice(0, most))
}

function leftOut(seen: Seen, look: HealthLook): TargetHealth {
  const { badByRequests, health, reading, timeRuns } = seen
  if (timeRuns) return health
  if (badByRequests) return ejected(health, look)
  const reason = reading.check?.reason ?? ''
  return { ...health, standing: 'checked-out', cause: 'checks', reason, rampSinceMs: null }
}

function ejected(health: TargetHealth, { now, rules }: HealthLook): TargetHealth {
  const forgiven = health.times > 0 && now - health.untilMs > FORGIVEN_AFTER_MS
  const times = forgiven ? 1 : health.times + 1
  const forMs = Math.min(rules.longestEjectionMs, rules.ejectionMs * times)
  const reason = requestsReason(health.run)
  const untilMs = now + forMs
  const rampSinceMs = null
  const cause = 'requests'
  return { ...health, standing: 'ejected', cause, reason, untilMs, times, rampSinceMs }
}

function requestsReason(run: number): string {
  return run === 1 ? 'a request failed' : `${run} requests in a row failed`
}

function failing(seen: Seen, { now, rules }: HealthLook): TargetHealth {
  const { badByRequests, health, reading, timeRuns } = seen
  if (!badByRequests) {
    const reason = reading.check?.reason ?? ''
    return { ...health, standing: 'failing', cause: 'checks', reason }
  }
  const already = timeRuns || (health.standing === 'failing' && health.cause === 'requests')
  if (already) return { ...health, standing: 'failing' }
  const untilMs = now + rules.ejectionMs
  const reason = requestsReason(health.run)
  return { ...health, standing: 'failing', cause: 'requests', reason, untilMs }
}

/** Nothing speaks against it now; but what has just failed is not well at once. */
function servedAgain({ health, reading, was }: Seen, { now, rules }: HealthLook): TargetHealth {
  if (was.standing === 'failing' && was.cause === 'requests' && now < was.untilMs) return health
  if (isOut(was)) {
    const back = { standing: 'healthy', cause: null, reason: '', run: 0, rampSinceMs: now } as const
    return { ...health, ...back }
  }
  const rampSinceMs = rampOf(health, { now, rules })
  if (reading.unreached !== '') {
    const reason = `it cannot be connected to: ${reading.unreached}`
    return { ...health, standing: 'failing', cause: 'connect', reason, rampSinceMs }
  }
  if (health.standing === 'healthy' && health.rampSinceMs === rampSinceMs) return health
  return { ...health, standing: 'healthy', cause: null, reason: '', rampSinceMs }
}

function rampOf(
  { rampSinceMs }: TargetHealth,
  { now, rules }: Pick<HealthLook, 'now' | 'rules'>,
): number | null {
  return rampSinceMs === null || now - rampSinceMs >= rules.slowStartMs ? null : rampSinceMs
}

/**
 * The share of each target as the board holds it: `OUT`, `WHOLE`, or thousandths of a fair share.
 * Relative to the warmest target, so one at least has all of it: nobody is asked less often when
 * nobody could be asked instead.
 */
export function sharesOf(
  health: HealthByTarget,
  { now, rules }: Pick<HealthLook, 'now' | 'rules'>,
): Readonly<Record<string, number>> {
  const warmth = (one: TargetHealth): number => {
    const since = rampOf(one, { now, rules })
    if (since === null) return 1000
    return FIRST_PERMILLE + ((1000 - FIRST_PERMILLE) * (now - since)) / rules.slowStartMs
  }
  const shares: Record<string, number> = {}
  let warmest = 1
  for (const one of Object.values(health)) {
    if (!isOut(one)) warmest = Math.max(warmest, warmth(one))
  }
  for (const [target, one] of Object.entries(health)) {
    const permille = Math.round((1000 * warmth(one)) / warmest)
    shares[target] = isOut(one) ? OUT : permille >= 1000 ? WHOLE : permille
  }
  return shares
}
