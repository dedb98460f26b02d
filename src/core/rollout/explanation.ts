// What is known of a rollout at one moment, put together for the API, the journal and on-call: the
// evidence against the candidate, the proof for it, and what remains unknown.

import type { Effect, ServiceDocument } from '../events.ts'
import type { Explanation } from '../explanation.ts'
import type { JournalEntry } from '../journal.ts'
import type { FoldRecord } from '../replay/record.ts'
import { explain } from '../verdict/explain.ts'
import { proofsOf, riskOf } from '../verdict/proof-missing.ts'
import type { Weight } from '../weight.ts'
import { demandNow } from './demand.ts'
import { caseOf } from './transition.ts'

/** The explanation of the rollout as it stands; null before its first raise. */
export function explanationOf(document: ServiceDocument): Explanation | null {
  const { evidence, facts, state } = document
  const { candidate, rollout, stable } = state
  if (rollout === null || evidence === null || candidate === null) return null
  const { phase, strategy } = rollout
  const refuge = stable === null ? 'none' : facts.stable.healthy > 0 ? 'ready' : 'unhealthy'
  const demand = phase === 'manual' ? null : demandNow(document, evidence)
  return {
    rollout: rollout.id,
    version: candidate,
    startedMs: rollout.startedMs,
    evidence: explain({
      ...caseOf(document, rollout, evidence),
      memoryMs: facts.memoryMs,
      refuge,
      perBucket: facts.perBucket === true,
    }),
    proofs: demand === null ? [] : proofsOf({ demand, evidence, facts, strategy }),
    residualRisk: riskOf(evidence),
  }
}

/** All of it in sentences. */
export function textsOf({ evidence }: Explanation): string {
  return evidence.map(({ text }) => text).join(' ')
}

/** Only what has reached its bar; all where nothing has. */
export function decisiveTextOf(explanation: Explanation): string {
  const evidence = explanation.evidence.filter(
    ({ bar, userErrors, value }) =>
      (value !== null && bar !== null && value >= bar) ||
      (userErrors !== null && userErrors.seen >= userErrors.atMost),
  )
  return textsOf(evidence.length === 0 ? explanation : { ...explanation, evidence })
}

/**
 * An entry of the journal with all that was known when it was decided, which is put together when
 * the entry is written: a simulation of a thousand rollouts reads none of it.
 *
 * @param document the one before the decision
 * @param record what a replay needs of the decision
 */
export function journalEffect(
  document: ServiceDocument,
  entry: Pick<JournalEntry, 'kind' | 'text' | 'by'> & { weight: Weight },
  record?: FoldRecord,
): Effect {
  return {
    effect: 'journal',
    ...entry,
    get evidence() {
      const explanation = explanationOf(document)
      if (record === undefined) return explanation ?? undefined
      return explanation === null ? record : { ...record, explanation }
    },
  }
}
