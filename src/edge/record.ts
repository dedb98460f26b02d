// What an exchange leaves on the board: the outcome of the version that the draw chose, by its
// first attempt (intention to treat), its latency, and whether it was evidence. A rescue changes
// nothing of that: it adds only that a user was spared, or was not.

import { wakeControl } from '../board/board.ts'
import { TALLY } from '../board/layout.ts'
import { recordLatency } from '../board/latency.ts'
import { latencyLimitUs } from '../board/tallies.ts'
import { blameOf, isJudged, type Outcome, outcomeIndex } from '../core/outcome.ts'
import type { Edge } from './edge.ts'

export class Judgement {
  readonly edge: Edge
  /** The slot of the version that the draw chose; −1 before the draw. */
  slot = -1
  /** False for overrides and for attempts that say nothing about the version. */
  isEvidence = true
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

  constructor(edge: Edge) {
    this.edge = edge
  }

  /** The request is on its way: from here its latency runs. A rescue is not measured. */
  requestSent(nowMs: number): void {
    if (this.outcome !== '' || this.waiting) return
    this.sentAtMs = nowMs
    this.edge.awaitHead(this)
  }

  /** The head of the answer has come. */
  recordLatency(): void {
    const { edge } = this
    edge.headCame(this)
    if (this.sentAtMs < 0) return // an answer before the request's end has no latency
    const us = Math.max(1, Math.round((edge.now() - this.sentAtMs) * 1000))
    recordLatency(edge.board, edge.thread, this.slot, us)
    if (this.exceeded || !this.isEvidence) return
    const limitUs = latencyLimitUs(edge.board, this.slot)
    if (limitUs > 0 && us > limitUs) edge.countExceeded(this)
  }

  /** Counts the outcome, once: the first judgement of a request is the one that holds. */
  judge(outcome: Outcome): void {
    if (this.outcome !== '' || this.slot < 0) return
    this.outcome = outcome
    this.edge.count(this.slot, outcomeIndex(outcome))
    if (!this.isEvidence || !isJudged(outcome)) return
    if (blameOf(outcome) === 'version') {
      this.edge.count(this.slot, TALLY.evidenceBad)
      wakeControl(this.edge.board)
    } else this.edge.count(this.slot, TALLY.evidenceGood)
  }

  /** An error of the version has reached a user. */
  noteUserError(): void {
    if (this.#userError || this.slot < 0) return
    this.#userError = true
    this.edge.count(this.slot, TALLY.userErrors)
  }

  noteRescue(): void {
    if (!this.#userError) this.edge.count(this.slot, TALLY.rescued)
  }
}
