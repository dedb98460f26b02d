// How often each kind of difference was seen: the sentences of a tally, most frequent first. The
// kinds come from answers, so their number has a bound; what comes beyond it is counted as others.

/** So many kinds are told. */
const SHOWN = 10
const MAX_KINDS = 200
const OTHERS = 'other differences'

export class Kinds {
  readonly #counts = new Map<string, number>()

  add(text: string): void {
    const isRoom = this.#counts.has(text) || this.#counts.size < MAX_KINDS
    const key = isRoom ? text : OTHERS
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  /** The most frequent kinds, at most 10. */
  top(): readonly { readonly text: string; readonly count: number }[] {
    return [...this.#counts]
      .map(([text, count]) => ({ text, count }))
      .toSorted((a, b) => b.count - a.count || (a.text < b.text ? -1 : 1))
      .slice(0, SHOWN)
  }
}
