// Plays one case: sends what the case sends, cut as the way of running says, waits for what must
// come, and says what differed. A case is done when nothing more can come: the edge's loop has
// turned twice after the last byte.

import net from 'node:net'
import { End } from './end.ts'
import type { Lane, Place } from './place.ts'
import type { Step, WireCase } from './table.ts'

/** For what must come; only a case that fails waits so long. */
const LIMIT_MS = Number(process.env.WIRE_LIMIT_MS ?? 5000)

/** The pieces in which the bytes of a step go out. */
export type Cut = (bytes: string, step: number) => readonly string[]

export const WHOLE: Cut = (bytes) => [bytes]

export interface Played {
  /** What differed, a sentence each. */
  readonly differences: string[]
  /** What came, by the line of the step that awaited it; for rewriting. */
  readonly came: ReadonlyMap<number, string>
  readonly ends: string
}

export class Player {
  readonly #place: Place
  readonly #lane: Lane
  readonly #case: WireCase
  readonly #clients: (End | null)[] = []
  #differences: string[] = []
  readonly #came = new Map<number, string>()
  readonly #learns: boolean
  readonly #possible = new Map<string, string>()
  /** Whether chunks count as one: where a body was cut is then up to how its bytes came. */
  #joins = false
  /**
   * Whether a request comes before the answer to the one before it, and so on a second connection.
   */
  readonly #isAhead: boolean

  /** @param learns whether expectations are to be found out instead of checked */
  constructor(place: Place, lane: Lane, wireCase: WireCase, learns = false) {
    this.#place = place
    this.#lane = lane
    this.#case = wireCase
    this.#learns = learns
    this.#isAhead = wireCase.ends.includes('origin2')
    lane.begin()
  }

  /** Plays the case from its first step; again on the same connections when it left them open. */
  async play(cut: Cut): Promise<Played> {
    this.#differences = []
    for (const end of this.#ends()) end.forget()
    this.#joins = this.#case.needs.chunks === 'any' && cut !== WHOLE
    let number = 0
    for (const step of this.#case.steps) {
      await this.#step(step, cut, number++)
      if (this.#differences.length > 0 && !this.#learns) break
    }
    const ends = await this.#endings()
    return { differences: this.#differences, came: this.#came, ends }
  }

  /** Closes everything, so that the lane is as new. */
  async clear(): Promise<void> {
    for (const client of this.#clients) client?.socket.destroy()
    await this.#lane.clear()
  }

  *#ends(): Generator<End> {
    for (const client of this.#clients) if (client !== null && client !== undefined) yield client
    yield* this.#lane.origin.ends
    yield* this.#lane.admin.ends
  }

  // --- steps ---------------------------------------------------------------------------------

  async #step(step: Step, cut: Cut, number: number): Promise<void> {
    if (step.do === 'turn') return this.#turn()
    if (step.do === 'may') return this.#may(step.who, step.bytes)
    const end = await this.#end(step.who)
    if (end === null) {
      this.#differences.push(`Vertex opened no connection to ${step.who}`)
      return
    }
    end.joins = this.#joins
    if (step.do === 'send') return this.#send(end, cut(end.own(step.bytes), number))
    if (step.do === 'expect') return this.#expect(end, step)
    if (step.do === 'ends') end.socket.end()
    else if (step.do === 'resets') end.socket.resetAndDestroy()
    else end.socket.destroy()
    if (step.do !== 'ends') end.left = true
  }

  /** Notes what may come; there need not even be a connection. */
  #may(who: string, bytes: string): void {
    this.#possible.set(who, bytes)
  }

  async #turn(): Promise<void> {
    await this.#place.pacer.turn()
    await new Promise((resolve) => setImmediate(resolve))
  }

  async #end(who: string): Promise<End | null> {
    const number = numberOf(who)
    const known = this.#known(who)
    if (known !== null) return known
    if (who.startsWith('origin')) return this.#lane.origin.end(number, LIMIT_MS)
    if (who.startsWith('admin')) return this.#lane.admin.end(number, LIMIT_MS)
    const end = await connect(this.#place.port, this.#lane.host)
    this.#clients[number] = end
    return end
  }

  #known(who: string): End | null {
    const number = numberOf(who)
    if (who.startsWith('origin')) return this.#lane.origin.ends[number] ?? null
    if (who.startsWith('admin')) return this.#lane.admin.ends[number] ?? null
    return this.#clients[number] ?? null
  }

  async #send(end: End, pieces: readonly string[]): Promise<void> {
    let first = true
    for (const piece of pieces) {
      if (!first) await this.#place.pacer.turn()
      first = false
      end.send(piece)
    }
    // The bytes of a request that was sent ahead show nowhere yet: what an origin says next could
    // be read before them, in the same turn of the edge's loop, when its socket was ready first.
    if (pieces.length > 1 && this.#isAhead) await this.#place.pacer.turn()
  }

  async #expect(end: End, step: { who: string; bytes: string; line: number }): Promise<void> {
    if (this.#learns) {
      const before = end.expected
      await end.until(() => end.over, 60)
      await this.#turn()
      this.#came.set(step.line, end.text.slice(before.length))
      end.expected = end.text
      return
    }
    end.expected += step.bytes
    if (await end.asExpected(LIMIT_MS)) return
    this.#differ(step.who, end)
  }

  #differ(who: string, end: End): void {
    const { expected, text } = end
    let at = 0
    while (at < text.length && text[at] === expected[at]) at++
    const from = Math.max(0, at - 24)
    const show = (whole: string): string => JSON.stringify(whole.slice(from, at + 160))
    this.#differences.push(`${who} got from byte ${from} ${show(text)}, not ${show(expected)}`)
  }

  // --- how it ends ---------------------------------------------------------------------------

  /** What has become of each connection, once nothing more can come. */
  async #endings(): Promise<string> {
    const { ends } = this.#case
    for (const part of ends.split(', ')) {
      const [who = '', state] = part.split(' ')
      if (state !== 'closed' && state !== 'reset') continue
      const end = await this.#end(who)
      await end?.until(() => end.over, this.#learns ? 300 : LIMIT_MS)
    }
    await this.#turn()
    await this.#turn()
    for (const [who, bytes] of this.#possible) {
      const end = this.#known(who)
      if (end !== null) end.possible = bytes
    }
    for (const end of this.#ends()) {
      if (this.#learns || this.#differences.length > 0 || end.isAsExpected) continue
      this.#differ('in the end somebody', end)
    }
    const found = this.#namesOf().join(', ')
    if (!isAmong(found, ends) && this.#differences.length === 0) {
      this.#differences.push(`in the end: ${found}; not: ${ends}`)
    }
    return found
  }

  #namesOf(): string[] {
    const names: string[] = []
    const add = (name: string, ends: readonly (End | null)[]): void => {
      ends.forEach((end, number) => {
        const state = end?.state ?? 'unused'
        // Vertex lets go of an origin with or without a reset, as the kernel has it: with one when
        // there were bytes that nobody had read.
        const known = state === 'reset' && name !== 'client' ? 'closed' : state
        names.push(`${name}${number === 0 ? '' : number + 1} ${known}`)
      })
    }
    const { admin, origin } = this.#lane
    add('client', this.#clients)
    if (origin.ends.length > 0 || admin.ends.length === 0) {
      if (origin.ends.length === 0) names.push('origin untouched')
      else add('origin', origin.ends)
    }
    add('admin', admin.ends)
    return names
  }
}

/** The number of a connection, from 0: `origin2` is 1. */
function numberOf(who: string): number {
  return Number(/\d$/.exec(who)?.[0] ?? 1) - 1
}

/** Whether the states are those that were wanted, where `gone` is closed or never there. */
function isAmong(found: string, wanted: string): boolean {
  if (!wanted.includes('gone')) return found === wanted
  return found.replace(/(origin|admin) (closed|untouched)/g, '$1 gone') === wanted
}

function connect(port: number, host: string): Promise<End> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    const end = new End(socket, host)
    socket.once('connect', () => resolve(end))
    socket.once('error', reject)
  })
}
