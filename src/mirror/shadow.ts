// The mirroring of one service: takes copies, sends each to a target of the candidate, counts how
// it ended, and compares the answers; some requests also go to stable once more, so that noise is
// told from difference (core/mirror/noise.ts). Nothing waits here: a copy is sent when it comes,
// and what is under way is bounded by the credits of the edge threads. The steps of a copy stand
// in their order.

import { type Credits, returnCredit } from '../board/mirror-credits.ts'
import { areComparable, type Difference, differences } from '../core/mirror/compare.ts'
import { isAmong, Noise, shapeOf } from '../core/mirror/noise.ts'
import {
  isSafeMethod,
  type MirrorCopy,
  type MirrorOrder,
  rulesKey,
  subjectOf,
} from '../core/mirror/order.ts'
import { answerOf, stableAnswer } from './answer.ts'
import { Counts } from './counts.ts'
import { CopiedRequest } from './outgoing.ts'
import { type Ended, Sending } from './sending.ts'
import { MirrorTarget } from './target.ts'

/** So many requests are sent to stable once more at a time: it carries the customers. */
const ASKED_AT_A_TIME = 4

/** A copy that is under way, and the credit that it was made on. */
interface Under {
  readonly copy: MirrorCopy
  readonly request: CopiedRequest
  readonly credits: Credits
}

/** One whose answers differ, perhaps by noise. */
interface Doubted extends Under {
  readonly order: MirrorOrder
  readonly shape: string
  readonly found: readonly Difference[]
}

export class Shadow {
  readonly service: string
  #order: MirrorOrder | null = null
  #rules = 0
  /** What is counted (`subjectOf`). */
  #subject = ''
  #counts: Counts | null = null
  #noise = new Noise()
  readonly #targets = new Map<string, MirrorTarget>()
  /** What is under way, the oldest first: all have the same time. */
  readonly #sendings = new Set<Sending>()
  #turn = 0
  /** How many are with stable, and what waits for that; its credits bound it. */
  #asked = 0
  #waiting: Doubted[] = []

  constructor(service: string) {
    this.service = service
  }

  /** Mirrors by this order from now on; null: not at all. What is under way is given up. */
  follow(order: MirrorOrder | null): void {
    this.#order = order
    this.#rules = order === null ? 0 : rulesKey(order.rules)
    const waiting = this.#waiting
    this.#waiting = []
    for (const doubted of waiting) this.#done(doubted)
    // The newest first: who waits for an older one to be let in is not sent any more.
    for (const sending of [...this.#sendings].toReversed()) sending.halt()
    const targets = order === null ? [] : [...order.candidate, ...order.stable]
    for (const [url, target] of this.#targets) {
      if (targets.includes(url)) continue
      this.#targets.delete(url)
      target.destroy()
    }
    if (order === null || subjectOf(order) === this.#subject) return
    this.#subject = subjectOf(order)
    this.#counts = new Counts(order)
    this.#noise = new Noise()
  }

  /** The order that it mirrors by. */
  get order(): MirrorOrder | null {
    return this.#order
  }

  dropped(times: number): void {
    if (this.#order !== null) this.#counts?.dropped(times)
  }

  /** What was counted, when that is news; else null. */
  news(): { subject: string; tally: ReturnType<Counts['tally']> } | null {
    if (this.#counts?.isNew !== true) return null
    return { subject: this.#subject, tally: this.#counts.tally() }
  }

  /** Gives up what has taken too long. */
  sweep(nowMs: number): void {
    const limitMs = this.#order?.rules.timeoutMs ?? 0
    const due: Sending[] = []
    for (const sending of this.#sendings) {
      if (nowMs - sending.startedMs < limitMs) break
      due.push(sending)
    }
    for (const sending of due.toReversed()) sending.expire()
    for (const target of this.#targets.values()) target.sweep(nowMs)
  }

  // --- the steps of a copy ---------------------------------------------------------------------

  /** Takes a copy over, with the credit that it was made on. */
  take(copy: MirrorCopy, credits: Credits): void {
    const order = this.#order
    // One of an order that has ended meanwhile, or made by the rules before, goes nowhere.
    const isMeant = order?.number === copy.order && copy.rules === this.#rules
    if (order === null || !isMeant) return returnCredit(credits, copy.cell)
    const under = { copy, credits, request: new CopiedRequest(copy) }
    this.#send(order.candidate, under.request, (ended) => this.#onCandidate(under, ended))
  }

  #send(targets: readonly string[], request: CopiedRequest, onEnd: (ended: Ended) => void): void {
    const url = targets[this.#turn++ % targets.length] ?? ''
    const sending = new Sending((ended) => {
      this.#sendings.delete(sending)
      onEnd(ended)
    })
    this.#sendings.add(sending)
    this.#targetOf(url).send(sending, request)
  }

  #onCandidate(under: Under, ended: Ended): void {
    const { copy, request } = under
    const order = this.#order
    if (order === null || order.number !== copy.order) return this.#done(under)
    this.#counts?.ended(ended)
    if (ended.is === 'void') return this.#done(under)
    if (ended.is === 'failed') {
      this.#counts?.compared([{ text: `no answer (${ended.how}) instead of ${copy.status}` }])
      return this.#done(under)
    }
    const { rules } = order
    const answers = { stable: stableAnswer(copy, rules), candidate: answerOf(ended, rules) }
    const { isConditional, method, path } = request.outgoing
    if (!areComparable(answers, isConditional)) return this.#done(under)
    const shape = shapeOf(method, path)
    const found = differences(answers, rules)
    const left = this.#noise.without(shape, found)
    const mayAsk = isSafeMethod(method) && order.stable.length > 0
    const word = this.#noise.judge({ shape, differs: left.length > 0, mayAsk })
    if (word === 'ask') {
      this.#waiting.push({ ...under, order, found, shape })
      return this.#askStable()
    }
    if (word === 'count') this.#counts?.compared(left)
    this.#done(under)
  }

  /** Sends what waits for it to stable once more, a few at a time. */
  #askStable(): void {
    while (this.#asked < ASKED_AT_A_TIME) {
      const doubted = this.#waiting.shift()
      if (doubted === undefined) return
      this.#asked++
      this.#send(doubted.order.stable, doubted.request, (ended) => {
        this.#asked--
        this.#onStable(doubted, ended)
        this.#done(doubted)
        this.#askStable()
      })
    }
  }

  /**
   * Learns what differs between two answers of stable, and counts what else the candidate's does.
   */
  #onStable({ copy, found, order, shape }: Doubted, ended: Ended): void {
    // Without a second answer, or with one of another status, the pair is no evidence.
    if (this.#order?.number !== copy.order || ended.is !== 'answered') return
    const { rules } = order
    const answers = { stable: stableAnswer(copy, rules), candidate: answerOf(ended, rules) }
    const noise = differences(answers, rules)
    if (noise.some(({ place }) => place === 'status')) return
    this.#noise.learn(shape, noise)
    const places = noise.map(({ place }) => place)
    const left = found.filter(({ place }) => !isAmong(place, places))
    this.#counts?.compared(this.#noise.without(shape, left))
  }

  #done({ copy, credits }: Under): void {
    returnCredit(credits, copy.cell)
  }

  #targetOf(url: string): MirrorTarget {
    const known = this.#targets.get(url)
    if (known !== undefined) return known
    const target = new MirrorTarget(url, this.#order?.rules.timeoutMs ?? 0)
    this.#targets.set(url, target)
    return target
  }
}
