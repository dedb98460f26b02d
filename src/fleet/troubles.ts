// What does not work as it should, a sentence a subject, until it works again. It is shown in the
// status; the log hears of each once when it comes and once when it has gone.

import type { Log } from '../control/options.ts'

export class Troubles {
  readonly #sentences = new Map<string, string>()
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  say(subject: string, sentence: string): void {
    const isNew = !this.#sentences.has(subject)
    this.#sentences.set(subject, sentence)
    if (isNew) this.#log.warn({ subject }, sentence)
  }

  clear(subject: string): void {
    const sentence = this.#sentences.get(subject)
    if (sentence === undefined) return
    this.#sentences.delete(subject)
    this.#log.info({ subject }, `No longer: ${sentence}`)
  }

  /** The sentence that is null clears. */
  set(subject: string, sentence: string | null): void {
    if (sentence === null) this.clear(subject)
    else this.say(subject, sentence)
  }

  get sentences(): readonly string[] {
    return [...new Set(this.#sentences.values())]
  }
}
