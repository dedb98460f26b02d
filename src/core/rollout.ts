// The life of a rollout: one table. A row is an event, a column is where the service stands, a
// cell is the function that answers with the next document and the effects, or refuses. What the
// cells do is in rollout/: begin, raise, promote, by-hand, watch, end, entomb, quarantine, upkeep.
// A transition that is not in this table does not exist.
//
//   idle      no rollout: stable serves everything
//   proving   the candidate is resident at 0 %
//   shifting  the weight of a step is in force
//   baking    100 %, the old stable still ready
//   manual    a weight set by hand, the verdict armed
//
// An abort is a cell of every column, so it preempts everything. Nothing here knows a clock, a
// disk or a thread; `now` is the node's own time in milliseconds, which never goes back.

import type { EventName, RolloutEvent, ServiceDocument } from './events.ts'
import { adopt, begin, replace } from './rollout/begin.ts'
import { changeManual, openManual, takeOver } from './rollout/by-hand.ts'
import { abort, promoteNow, swapBack } from './rollout/end.ts'
import { entomb, entombIdle } from './rollout/entomb.ts'
import { lift } from './rollout/quarantine.ts'
import { promoteManual, promoteStep, resume, resumeManual } from './rollout/promote.ts'
import { pause } from './rollout/raise.ts'
import {
  conflict,
  refuse,
  type Standing,
  type Stepped,
  standingOf,
  type Transition,
  unchanged,
} from './rollout/transition.ts'
import { ignore, restarted, setTargets, takeBack } from './rollout/upkeep.ts'
import { gated, keepHouse, survey, watch } from './rollout/watch.ts'
import type { Refusal } from './service.ts'

type Row<K extends EventName> = readonly [
  Transition<K>,
  Transition<K>,
  Transition<K>,
  Transition<K>,
  Transition<K>,
]

const COLUMN: Readonly<Record<Standing, 0 | 1 | 2 | 3 | 4>> = {
  idle: 0,
  proving: 1,
  shifting: 2,
  baking: 3,
  manual: 4,
}

// biome-ignore format: it is a table
const TABLE: { readonly [K in EventName]: Row<K> } = {
  //          idle        proving      shifting     baking      manual
  deploy:    [begin,      replace,     replace,     replace,    replace],
  weight:    [openManual, takeOver,    takeOver,    takeOver,   changeManual],
  promote:   [noRollout,  promoteStep, promoteStep, promoteNow, promoteManual],
  pause:     [noRollout,  pause,       pause,       pause,      noSteps],
  resume:    [noRollout,  resume,      resume,      resume,     resumeManual],
  abort:     [noRollout,  abort,       abort,       abort,      abort],
  rollback:  [swapBack,   abort,       abort,       abort,      abort],
  retry:     [lift,       lift,        lift,        lift,       lift],
  targets:   [setTargets, setTargets,  setTargets,  setTargets, setTargets],
  routing:   [adopt,      adopt,       adopt,       adopt,      adopt],
  tick:      [ignore,     watch,       watch,       watch,      watch],
  gated:     [ignore,     gated,       gated,       gated,      gated],
  survey:    [keepHouse,  survey,      survey,      survey,     survey],
  restarted: [ignore,     restarted,   restarted,   restarted,  restarted],
  unsaved:   [ignore,     takeBack,    takeBack,    takeBack,   takeBack],
  entombed:  [entombIdle, entomb,      entomb,      entomb,     entomb],
}

/** Events whose names are no verbs, as messages call them. */
const ACTION: Readonly<Partial<Record<EventName, string>>> = {
  weight: 'set the weight',
  targets: 'set the targets',
  retry: 'lift the quarantine',
  rollback: 'roll back',
}

/**
 * What an event does to a service at time `now`.
 *
 * @returns the next document with the effects that lead there, or a refusal that changes nothing
 */
export function step(
  document: ServiceDocument,
  event: RolloutEvent,
  now: number,
): Stepped | Refusal {
  const { epoch } = document.state
  // The one rule about what came too late.
  if ('epoch' in event && event.epoch !== epoch) return unchanged(document)
  if ('ifMatch' in event && event.ifMatch !== null && event.ifMatch !== epoch) {
    return refuse({
      status: 412,
      code: 'revision-mismatch',
      title: 'Revision mismatch',
      detail:
        `Cannot ${ACTION[event.event] ?? event.event} as the service has changed meanwhile: ` +
        `current revision is ${epoch}, not ${event.ifMatch}`,
    })
  }
  const transition = TABLE[event.event][COLUMN[standingOf(document.state)]] as Transition<EventName>
  return transition(document, event, now)
}

function noRollout(document: ServiceDocument, event: RolloutEvent): Refusal {
  return conflict(
    'no-rollout',
    'No rollout',
    `Cannot ${event.event} as no rollout of ${document.state.service} is running: deploy a version first`,
  )
}

function noSteps(_document: ServiceDocument, event: RolloutEvent): Refusal {
  return conflict(
    'no-steps',
    'No steps',
    `Cannot ${event.event} as a weight set by hand has no steps that could go on`,
  )
}
