// What an exchange leaves on the board: the outcome of the version that the draw chose, by its
// first attempt (intention to treat), its latency, and whether it was evidence. A rescue changes
// nothing of that: it adds only that a user was spared, or was not.
//
// With affinity the draw is per bucket, so of a bucket one error and one exceedance count in a
// window; a repeated one is neither good nor bad. Latency is evidence only of what was sent soon
// after its draw. Both are questions of when and how often, and answered here; what an error is
// says core/outcome.ts, besides the service's own rules.

import { assignmentNumber, sendsTo } from '../board/assignment.ts'
import { wakeControl } from '../board/board.ts'
import { type BucketEvent, markBucket } from '../board/buckets.ts'
import { TALLY } from '../board/layout.ts'
import { recordLatency } from '../board/latency.ts'
import { addOverdue } from '../board/tallies.ts'
import { SENT_WITHIN_MS, SLOW_BY_DEFAULT_US } from '../core/facts.ts'
import { blameOf, isJudged, type Outcome, outcomeIndex } from '../core/outcome.ts'
import type { Arm } from '../core/split.ts'
import type { Edge } from './edge.ts'
import type { Pick as Drawn, Ticket } from './pick.ts'
import { isStillOf, type Service, type Version } from './routes.ts'

export class Judgement {
  readonly edge: Edge
  /** Whose rules hold; null before a service was found. */
  protected service: Service | null = null
  /** The version that the draw chose, or a header named; null before. */
  #version: Version | null = null
  /** Its slot; −1 before. */
  slot = -1
  /** What the draw chose; `stable` too when there was no draw. */
  protected arm: Arm = 'stable'
  /** False for overrides and for paths that the service excludes. */
  isEvidence = true
  /** As the app and the access log know it. */
  protected requestId = ''
  /** When the request had been sent whole on a ready connection, by the edge's clock; −1 before. */
  sentAtMs = -1
  /** Whether it has been counted as slower than the limit. */
  exceeded = false
  // The places in the edge's list of exchanges that wait for a head.
  waiting = false
  older: Judgement | null = null
  newer: Judgement | null = null

  /** What it was counted as; '' before. */
  outcome: Outcome | '' = ''
  #userError = false
  /** The bucket that was drawn for, or −1. */
  #bucket = -1
  /** Whether the client had no key yet: what it does is a draw of its own. */
  #isKeyless = false
  /** The assignment that it was drawn by. */
  #row = 0
  #drawnAtMs = 0
  /** Whether it was sent too long after its draw for its latency to be evidence. */
  #sentLate = false
  /** Whether the board counts it as slow and in flight. */
  #overdue = false

  constructor(edge: Edge) {
    this.edge = edge
  }

  /** @param path normalised */
  protected belongsTo(service: Service, path: string): void {
    this.service = service
    if (service.excluded !== null && service.excluded.find('', path) !== null) {
      this.isEvidence = false
    }
  }

  /** From here on it is counted for this version, whoever answers. */
  protected countFor(version: Version): void {
    this.#version = version
    this.slot = version.slot
  }

  protected drawn({ arm, row }: Drawn, { bucket, newKey }: Ticket): void {
    this.arm = arm
    this.#row = row
    this.#bucket = bucket
    this.#isKeyless = newKey !== ''
    // The last tick was a moment ago: near enough, and no look at the clock.
    this.#drawnAtMs = this.edge.tickedMs
  }

  /** The request is on its way: from here its latency runs. A rescue is not measured. */
  requestSent(nowMs: number): void {
    if (this.outcome !== '' || this.waiting) return
    this.sentAtMs = nowMs
    this.#sentLate = nowMs - this.#drawnAtMs > SENT_WITHIN_MS
    this.edge.awaitHead(this)
  }

  /**
   * It still waits for a head: a hanging request counts when it passes a limit, not at its end. On
   * a version that is out it is not waited for longer than that (evacuation).
   */
  lookAt(nowMs: number): void {
    const waitedMs = nowMs - this.sentAtMs
    if (this.#isOut && this.#isSlow(waitedMs * 1000, nowMs) && this.#evacuate()) return
    if (!this.isEvidence) return
    // First that it may still fail, then that it is slow, which wakes control at once.
    if (!this.#overdue) this.#noteOverdue(waitedMs * 1000, nowMs)
    this.#compare(waitedMs * 1000, nowMs)
    const limitMs = this.service?.slowIsErrorMs ?? Number.POSITIVE_INFINITY
    if (waitedMs <= limitMs || this.outcome !== '') return
    this.judge('timeout')
    this.noteUserError() // whatever comes now, the user has waited for too long
  }

  /** Sends the request to stable instead; false when that is not possible or not allowed. */
  protected rescue(): boolean {
    return false
  }

  /** Whether its version, a candidate when it was drawn, has lost all traffic since. */
  get #isOut(): boolean {
    const { edge, service, slot } = this
    if (this.arm !== 'candidate' || service === null || !this.#isEarlier) return false
    return !sendsTo(edge.board, service.index, slot)
  }

  /** Once stable has no room, the others need not ask before the next tick. */
  #evacuate(): boolean {
    const { noRescueAtMs, tickedMs } = this.edge
    const { index = -1 } = this.service ?? {}
    return noRescueAtMs.get(index) !== tickedMs && this.rescue()
  }

  /** Whether it is known to be slow, or is so now. */
  #isSlow(us: number, nowMs: number): boolean {
    const { latencyLimits } = this.edge
    if (this.#overdue) return true
    if (!latencyLimits.isJudged(this.slot)) return us > SLOW_BY_DEFAULT_US
    return latencyLimits.isOver(this.slot, us, this.sentAtMs, nowMs)
  }

  /** Slow and still without an answer: it may yet fail, which control asks for at times. */
  #noteOverdue(us: number, nowMs: number): void {
    const { board, thread } = this.edge
    if (!this.#isSlow(us, nowMs)) return
    this.#overdue = true
    addOverdue(board, thread, this.slot, 1)
  }

  /** It waits for a head no more. */
  waitsNoMore(): void {
    this.waiting = false
    if (!this.#overdue) return
    this.#overdue = false
    addOverdue(this.edge.board, this.edge.thread, this.slot, -1)
  }

  /** The head of the answer has come. */
  recordLatency(): void {
    const { edge } = this
    edge.headCame(this)
    if (this.sentAtMs < 0) return // an answer before the request's end has no latency
    if (this.#sentLate || !this.isEvidence) return
    const nowMs = edge.now()
    const us = Math.max(1, Math.round((nowMs - this.sentAtMs) * 1000))
    recordLatency(edge.board, edge.thread, this.slot, us)
    this.#compare(us, nowMs)
  }

  #compare(us: number, nowMs: number): void {
    if (this.exceeded || this.#sentLate) return
    const { board, latencyLimits } = this.edge
    if (!latencyLimits.isOver(this.slot, us, this.sentAtMs, nowMs)) return
    this.exceeded = true
    if (!this.#isFirst('exceedance')) return
    this.edge.count(this.slot, this.#isEarlier ? TALLY.earlierExceeded : TALLY.exceeded)
    wakeControl(board)
  }

  /** Whether the weight, or what it stands for, has changed since the draw. */
  get #isEarlier(): boolean {
    if (this.service === null) return false
    return assignmentNumber(this.edge.board, this.service.index) !== this.#row
  }

  /** Whether such an event of its bucket is the first one in this window. */
  #isFirst(event: BucketEvent): boolean {
    if (this.#bucket < 0 || this.service === null) return true
    const mark = { service: this.service.index, event, bucket: this.#bucket }
    return markBucket(this.edge.board, mark) || this.#isKeyless
  }

  /** Whether the service takes this outcome for the version's error. */
  protected isError(outcome: Outcome): boolean {
    if (blameOf(outcome) === 'version') return true
    return outcome === 'clientError' && this.service?.countsClientErrors === true
  }

  /**
   * Counts the outcome, once: the first judgement of a request is the one that holds.
   *
   * @param status what the version answered
   */
  judge(outcome: Outcome, status = 0): void {
    if (this.outcome !== '' || this.slot < 0) return
    this.outcome = outcome
    const { edge, slot } = this
    const cell = outcomeIndex(outcome)
    if (this.isEvidence && isJudged(outcome)) {
      if (!this.isError(outcome)) return edge.countBoth(slot, cell, TALLY.evidenceGood)
      edge.count(slot, cell)
      this.#countError(outcome, status)
    } else edge.count(slot, cell)
  }

  #countError(outcome: Outcome, status: number): void {
    const { edge, requestId, slot } = this
    const isEarlier = this.#isEarlier
    // What was drawn so long ago, by another assignment, can be compared with nothing any more.
    if (isEarlier && edge.tickedMs - this.#drawnAtMs > edge.memoryMs) return
    if (!this.#isFirst('error')) {
      edge.count(slot, TALLY.repeatedBad)
      return wakeControl(edge.board)
    }
    // First its name, then the count, which wakes control at once: a message takes a turn longer.
    if (this.arm === 'candidate') {
      edge.failedRequests.note({ slot, requestId, outcome, status }, edge.tickedMs)
    }
    edge.count(slot, isEarlier ? TALLY.earlierBad : TALLY.evidenceBad)
    wakeControl(edge.board)
  }

  /** A user has seen an error. It is the version's when that has failed, whoever answered then. */
  noteUserError(): void {
    if (this.#userError || !this.isEvidence || !this.#isCounted) return
    if (this.outcome === '' || !this.isError(this.outcome)) return
    this.#userError = true
    this.edge.count(this.slot, TALLY.userErrors)
  }

  noteRescue(): void {
    if (!this.#userError && this.#isCounted) this.edge.count(this.slot, TALLY.rescued)
  }

  /**
   * Whether its slot is still its version's. What was moved to stable holds no claim on it, so by
   * the time that stable has answered it may be another one's.
   */
  get #isCounted(): boolean {
    return this.#version !== null && isStillOf(this.edge.routes, this.#version)
  }
}
