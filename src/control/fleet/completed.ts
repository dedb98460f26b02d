// What the ledger answers may come of another release: it is taken in with all that this one
// expects in it. What has another form than it must have is damage, and is told with its sentence.

import type { StoreAnswer, StoreReading } from '../../core/fleet/ledger.ts'
import type { Strategy } from '../../core/strategy.ts'
import { completed } from '../complete.ts'

/** What is said of a document that leads to an error of ours. */
export function unusable(service: string, error: unknown): string {
  const sentence = `Cannot use what Redis holds of service ${service} as its form is not ours`
  return `${sentence}: ${(error as Error).message}`
}

/** @param base the service's configured strategy */
export function completedReading(reading: StoreReading, base: Strategy): StoreReading {
  if (reading.found !== 'document') return reading
  const { stored } = reading
  try {
    const document = completed(stored.body.document, base)
    return { found: 'document', stored: { ...stored, body: { ...stored.body, document } } }
  } catch (error) {
    return { found: 'damage', text: unusable(stored.body.document.state.service, error) }
  }
}

/** @param base the service's configured strategy */
export function completedAnswer(answer: StoreAnswer, base: Strategy): StoreAnswer {
  const isOther = answer.result === 'conflict' || answer.result === 'fenced'
  if (!isOther || answer.stored === null) return answer
  const known = completedReading({ found: 'document', stored: answer.stored }, base)
  if (known.found === 'document') return { ...answer, stored: known.stored }
  return { result: 'failed', reason: known.found === 'damage' ? known.text : 'it is gone' }
}
