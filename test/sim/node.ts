// A node of the simulated fleet: its process, its disk, its clock, its lease. What decides is the
// real code; what is played is what surrounds it in control.

import type { NodeCounters } from '../../src/core/counters.ts'
import type { Effect, RolloutEvent, ServiceDocument } from '../../src/core/events.ts'
import type { Facts } from '../../src/core/facts.ts'
import { NOTHING_KEPT } from '../../src/core/fleet/kept.ts'
import {
  holdsLease,
  type LeaseEvent,
  type LeaseState,
  leaseAfter,
  noLease,
  standingAt,
} from '../../src/core/fleet/lease.ts'
import type { FleetStanding } from '../../src/core/fleet/standing.ts'
import { gateUnderWay } from '../../src/core/rollout/gates.ts'
import { blankDocument } from '../../src/core/rollout/transition.ts'
import type { Refusal } from '../../src/core/service.ts'
import { GOOD_FACTS } from '../core/rollout-play.ts'
import { Counting } from './counting.ts'
import { type Disk, SimKeeper, type Told } from './keeper.ts'
import type { End, Message, Network } from './network.ts'
import { STRATEGIES } from './strategies.ts'
import type { Traffic } from './traffic.ts'
import type { World } from './world.ts'

export const SERVICE = 'shop'
export const BEAT_MS = 250
/** Behind a start without Redis a node goes on alone after so long. */
const ALONE_AFTER_MS = 700
const LONGEST_LEAP_MS = 24 * 3600 * 1000

/** Who looks on: the invariants. */
export interface Watch {
  nextId(): number
  onDecided(
    node: SimNode,
    change: { before: ServiceDocument; after: ServiceDocument; id: number },
  ): void
  onSaid(node: SimNode, effect: Effect): void
  onTold(node: SimNode, told: Parameters<Told>[0]): void
}

export interface Setting {
  readonly world: World
  readonly network: Network
  readonly traffic: Traffic
  readonly watch: Watch
}

export class SimNode implements End {
  readonly name: string
  run = 0
  isAlive = false
  pausedUntilMs = 0
  /** How far the wall clock is off; it may jump. */
  wallAheadMs = 0
  keeper: SimKeeper | null = null
  disk: Disk | null = null
  readonly #setting: Setting
  #lease: LeaseState = noLease(0)
  #counting: Counting | null = null
  #clockStart = 0
  #bootMs = 0
  #beats = 0
  #wasLeading = false
  /** It leads and has not read the ledger since. */
  #begins = false
  #gateRun = ''

  constructor(name: string, setting: Setting) {
    this.name = name
    this.#setting = setting
  }

  // --- process ---------------------------------------------------------------------------------

  start(): void {
    const { network, traffic, world } = this.#setting
    const { disk, name } = this
    this.run++
    this.isAlive = true
    this.pausedUntilMs = 0
    this.#bootMs = world.nowMs
    const wall = world.nowMs + this.wallAheadMs
    const saved = disk?.clockMs ?? wall
    this.#clockStart = Math.min(Math.max(saved, wall), saved + LONGEST_LEAP_MS)
    this.#lease = noLease(world.nowMs)
    this.#counting = new Counting({ node: name, run: this.run, traffic })
    this.#beats = world.between(0, 3)
    this.#wasLeading = false
    this.#begins = false
    const document = disk?.document ?? blankDocument(SERVICE)
    const from = { document, kept: disk?.kept ?? NOTHING_KEPT, trail: disk?.trail ?? null }
    this.keeper = new SimKeeper(this.#around(), from)
    world.note(() => `${name} starts with revision ${document.state.epoch}`)
    network.reset(name)
    this.later(world.between(0, BEAT_MS), () => this.#beat())
    this.later(ALONE_AFTER_MS, () => this.#bootstrap())
  }

  crash(): void {
    this.#setting.world.note(() => `${this.name} crashes`)
    this.isAlive = false
    this.keeper = null
  }

  #around() {
    const { network, watch, world } = this.#setting
    return {
      node: this.name,
      now: () => this.now(),
      continueFrom: (clockMs: number) => {
        this.#clockStart += Math.max(0, clockMs - this.now())
      },
      later: (ms: number, run: () => void) => this.later(ms, run),
      between: (least: number, most: number) => world.between(least, most),
      ask: <T>(ask: Parameters<typeof network.call<T>>[1], reply: (answer: T | null) => void) =>
        network.call(this, ask, reply),
      lease: () => this.standing().lease,
      fenced: (number: number) => this.#note({ event: 'fenced', number }),
      save: (disk: Disk) => {
        this.disk = disk
      },
      nextId: () => watch.nextId(),
      onDecided: (change: { before: ServiceDocument; after: ServiceDocument; id: number }) =>
        watch.onDecided(this, change),
      onSaid: (effect: Effect) => watch.onSaid(this, effect),
      wasRead: (isNothing: boolean) => this.#wasRead(isNothing),
      worldMs: () => world.nowMs,
      note: (text: () => string) => world.note(text),
    }
  }

  now(): number {
    return Math.floor(this.#clockStart + this.#setting.world.nowMs - this.#bootMs)
  }

  later(ms: number, what: () => void): void {
    const { run } = this
    this.#setting.world.after(ms, () => this.deliver(run, what))
  }

  deliver(run: number, what: () => void): void {
    if (!this.isAlive || run !== this.run) return
    const waitMs = this.pausedUntilMs - this.#setting.world.nowMs
    if (waitMs <= 0) what()
    else this.#setting.world.after(waitMs, () => this.deliver(run, what))
  }

  // --- standing --------------------------------------------------------------------------------

  standing(): FleetStanding {
    return standingAt(this.#lease, this.#setting.world.nowMs).standing
  }

  #note(event: LeaseEvent): void {
    this.#lease = leaseAfter(this.#lease, event)
  }

  connected(): void {
    if (!this.isAlive) return
    this.#note({ event: 'connected' })
    this.deliver(this.run, () => this.keeper?.read())
  }

  lost(): void {
    if (this.isAlive) this.#note({ event: 'away', nowMs: this.#setting.world.nowMs })
  }

  #holdLease(): void {
    const { network, world } = this.#setting
    const sentMs = world.nowMs
    const { knownNumber } = this.#lease
    const asker = { owner: `${this.name}/${this.run}`, node: this.name, known: knownNumber }
    network.call(
      this,
      (server) => server.hold(asker, world.nowMs),
      (answer) => {
        if (answer === null) return
        const { number } = answer
        if (answer.result === 'granted') {
          this.#note({ event: 'granted', node: this.name, number, sentMs })
        } else this.#note({ event: 'refused', node: answer.node, number })
      },
    )
  }

  /** Begins to decide for the fleet by what the ledger holds, and not before. */
  #lookAtStanding(): void {
    const isLeading = this.standing().standing === 'leading'
    if (isLeading && !this.#wasLeading) {
      this.#begins = true
      this.keeper?.replica.doubt()
      this.keeper?.read()
    }
    if (!isLeading) this.#begins = false
    this.#wasLeading = isLeading
    if (!this.#begins || this.keeper?.replica.mayNotRaise(this.standing()) != null) return
    this.#begins = false
    this.#setting.world.note(() => `${this.name} leads with lease ${this.standing().lease}`)
    if (this.keeper?.document.state.rollout != null) this.keeper.decide({ event: 'restarted' })
  }

  get #judges(): boolean {
    const { standing } = this.standing()
    return standing === 'cut-off' || (standing === 'leading' && !this.#begins)
  }

  // --- what is heard ---------------------------------------------------------------------------

  hear(message: Message): void {
    const { keeper } = this
    if (keeper === null) return
    switch (message.message) {
      case 'changed':
        keeper.heard(message)
        break
      case 'leads': {
        const { lease, node } = message
        if (node === this.name) break
        this.#note({ event: 'leads', node, number: lease, nowMs: this.#setting.world.nowMs })
        break
      }
      case 'counted':
        if (message.counters !== null && this.standing().standing === 'leading') {
          this.#judge(message.counters)
        }
        break
      case 'order':
        if (this.standing().standing === 'leading') this.command(message.event)
        break
      default:
        break
    }
  }

  /** An operator's command, as it has come to where it is decided. */
  command(event: RolloutEvent): Refusal | null {
    const { keeper } = this
    if (keeper === null) return null
    this.#lookAtStanding()
    if (this.#judges) keeper.decide({ event: 'survey', facts: this.#facts() })
    else keeper.see({ ...keeper.document, facts: this.#facts() })
    const { watch, world } = this.#setting
    const decided = keeper.decide(event, (told) => watch.onTold(this, told))
    if (!('refused' in decided)) return null
    world.note(() => `${this.name} refuses ${event.event}: ${decided.refused.detail}`)
    return decided
  }

  /** An operator asks this node. */
  ask(event: RolloutEvent): void {
    const { leader, standing } = this.standing()
    const isUrgent = event.event === 'abort' || event.event === 'rollback'
    if (standing !== 'following' || isUrgent || leader === null) this.command(event)
    else this.#setting.network.send(this, { message: 'order', event }, leader)
  }

  // --- the beat --------------------------------------------------------------------------------

  #beat(): void {
    const { keeper } = this
    if (keeper === null) return
    this.#beats++
    this.later(BEAT_MS, () => this.#beat())
    if (this.#beats % 2 === 0 && this.#setting.network.isUp(this.name)) this.#holdLease()
    this.#lookAtStanding()
    this.#tellOfLease()
    this.#count(keeper)
    if (this.#beats % 4 === 0) this.#second(keeper)
    this.#runGates(keeper)
  }

  #tellOfLease(): void {
    const { network, world } = this.#setting
    const { held } = this.#lease
    if (held === null || !holdsLease(this.#lease, world.nowMs)) return
    network.send(this, { message: 'leads', node: this.name, lease: held.number })
  }

  #count(keeper: SimKeeper): void {
    const counters = this.#counting?.beat(keeper.row, keeper.document.state) ?? null
    if (this.#judges) {
      if (counters === null) this.#tick(keeper)
      else this.#judge(counters)
      return
    }
    const { leader } = this.standing()
    if (counters === null || leader === null || leader === this.name) return
    const message = { message: 'counted', service: SERVICE, counters, intervals: [] } as const
    this.#setting.network.send(this, message, leader)
  }

  #judge(counters: NodeCounters): void {
    const { keeper } = this
    if (keeper === null || !this.#judges) return
    const added = keeper.replica.count(counters)
    if (added === null) return
    this.#counting?.look(added)
    // What was counted is folded into the evidence at once, so that both are saved together.
    keeper.see({ ...keeper.document, facts: this.#facts() })
    keeper.decide({ event: 'tick', ...added, stableSlow: 0 })
  }

  #tick(keeper: SimKeeper): void {
    const none = { good: 0, bad: 0, exceeded: 0, userErrors: 0 }
    keeper.see({ ...keeper.document, facts: this.#facts() })
    keeper.decide({ event: 'tick', candidate: none, stable: none, stableSlow: 0 })
  }

  #second(keeper: SimKeeper): void {
    keeper.catchUp()
    if (this.#judges) keeper.decide({ event: 'survey', facts: this.#facts() })
    else keeper.see({ ...keeper.document, facts: this.#facts() })
    if (this.#setting.network.isUp(this.name)) keeper.compare()
    keeper.saveEvidence(this.standing().standing === 'leading')
  }

  #facts(): Facts {
    const { keeper } = this
    if (keeper === null) throw new Error('no facts without a process')
    const { candidate, previous } = keeper.document.state
    const clause = keeper.replica.mayNotRaise(this.standing())
    const facts: Facts = {
      ...GOOD_FACTS,
      candidateResident: candidate !== null && keeper.resident.has(candidate),
      previous: previous === null ? { healthy: 0, total: 0 } : { healthy: 1, total: 1 },
      given: { 'http://b:1': this.#counting?.given ?? 0 },
      memoryMs: 300,
      ratePerSecond: 4800,
      windows: this.#counting?.figures() ?? GOOD_FACTS.windows,
    }
    return clause === null ? facts : { ...facts, mayNotRaise: clause }
  }

  /** Who leads runs the gates that the state asks for. */
  #runGates(keeper: SimKeeper): void {
    const { rollout } = keeper.document.state
    const gate = rollout === null ? null : gateUnderWay(rollout)
    const run = rollout?.gate?.run ?? ''
    if (gate === null || run === this.#gateRun || this.standing().standing !== 'leading') return
    this.#gateRun = run
    const { world } = this.#setting
    const durationMs = world.between(50, 500)
    const passed = world.chance(0.85)
    this.later(durationMs, () => {
      if (!this.#judges || this.standing().standing !== 'leading') return
      const startedAt = new Date(this.now()).toISOString()
      const report = { gate: gate.name, kind: gate.kind, passed, reason: 'it was so', startedAt }
      keeper.decide({ event: 'gated', run, report: { ...report, durationMs, details: null } })
    })
  }

  // --- the beginning ---------------------------------------------------------------------------

  #wasRead(isNothing: boolean): void {
    if (isNothing) this.#bootstrap()
    this.#lookAtStanding()
  }

  /** The file's routing, where nobody knows of anything. */
  #bootstrap(): void {
    const { keeper } = this
    if (keeper === null || keeper.document.state.epoch > 0) return
    const [strategy] = STRATEGIES
    keeper.decide({
      event: 'routing',
      versions: { v1: ['http://v1:1'] },
      stable: 'v1',
      candidate: null,
      weight: 0,
      hash: 'routing.versions',
      strategy,
    })
  }
}
