// What only the simulation knows of a document: the decisions that have led to it, one by one. The
// nodes do not look at it; the invariants do.

/** A decision, and those before it. */
export interface Trail {
  readonly id: number
  /** A raise of this rollout and this number; null: it is none. */
  readonly grant: string | null
  readonly before: Trail | null
}

/** Decisions further back are not looked for. */
const LONGEST = 2000

export function* decisionsOf(trail: Trail | null): Generator<Trail> {
  let steps = 0
  for (let one = trail; one !== null && steps < LONGEST; one = one.before, steps++) yield one
}

export function holds(trail: Trail | null, id: number): boolean {
  for (const one of decisionsOf(trail)) if (one.id === id) return true
  return false
}
