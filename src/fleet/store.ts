// The documents in Redis: read, compared, replaced. What is there and cannot be used is left as it
// is and told; nothing here repairs or deletes.

import type { StoreAnswer, StoreProposal, StoreReading } from '../control/fleet-port.ts'
import { bodyComplaint, FORMAT } from '../core/fleet/document-form.ts'
import { type Position, positionText } from '../core/fleet/position.ts'
import type { Body, Stored } from '../core/fleet/stored.ts'
import { failureSentence } from './advice.ts'
import type { Connection } from './connection.ts'
import type { Keys } from './keys.ts'
import type { FleetOptions } from './options.ts'
import { POSITIONS, PROPOSE, READ } from './scripts.ts'
import type { Troubles } from './troubles.ts'

/** A document is some kilobytes; what is far beyond would hold up everybody's calls. */
export const BODY_MAX_BYTES = 4 * 1024 * 1024
/** A larger one is not told to all but read by each. */
const TOLD_MAX_BYTES = 512 * 1024
/** Keys in one call, so that no call keeps Redis busy for long. */
const KEYS_A_CALL = 100

export interface StoreOptions {
  readonly connection: Connection
  readonly keys: Keys
  readonly fleet: FleetOptions
  readonly troubles: Troubles
  /** A document was written by the holder of this lease, which is later than the one given. */
  readonly onFenced: (lease: number) => void
}

type Place = { readonly position: Position; readonly save: number }

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** `3.17.edge-1`; the writer's name may hold dots. Null for the empty text. */
function readPosition(text: unknown): Position | null {
  const [, term, epoch, writer] = /^(\d+)\.(\d+)\.(.*)$/s.exec(String(text)) ?? []
  if (writer === undefined) return null
  return { term: Number(term), epoch: Number(epoch), writer }
}

export class Store {
  readonly #options: StoreOptions
  /** The largest term of each service that has been seen. */
  readonly #terms = new Map<string, number>()

  constructor(options: StoreOptions) {
    this.#options = options
  }

  /** A term that was heard of elsewhere. */
  sawTerm(service: string, term: number): void {
    this.#terms.set(service, Math.max(this.#terms.get(service) ?? 0, term))
  }

  async read(service: string, knownTerm: number): Promise<StoreReading> {
    const { connection, keys } = this.#options
    this.sawTerm(service, knownTerm)
    try {
      const answer = listOf(
        await connection.run(READ, {
          keys: [keys.document(service)],
          args: [this.#termOf(service)],
        }),
      )
      if (answer[0] === 'nothing') {
        this.#wellAgain(service)
        return { found: 'nothing' }
      }
      const found = this.#stored(service, answer)
      return 'stored' in found
        ? { found: 'document', stored: found.stored }
        : { found: 'damage', text: found.damage }
    } catch (error) {
      return { found: 'failed', reason: this.#failure(`read service ${service}`, error) }
    }
  }

  forget(service: string): void {
    this.#wellAgain(service)
  }

  async positions(services: readonly string[]): Promise<ReadonlyMap<string, Place | null>> {
    const isCluster = this.#options.fleet.redis.kind === 'cluster'
    const chunk = isCluster ? 1 : KEYS_A_CALL
    const places = new Map<string, Place | null>()
    const calls: Promise<void>[] = []
    for (let start = 0; start < services.length; start += chunk) {
      calls.push(this.#placesOf(services.slice(start, start + chunk), places))
    }
    await Promise.all(calls)
    return places
  }

  async propose(service: string, proposal: StoreProposal): Promise<StoreAnswer> {
    const { connection, keys, fleet } = this.#options
    const { body, expected, lease, knownTerm } = proposal
    const action = `save service ${service} in Redis`
    const text = JSON.stringify(body)
    const bytes = Buffer.byteLength(text)
    if (bytes > BODY_MAX_BYTES) {
      const reason = `Cannot ${action} as a document has at most ${BODY_MAX_BYTES} bytes`
      return { result: 'failed', reason: `${reason}: this one has ${bytes}` }
    }
    this.sawTerm(service, knownTerm)
    try {
      const answer = await connection.run(PROPOSE, {
        keys: [keys.document(service)],
        args: [
          this.#termOf(service),
          expected === null ? '' : positionText(expected),
          body.document.state.epoch,
          fleet.node,
          lease ?? '',
          text,
          keys.everybody,
          service,
          TOLD_MAX_BYTES,
        ],
      })
      return this.#answer(service, listOf(answer))
    } catch (error) {
      return { result: 'failed', reason: this.#failure(action, error) }
    }
  }

  #termOf(service: string): number {
    return this.#terms.get(service) ?? 0
  }

  async #placesOf(services: readonly string[], places: Map<string, Place | null>): Promise<void> {
    const { connection, keys, troubles } = this.#options
    try {
      const answers = await connection.run(POSITIONS, {
        keys: services.map((service) => keys.document(service)),
        args: services.map((service) => this.#termOf(service)),
      })
      listOf(answers).forEach((answer, index) => {
        const service = services[index]
        if (service === undefined) return
        const [kind, ...rest] = listOf(answer)
        if (kind === 'nothing') {
          places.set(service, null)
          this.#wellAgain(service)
        } else if (kind === 'document') {
          places.set(service, this.#place(service, rest))
        } else {
          this.#damage(service, listOf(answer))
        }
      })
      troubles.clear('positions')
    } catch (error) {
      if (connection.session === null) return
      troubles.callFailed('positions', this.#failure('compare what Redis holds', error))
    }
  }

  /** From `term, docTerm, epoch, writer, save`. */
  #place(service: string, [term, docTerm, epoch, writer, save]: readonly unknown[]): Place {
    this.sawTerm(service, Number(term))
    const position = { term: Number(docTerm), epoch: Number(epoch), writer: String(writer) }
    return { position, save: Number(save) }
  }

  /** From what a script tells of a document. */
  #stored(
    service: string,
    answer: readonly unknown[],
  ): { readonly stored: Stored } | { readonly damage: string } {
    const [kind, ...rest] = answer
    if (kind !== 'document') return { damage: this.#damage(service, answer) }
    const { position, save } = this.#place(service, rest)
    const [, , , , , base, text] = rest
    let body: unknown
    let complaint: string | null
    try {
      body = JSON.parse(String(text))
      complaint = bodyComplaint(body, service)
    } catch (error) {
      complaint = (error as Error).message
    }
    const { epoch } = (body as Partial<Body> | undefined)?.document?.state ?? {}
    if (complaint === null && epoch !== position.epoch) {
      complaint = `it is of epoch ${epoch} and filed under ${position.epoch}`
    }
    if (complaint !== null) return { damage: this.#damage(service, ['body', complaint]) }
    this.#wellAgain(service)
    return { stored: { position, base: readPosition(base), save, body: body as Body } }
  }

  #answer(service: string, [result, ...rest]: readonly unknown[]): StoreAnswer {
    const { troubles } = this.#options
    switch (result) {
      case 'accepted': {
        const [docTerm, epoch, writer, save, term, untold] = rest
        const place = this.#place(service, [term, docTerm, epoch, writer, save])
        this.#wellAgain(service)
        if (untold === '') troubles.clear('tell')
        else {
          const error = new Error(String(untold))
          troubles.callFailed('tell', this.#failure('tell the nodes what is new', error))
        }
        return { result: 'accepted', ...place }
      }
      case 'fenced':
        this.#options.onFenced(Number(rest[0]))
        return this.#refusal(service, {
          answer: listOf(rest[1]),
          as: (stored) => ({ result: 'fenced', lease: Number(rest[0]), stored }),
        })
      case 'conflict':
        return this.#refusal(service, {
          answer: listOf(rest[0]),
          as: (stored) => ({ result: 'conflict', stored }),
        })
      case 'back': {
        const rule = 'revisions never go back'
        const reason = `Cannot save service ${service} in Redis as ${rule}: it holds ${String(rest[0])}`
        return { result: 'failed', reason }
      }
      default:
        return { result: 'failed', reason: this.#damage(service, [result, ...rest]) }
    }
  }

  #refusal(
    service: string,
    { answer, as }: { answer: readonly unknown[]; as: (stored: Stored | null) => StoreAnswer },
  ): StoreAnswer {
    if (answer[0] === 'nothing') return as(null)
    const found = this.#stored(service, answer)
    return 'stored' in found ? as(found.stored) : { result: 'failed', reason: found.damage }
  }

  /** The sentence about what cannot be used; it stays in the status until it can. */
  #damage(service: string, [kind, value]: readonly unknown[]): string {
    const key = this.#options.keys.document(service)
    const found = String(value)
    const rules: Readonly<Record<string, string>> = {
      type: `its key must be a hash: ${key} is a ${found}`,
      newer: `this Vertex reads formats up to ${FORMAT}: ${key} is in format ${found}`,
      lacks: `a field is missing or no number: ${key} lacks ${found}`,
    }
    const rule = rules[String(kind)] ?? `its body cannot be used: ${key} is wrong, ${found}`
    const sentence = `Cannot use what Redis holds of service ${service} as ${rule}`
    this.#options.troubles.say(`document ${service}`, sentence)
    return sentence
  }

  #wellAgain(service: string): void {
    this.#options.troubles.clear(`document ${service}`)
  }

  #failure(action: string, error: unknown): string {
    return failureSentence(error, { ...this.#options.fleet, action })
  }
}
