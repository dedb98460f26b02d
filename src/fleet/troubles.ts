// What does not work as it should, a sentence a subject, until it works again or, for what happens
// and is over, for a while. It is shown in the status; the log hears of each when it comes, when it
// becomes another, and when it has gone.

import type { Log } from '../control/options.ts'

interface Trouble {
  readonly sentence: string
  /** By the clock that never goes back. */
  readonly endsMs: number
  /** Whether a call to Redis says so of itself. */
  readonly isOfCall: boolean
}

/** The sentence without the value it ends with, which changes more often than what is wrong. */
function ruleOf(sentence: string): string {
  const end = sentence.lastIndexOf(': ')
  return end < 0 ? sentence : sentence.slice(0, end)
}

export class Troubles {
  readonly #troubles = new Map<string, Trouble>()
  readonly #log: Log
  readonly #monotonic: () => number

  constructor({ log, monotonic }: { log: Log; monotonic: () => number }) {
    this.#log = log
    this.#monotonic = monotonic
  }

  say(subject: string, sentence: string): void {
    this.#put(subject, { sentence, endsMs: Number.POSITIVE_INFINITY, isOfCall: false })
  }

  /** A call to Redis has failed: until it succeeds, or it is known why none can. */
  callFailed(subject: string, sentence: string): void {
    this.#put(subject, { sentence, endsMs: Number.POSITIVE_INFINITY, isOfCall: true })
  }

  /** Of what is over: it is shown for a while after the last time. */
  mention(subject: string, { sentence, forMs }: { sentence: string; forMs: number }): void {
    this.#put(subject, { sentence, endsMs: this.#monotonic() + forMs, isOfCall: false })
  }

  clear(subject: string): void {
    const trouble = this.#troubles.get(subject)
    if (trouble === undefined) return
    this.#troubles.delete(subject)
    this.#log.info({ subject }, `No longer: ${trouble.sentence}`)
  }

  /** Forgets which calls have failed, as it is known why; the log hears nothing of it. */
  forgetCalls(): void {
    for (const [subject, { isOfCall }] of this.#troubles) {
      if (isOfCall) this.#troubles.delete(subject)
    }
  }

  /** The sentence that is null clears. */
  set(subject: string, sentence: string | null): void {
    if (sentence === null) this.clear(subject)
    else this.say(subject, sentence)
  }

  get sentences(): readonly string[] {
    const nowMs = this.#monotonic()
    const present = [...this.#troubles.values()].filter(({ endsMs }) => nowMs < endsMs)
    return [...new Set(present.map(({ sentence }) => sentence))]
  }

  #put(subject: string, trouble: Trouble): void {
    const before = this.#troubles.get(subject)
    this.#troubles.set(subject, trouble)
    if (before !== undefined && ruleOf(before.sentence) === ruleOf(trouble.sentence)) return
    this.#log.warn({ subject }, trouble.sentence)
  }
}
