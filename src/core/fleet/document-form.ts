// The form that a saved document must have to be used, wherever it was saved. It looks only at
// what the control loop relies on at once; the rest was written by the same program.

/** Of a fleet's documents and of its nodes' entries; what is newer is left alone. */
export const FORMAT = 1

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * What is wrong with `{ document, clockMs }` as a saved document of a service, as a clause; null
 * when it can be used.
 */
export function documentComplaint(value: unknown, service: string): string | null {
  if (!isRecord(value)) return 'it is no object'
  const { clockMs, document } = value
  if (typeof clockMs !== 'number') return 'it has no clock'
  if (!isRecord(document)) return 'it holds no document'
  const { state, facts } = document
  if (!isRecord(state) || !isRecord(facts)) return 'it holds no state'
  const { epoch, quarantine, service: named, versions, weight } = state
  if (named !== service) return `it is about service ${String(named)}`
  if (!Number.isInteger(epoch)) return 'its epoch is no whole number'
  if (typeof weight !== 'number' || !(weight >= 0 && weight <= 10_000)) return 'it has no weight'
  if (!isRecord(versions) || !isRecord(quarantine)) return 'it has no versions'
  return null
}

/** The same for what the fleet keeps, where whose counts are in the evidence stands beside it. */
export function bodyComplaint(value: unknown, service: string): string | null {
  const complaint = documentComplaint(value, service)
  if (complaint !== null || !isRecord(value)) return complaint
  const { counters } = value
  if (counters === null) return null
  if (!isRecord(counters) || !isRecord(counters.nodes)) return 'it has no counters'
  return typeof counters.rollout === 'string' ? null : 'its counters belong to no rollout'
}
