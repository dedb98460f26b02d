// What becomes of a fleet whose Redis goes away, or a part of which does? Three real nodes with
// 2,000 requests a second, a rollout that could be raised every second. Redis is killed, stands
// still for 10 s, comes back empty, or fails over to a replica by its sentinels: no client may
// notice, no weight may go upward, each node must take a bad candidate out by what it sees itself,
// and with Redis back all must soon stand at one state. A node that is cut off alone is told to
// abort while the others raise: the abort must win. And the node that leads is killed: another one
// must go on, at the same step and with all that was counted. (`--only NAME` plays one of them.)
//
// The weights that are looked at are those by which the traffic goes: the candidate's share of the
// answers. What the nodes say may be ahead of it and is told below the table.

import { type CutPlay, type LeaderPlay, playCut, playLeader } from './lab/fleet-cut.ts'
import { FIRST_WEIGHT, OUTAGES, type OutagePlay, playOutage, SHARE_OF } from './lab/fleet-outage.ts'
import { bench, type Check, progress } from './lab/report.ts'
import { add } from './lab/statistics.ts'

const ONE_STATE_MS = 2000
/** Who has not confirmed is asked once a second. */
const KNOWN_MS = 4000
const TAKE_OVER_MS = 5000
const ABORT_MS = 1500
const NODES = 3
/**
 * 5 standard deviations above the weight: 5 % + 5 × 0.97 points of 500 requests. Chance alone gets
 * there in one of 1,000 plays, as all 500 in a row of some 10,000 are looked at (4,000 simulated).
 */
const MOST_PERCENT = FIRST_WEIGHT + 5 * Math.sqrt((FIRST_WEIGHT * (100 - FIRST_WEIGHT)) / SHARE_OF)

const seconds = (ms: number | null): string =>
  ms === null ? 'never' : `${(ms / 1000).toFixed(2)} s`
const within = (ms: number | null, limitMs: number): boolean => ms !== null && ms <= limitMs

interface Part {
  readonly checks: readonly Check[]
  readonly series: Readonly<Record<string, number | null>>
  readonly notes: readonly string[]
  readonly data: unknown
}

function outagePart(play: OutagePlay): Part {
  const { failed, goesOnMs, most, one, outage, ownMs, requests, rises, unsent } = play
  const { name } = outage
  const checks = [
    {
      what: `${name}: no request failed`,
      value: `${failed} of ${requests}${unsent > 0 ? `, and ${unsent} could not be sent` : ''}`,
      pass: failed === 0,
    },
    {
      what: `${name}: no weight went upward while Redis was away (${seconds(play.awayMs)})`,
      value:
        `at most ${most.percent.toFixed(1)} % of ${SHARE_OF} answers in a row, ` +
        `${seconds(most.atMs)} after it went`,
      pass: most.percent <= MOST_PERCENT,
    },
    {
      what: `${name}: each node took the bad candidate out by itself meanwhile`,
      value: `${ownMs.length} of ${NODES}: ${ownMs.map((ms) => seconds(ms)).join(', ')}`,
      pass: ownMs.length === NODES,
    },
    {
      what: `${name}: with Redis back one state within ${ONE_STATE_MS / 1000} s`,
      value: `${seconds(one.oneStateMs)}, and known to all after ${seconds(one.knownMs)}`,
      pass: within(one.oneStateMs, ONE_STATE_MS) && within(one.knownMs, KNOWN_MS),
    },
    {
      what: `${name}: the next rollout begins on all nodes`,
      value: seconds(goesOnMs),
      pass: goesOnMs !== null,
    },
  ]
  const said = rises.map(({ from, node, to }) => `${node} ${from} → ${to} %`).join(', ')
  return {
    checks,
    series: { [`${name}: one state, ms`]: one.oneStateMs },
    notes: said === '' ? [] : [`${name}: said while Redis was away, without effect: ${said}`],
    data: { ...play, outage: name },
  }
}

function cutPart(play: CutPlay): Part {
  const { abort, failed, how, one, othersPercent, ownPercent, rises } = play
  const name = `cut-${how}`
  const checks = [
    {
      what: `${name}: an abort at the node that is cut off is answered and in force there`,
      value: `${abort.status} in ${seconds(abort.tookMs)}, ${ownPercent} % there`,
      pass: abort.status === 200 && abort.tookMs <= ABORT_MS && ownPercent === 0,
    },
    {
      what: `${name}: the others, who could not know, went on`,
      value: `at ${othersPercent} %`,
      pass: othersPercent > FIRST_WEIGHT,
    },
    {
      what: `${name}: healed, it is aborted everywhere within ${ONE_STATE_MS / 1000} s`,
      value: `${seconds(one.oneStateMs)}, and known to all after ${seconds(one.knownMs)}`,
      pass: within(one.oneStateMs, ONE_STATE_MS) && within(one.knownMs, KNOWN_MS),
    },
    {
      what: `${name}: and nowhere raised again`,
      value: rises.map(({ from, node, to }) => `${node} ${from} → ${to} %`).join(', ') || 'no',
      pass: rises.length === 0,
    },
    { what: `${name}: no request failed`, value: String(failed), pass: failed === 0 },
  ]
  return { checks, series: { [`${name}: one state, ms`]: one.oneStateMs }, notes: [], data: play }
}

function leaderPart(play: LeaderPlay): Part {
  const { after, before, failed, goesOnMs, killed, leadsMs, raisedMs } = play
  const counted = (one: typeof before): string =>
    `step ${one.step}, ${one.candidate} and ${one.stable} requests`
  const checks = [
    {
      what: `leader: killed, another one leads and counts on within ${TAKE_OVER_MS / 1000} s`,
      value: `leads after ${seconds(leadsMs)}, counts on after ${seconds(goesOnMs)}`,
      pass: within(leadsMs, TAKE_OVER_MS) && within(goesOnMs, TAKE_OVER_MS),
    },
    {
      // What the killed one had counted since its last save, a second's worth, is lost with it.
      what: 'leader: at the same step, with at least 9 in 10 of what was counted',
      value: `${counted(before)} before, ${after === null ? 'nothing' : counted(after)} after`,
      pass:
        after !== null &&
        after.step === before.step &&
        after.weight === before.weight &&
        after.candidate >= before.candidate * 0.9 &&
        after.stable >= before.stable * 0.9,
    },
    {
      what: 'leader: the step comes to its end',
      value: `raised ${seconds(raisedMs)} after the kill`,
      pass: raisedMs !== null,
    },
    {
      what: 'leader: no request through the other nodes failed',
      value: String(failed),
      pass: failed === 0,
    },
  ]
  const notes = [`leader: ${killed} was killed`]
  return { checks, series: { 'leader: counts on, ms': goesOnMs }, notes, data: play }
}

const PLAYS: Readonly<Record<string, () => Promise<Part>>> = {
  ...Object.fromEntries(
    OUTAGES.map((outage) => [outage.name, async () => outagePart(await playOutage(outage))]),
  ),
  'cut-silent': async () => cutPart(await playCut('silent')),
  'cut-refused': async () => cutPart(await playCut('refused')),
  leader: async () => leaderPart(await playLeader()),
}

await bench(
  'fleet-outage',
  {
    title: 'three nodes with 2,000 req/s while Redis, a way to it, or the leader is gone',
    runs: 1,
    limitMs: 360_000,
    names: Object.keys(PLAYS),
  },
  async (runs, only) => {
    const checks: Check[] = []
    const series: Record<string, number[]> = {}
    const notes: string[] = []
    const data: Record<string, unknown> = {}
    for (let run = 1; run <= runs; run++) {
      for (const [name, play] of Object.entries(PLAYS)) {
        if (only !== null && name !== only) continue
        const part = await play()
        checks.push(...part.checks)
        notes.push(...part.notes)
        data[`${name}-${run}`] = part.data
        for (const [what, ms] of Object.entries(part.series)) add(series, what, ms ?? Number.NaN)
        const missed = part.checks.filter(({ pass }) => !pass)
        progress(`${name}: ${missed.map(({ what }) => what).join('; ') || 'as it should'}`)
      }
    }
    return { series, checks, notes, data }
  },
)
