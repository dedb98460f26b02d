// Where a service's document stands in the history of the fleet's ledger. Redis can lose what it
// had accepted, when it starts again or another server takes its place; so revisions alone do not
// order what was decided. A term begins whenever another server process holds the keys, and
// everything that is decided from then on carries it.

/** A place in the history of a service's document. */
export interface Position {
  /** Grows with each change of the server that holds the keys. */
  readonly term: number
  /** The revision of the service. */
  readonly epoch: number
  /** The node that decided it. */
  readonly writer: string
}

/** Below 0 when the first is earlier, above 0 when it is later, 0 when they are the same. */
export function comparePositions(one: Position, other: Position): number {
  if (one.term !== other.term) return one.term - other.term
  if (one.epoch !== other.epoch) return one.epoch - other.epoch
  return one.writer < other.writer ? -1 : one.writer > other.writer ? 1 : 0
}

export function samePosition(one: Position | null, other: Position | null): boolean {
  if (one === null || other === null) return one === other
  return comparePositions(one, other) === 0
}

/** As it is told to people and compared in the ledger, e.g. `3.17.edge-1`. */
export function positionText({ term, epoch, writer }: Position): string {
  return `${term}.${epoch}.${writer}`
}
