// What an exchange keeps of itself for the mirror: its head and body as they go to stable, and what
// the comparison needs of stable's answer. When that is all there the copy is handed over, and the
// exchange knows nothing of what becomes of it. A request without an answer of stable is not
// mirrored: there would be nothing to compare with, and a client that went away wants nothing.
//
// Without a copy each of these is one look at a null. What is no evidence for the verdict
// (overrides and excluded paths) is no evidence here either.

import { mirrorOrder } from '../board/mirror.ts'
import { COMPARED_BYTES, isStream, type MirrorRules } from '../core/mirror/order.ts'
import { NO_BODY, type RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { Logged } from './logged.ts'
import type { Making, MirrorLine } from './mirror-line.ts'

interface Copy extends Making {
  readonly line: MirrorLine
  readonly rules: MirrorRules
  readonly key: number
  readonly head: string
  readonly bodyLimitBytes: number
  body: string
  /** Whether all of the request is here: a part of a body must never look whole. */
  isWhole: boolean
  status: number
  headers: readonly (string | null)[]
  contentEncoding: string
  answer: string | null
  isChunked: boolean
}

export class Mirrored extends Logged {
  #copy: Copy | null = null

  /**
   * Begins a copy, if this request is one to be mirrored. Its version must have been drawn.
   *
   * @param out the head as it goes out
   */
  protected beginCopy(head: RequestHead, out: string): void {
    const { edge, service } = this
    const rules = service?.mirror ?? null
    const line = edge.mirror
    if (service === null || rules === null || line === null) return
    const order = mirrorOrder(edge.board, service.index)
    if (order === 0 || !this.isEvidence || this.arm !== 'stable') return
    if (!rules.methods.includes(head.method) || head.target === '*') return
    const isWhole = head.framing === NO_BODY
    if (!rules.bodies && !isWhole) return
    if (rules.share < 1 && Math.random() >= rules.share) return
    if (!line.mayCopy(service.index, { limit: rules.inFlight, order })) return
    const copy: Copy = {
      ...{ line, rules, key: service.mirrorKey, order, cell: service.index, head: out, isWhole },
      ...{ beganMs: edge.tickedMs, limitMs: rules.timeoutMs, isOver: false },
      bodyLimitBytes: edge.settings.limits.keptBodyBytes,
      ...{ body: '', status: 0, headers: [], contentEncoding: '' },
      answer: rules.compareBody ? '' : null,
      isChunked: false,
    }
    this.#copy = copy
    line.begin(copy)
  }

  protected copyRequestBody(bytes: Buffer, from: number, to: number): void {
    const copy = this.#copy
    if (copy === null || copy.isOver) return
    if (copy.body.length + to - from > copy.bodyLimitBytes) copy.line.drop(copy)
    else copy.body += bytes.toString('latin1', from, to)
  }

  /** The whole request has gone out. */
  protected copyIsWhole(): void {
    if (this.#copy !== null) this.#copy.isWhole = true
  }

  /**
   * The final head of the answer, which goes to the client.
   *
   * @param isChunked whether what follows holds chunk framing
   */
  protected copyHead(head: ResponseHead, isChunked: boolean): void {
    const copy = this.#copy
    if (copy === null || copy.isOver) return
    copy.status = head.status
    copy.headers = copy.rules.headers.map((name) => valuesOf(head, name))
    copy.contentEncoding = valuesOf(head, 'content-encoding') ?? ''
    copy.isChunked = isChunked
    const isLong = head.contentLength > COMPARED_BYTES
    if (isLong || isStream(valuesOf(head, 'content-type'))) copy.answer = null
    if (copy.answer === null && copy.isWhole) this.handOver()
  }

  protected copyAnswer(bytes: Buffer, from: number, to: number): void {
    const copy = this.#copy
    if (copy === null || copy.isOver || copy.answer === null) return
    const fits = copy.answer.length + to - from <= COMPARED_BYTES
    copy.answer = fits ? copy.answer + bytes.toString('latin1', from, to) : null
    if (copy.answer === null && copy.isWhole) this.handOver()
  }

  /** All of the answer that is compared has come. */
  protected handOver(): void {
    const copy = this.#copy
    if (copy === null || copy.isOver) return
    if (!copy.isWhole) return copy.line.giveBack(copy) // it was answered early
    const { answer, body, cell, contentEncoding, head, headers, isChunked, key, order, status } =
      copy
    copy.line.send(copy, {
      ...{ order, rules: key, cell, requestId: this.requestId, head, body, status, headers },
      ...{ contentEncoding, answer, isChunked },
    })
  }

  /** The request has ended; a copy that was not handed over comes to nothing. */
  protected dropCopy(): void {
    const copy = this.#copy
    if (copy !== null && !copy.isOver) copy.line.giveBack(copy)
    this.#copy = null
  }
}

/** The values of all lines of a field as one list, or null without one. */
function valuesOf({ lines }: ResponseHead, lowerName: string): string | null {
  let list: string | null = null
  for (let line = 0; line < lines.count; line++) {
    if (lines.nameEnd(line) - lines.lineStart(line) !== lowerName.length) continue
    if (lines.name(line).toLowerCase() !== lowerName) continue
    list = list === null ? lines.value(line) : `${list}, ${lines.value(line)}`
  }
  return list
}
