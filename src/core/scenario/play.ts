// Plays a scenario against the real rollout on a virtual clock: the same state machine and the same
// tests as in a node, fed with made-up traffic. One run has one ending; many runs with other seeds
// tell how likely each is.

import type { RolloutEvent, ServiceDocument } from '../events.ts'
import type { Facts } from '../facts.ts'
import { ReplayedWindows } from '../replay/windows.ts'
import { blankDocument, limitsOf, NO_FACTS } from '../rollout/transition.ts'
import { step } from '../rollout.ts'
import { type Strategy, withoutGates } from '../strategy.ts'
import { type ArmTotals, NO_TOTALS } from '../verdict/evidence.ts'
import { FULL_WEIGHT, type Weight } from '../weight.ts'
import { measuredP99, measuredTail } from './latency.ts'
import { Random } from './random.ts'
import { type Conditions, conditionsAt, type Scenario } from './scenario.ts'
import { TICK_MS, Traffic } from './traffic.ts'

const SECOND_MS = 1000
const WINDOW_MS = 60_000
const TARGET = 'http://candidate:1'
/** What a request may take besides the response-head time-out; as in the node. */
const CONNECT_MS = 6000

export type RunEnding = 'promoted' | 'rolled-back' | 'paused' | 'running'

export interface Run {
  readonly ending: RunEnding
  readonly atMs: number
  /** The weight in force before the end. */
  readonly weight: Weight
  readonly candidate: ArmTotals
  /** Why: the sentence of the rollout's last decision. */
  readonly reason: string
}

/** What is being played. */
interface Stage {
  document: ServiceDocument
  nowMs: number
  candidate: ArmTotals
  weight: Weight
}

function send(stage: Stage, event: RolloutEvent): void {
  const stepped = step(stage.document, event, stage.nowMs)
  if ('refused' in stepped) throw new Error(stepped.refused.detail)
  const { evidence } = stepped.document
  if (evidence !== null) stage.candidate = evidence.candidate
  if (stage.document.state.weight > 0) stage.weight = stage.document.state.weight
  stage.document = stepped.document
}

function begin(strategy: Strategy): Stage {
  const stage: Stage = {
    document: blankDocument('scenario'),
    ...{ nowMs: 0, candidate: NO_TOTALS, weight: 0 },
  }
  const versions = { stable: ['http://stable:1'], candidate: [TARGET] }
  send(stage, {
    ...{ event: 'routing', versions, stable: 'stable', candidate: null, weight: 0 },
    ...{ hash: 'scenario.versions', strategy },
  })
  send(stage, {
    ...{ event: 'deploy', version: 'candidate', targets: [], replace: false, strategy },
    ifMatch: null,
  })
  return stage
}

/** What control would see of the world. */
function factsOf(
  stage: Stage,
  on: {
    conditions: Conditions
    windows: ReplayedWindows
    random: Random
    memoryMs: number
    drawn: number
  },
): Facts {
  const { conditions, random, windows } = on
  const { candidate, rate, stable } = conditions
  const { rollout, weight } = stage.document.state
  const trigger = rollout?.strategy.trigger
  const lastMs = trigger?.mode === 'threshold' ? trigger.windowMs : WINDOW_MS
  const counted = windows.figures(stage.nowMs, lastMs)
  // Stable has been there for long: its window is full before the rollout begins.
  const before = Math.max(0, WINDOW_MS - stage.nowMs) / 1000
  const minute = windows.figures(stage.nowMs, WINDOW_MS).stable.requests
  const measured = minute + Math.round(before * rate * (1 - weight / FULL_WEIGHT))
  const withP99 = (arm: 'candidate' | 'stable', latency: Conditions['stable']['latency']) => {
    const { requests } = counted[arm]
    const judges = trigger?.mode === 'threshold'
    return { ...counted[arm], p99Us: judges ? measuredP99(latency, requests, random) : null }
  }
  return {
    ...NO_FACTS,
    candidateResident: true,
    stable: { healthy: 1, total: 1 },
    candidate: { healthy: 1, total: 1 },
    given: { [TARGET]: on.drawn },
    tail: measuredTail(stable.latency, measured, random),
    memoryMs: on.memoryMs,
    windows: {
      candidate: withP99('candidate', candidate.latency),
      stable: withP99('stable', stable.latency),
    },
    ratePerSecond: rate,
  }
}

function endingOf({ state }: ServiceDocument): RunEnding {
  const ending = state.ended?.ending
  if (ending === 'promoted' || ending === 'rolled-back') return ending
  return state.rollout?.pause == null ? 'running' : 'paused'
}

/** One run. The same seed gives the same one. */
export function playScenario(scenario: Scenario, strategy: Strategy, seed: number): Run {
  const random = new Random(seed)
  const traffic = new Traffic(random)
  const windows = new ReplayedWindows()
  const stage = begin(withoutGates(strategy))
  const { rescued, responseHeadMs } = scenario
  const memoryMs = responseHeadMs + CONNECT_MS
  const look = (conditions: Conditions): void => {
    const on = { conditions, windows, random, memoryMs, drawn: traffic.drawn }
    send(stage, { event: 'survey', facts: factsOf(stage, on) })
  }
  look(conditionsAt(scenario, 0))
  while (endingOf(stage.document) === 'running' && stage.nowMs < scenario.durationMs) {
    stage.nowMs += TICK_MS
    const conditions = conditionsAt(scenario, stage.nowMs)
    const { evidence, state } = stage.document
    const limits = limitsOf(evidence)
    const isMeasured = limits.effect === 'limits' && limits.candidateUs > 0
    const counted = traffic.next({
      ...{ ...conditions, rescued, responseHeadMs },
      weight: state.weight / FULL_WEIGHT,
      limits: isMeasured ? limits : null,
    })
    windows.add({ atMs: stage.nowMs, ...counted })
    send(stage, { event: 'tick', ...counted })
    if (stage.nowMs % SECOND_MS === 0 && stage.document.state.rollout !== null) look(conditions)
  }
  const { state } = stage.document
  return {
    ending: endingOf(stage.document),
    atMs: stage.nowMs,
    weight: stage.weight,
    candidate: stage.candidate,
    reason: state.ended?.reason ?? state.rollout?.pause?.reason ?? '',
  }
}
