// A rollout that is played on a virtual clock and journaled as a node would do it: with the node's
// own writer of evidence lines, and decisions whose entries reach the journal some lines late, as
// they do behind a slow disk.

import { EvidenceLines } from '../../../src/control/evidence-lines.ts'
import type { NewEntry } from '../../../src/control/journal-file.ts'
import type { RolloutEvent, ServiceDocument } from '../../../src/core/events.ts'
import { type ArmCounts, type Facts, NO_COUNTS } from '../../../src/core/facts.ts'
import { type JournalEntry, readJournal } from '../../../src/core/journal.ts'
import { blankDocument } from '../../../src/core/rollout/transition.ts'
import { step } from '../../../src/core/rollout.ts'
import type { Strategy } from '../../../src/core/strategy.ts'
import { type Behaviour, GOOD_FACTS, STRATEGY } from '../rollout-play.ts'
import type { Random } from '../random.ts'

/** The node's clock when a play begins; a rollout has a time of its own. */
const BEGIN_MS = 1_700_000_000_123

export interface Traffic {
  /** Requests a second. */
  readonly rate: number
  readonly candidate: Behaviour
  readonly stable: Behaviour
}

export class RecordedPlay {
  document: ServiceDocument = blankDocument('shop')
  nowMs = BEGIN_MS
  candidateRequests = 0
  facts: Facts = { ...GOOD_FACTS, memoryMs: 5000 }
  readonly #random: Random
  readonly #text: string[] = []
  /** Entries of decisions that still wait for the disk. */
  readonly #late: NewEntry[] = []
  #writer: EvidenceLines
  #seq = 0

  constructor(random: Random, strategy: Strategy = STRATEGY) {
    this.#random = random
    this.#writer = this.#newWriter()
    const versions = { v1: ['http://a:1'], v2: ['http://b:1'] }
    this.send({
      ...{ event: 'routing', versions, stable: 'v1', candidate: null, weight: 0 },
      ...{ hash: 'r.v', strategy },
    })
    this.send({
      ...{ event: 'deploy', version: 'v2', targets: [], replace: false, strategy },
      ifMatch: null,
    })
    this.survey()
  }

  get journal(): string {
    this.#writeLate(0)
    return this.#text.join('')
  }

  get entries(): readonly JournalEntry[] {
    return readJournal(this.journal).entries
  }

  get isOver(): boolean {
    return this.document.state.rollout === null
  }

  /** As Keeper.decide does it. */
  send(event: RolloutEvent): void {
    const { document, nowMs } = this
    const stepped = step(document, event, nowMs)
    if ('refused' in stepped) throw new Error(stepped.refused.detail)
    this.#writer.note(document, { event, now: nowMs })
    this.document = stepped.document
    if (stepped.effects.length > 0) this.#writer.cut(document, nowMs)
    const { epoch } = this.document.state
    for (const effect of stepped.effects) {
      if (effect.effect !== 'journal') continue
      const { by, evidence, kind, text, weight } = effect
      const entry = { kind, service: 'shop', epoch, text, by, weight: weight / 100 }
      this.#late.push(evidence === undefined ? entry : { ...entry, evidence })
    }
  }

  survey(changes: Partial<Facts> = {}): void {
    const given = { 'http://b:1': this.candidateRequests }
    this.facts = { ...this.facts, given, ...changes }
    this.send({ event: 'survey', facts: this.facts })
  }

  tick(candidate: Partial<ArmCounts>, stable: Partial<ArmCounts>, stableSlow = 0): void {
    const counts = { ...NO_COUNTS, ...candidate }
    this.candidateRequests += counts.good + counts.bad
    this.send({
      ...{ event: 'tick', candidate: counts, stable: { ...NO_COUNTS, ...stable }, stableSlow },
    })
    if (this.#random.next() < 0.8) {
      this.#writer.writeNotable(this.document, this.nowMs)
      this.#writeLate(this.#random.poisson(1))
    }
  }

  /** The process dies; what was saved at the last survey goes on. */
  restart(saved: ServiceDocument): void {
    this.#writeLate(0)
    this.#writer = this.#newWriter()
    this.document = saved
    this.send({ event: 'restarted' })
  }

  /** Lets Poisson traffic flow, at irregular ticks, until the rollout is over or the time is. */
  run(traffic: Traffic, lastMs: number): void {
    const random = this.#random
    const until = this.nowMs + lastMs
    let surveyed = this.nowMs
    while (!this.isOver && this.nowMs < until) {
      const tickMs = 1 + random.poisson(30)
      this.nowMs += tickMs
      const time = this.nowMs - BEGIN_MS
      const arrivals = (traffic.rate * tickMs) / 1000
      const weight = this.document.state.weight / 10_000
      const arm = (share: number, { errors, slow }: Behaviour): ArmCounts => {
        const requests = arrivals * share
        const bad = random.poisson(requests * errors(time))
        const good = random.poisson(requests * (1 - errors(time)))
        const measured = this.document.evidence?.warmUp === null
        const exceeded = measured ? random.poisson(requests * slow(time)) : 0
        return { good, bad, exceeded, userErrors: Math.min(bad, random.poisson(bad * 0.2)) }
      }
      this.tick(arm(weight, traffic.candidate), arm(1 - weight, traffic.stable), random.poisson(3))
      if (this.isOver || this.nowMs - surveyed < 1000) continue
      surveyed = this.nowMs
      this.survey({ ratePerSecond: traffic.rate * (0.9 + 0.2 * random.next()) })
    }
  }

  #newWriter(): EvidenceLines {
    return new EvidenceLines({ append: (entry) => this.#append(entry) })
  }

  #append(entry: NewEntry): Promise<void> {
    const at = new Date(this.nowMs).toISOString()
    this.#text.push(`${JSON.stringify({ seq: ++this.#seq, at, ...entry })}\n`)
    return Promise.resolve()
  }

  #writeLate(leave: number): void {
    while (this.#late.length > leave) {
      const entry = this.#late.shift()
      if (entry !== undefined) void this.#append(entry)
    }
  }
}
