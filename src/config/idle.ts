// Settings that are written and can never act beside the others of their service, such as the
// window of a mode that is not used. A start is not refused for them, as they do no harm; but who
// wrote them believes that they do something, so each is worth a warning.

import type { Strategy } from '../core/strategy.ts'
import type { ServiceConfig } from './config.ts'
import type { ServiceDocument, Texts } from './schema.ts'

/** Why written settings of a group never act: the group's name in messages, its texts. */
interface Idle {
  readonly group: string
  readonly texts: Readonly<Record<string, unknown>> | undefined
  readonly keys: readonly string[]
  readonly why: string
}

/** The mode judges by tests: what it does without is the window of the plain rule. */
const ONLY_THRESHOLD = ['min_requests', 'window'] as const
/** The plain rule knows no tests, no proofs and no warm-up. */
const ONLY_EVIDENCE = ['alpha'] as const
const ONLY_EVIDENCE_STEPS = [
  'beta',
  'harm_budget',
  'suspicion',
  'warm_up',
  'warm_up_requests',
] as const

const THRESHOLD = 'rollback_trigger.mode is threshold'

function byMode(strategy: Strategy, texts: ServiceDocument['deploy_strategy']): readonly Idle[] {
  const steps = { group: 'deploy_strategy', texts }
  const trigger = { group: 'deploy_strategy.rollback_trigger', texts: texts?.rollback_trigger }
  if (strategy.trigger.mode === 'evidence') {
    const why = 'rollback_trigger.mode is evidence'
    return [{ ...trigger, keys: ONLY_THRESHOLD, why }]
  }
  return [
    { ...trigger, keys: ONLY_EVIDENCE, why: THRESHOLD },
    { ...steps, keys: ONLY_EVIDENCE_STEPS, why: THRESHOLD },
  ]
}

function byTime(strategy: Strategy, texts: ServiceDocument['deploy_strategy']): readonly Idle[] {
  const steps = { group: 'deploy_strategy', texts }
  if (strategy.trigger.mode === 'threshold') return []
  const idle: Idle[] = []
  if (strategy.warmUpMs === 0) {
    idle.push({ ...steps, keys: ['warm_up_requests'], why: 'warm_up is 0' })
  }
  if (strategy.steps.slice(1).every(({ observeMs }) => observeMs === 0)) {
    const why = 'no step after the first has an observe time whose errors it could bound'
    idle.push({ ...steps, keys: ['harm_budget'], why })
  }
  return idle
}

function ofRescue(service: ServiceConfig, texts: Texts | undefined): Idle {
  const keys = service.rescue ? [] : ['share', 'at_least']
  return { group: 'rescue_budget', texts, keys, why: 'rescue is off' }
}

/** The written settings of a service that never act, a sentence each. */
export function idleSettings(service: ServiceConfig, document: ServiceDocument): readonly string[] {
  const { deploy_strategy: texts, rescue_budget: rescue } = document
  const { strategy } = service
  const all = [...byMode(strategy, texts), ...byTime(strategy, texts), ofRescue(service, rescue)]
  return all.flatMap(({ group, keys, texts, why }) =>
    keys
      .filter((key) => texts?.[key] !== undefined)
      .map((key) => `${group}.${key} of service ${service.name} never acts, as ${why}`),
  )
}
