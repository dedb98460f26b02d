// What makes a node one of a fleet: it joins the parts of this folder with the keepers and the
// loop. Who leads judges by everybody's counts, runs the gates and raises weights. Who follows
// serves by what the ledger holds and tells what it counts. Who hears from no leader judges by its
// own counts and may only lower (charges.ts). The serving of traffic waits for nothing here.

import type { Board } from '../../board/board.ts'
import type { ServiceConfig } from '../../config/config.ts'
import type { Answer, Change, Command, ServiceView } from '../../core/command.ts'
import type { ServiceDocument } from '../../core/events.ts'
import { UNHEARD_MAX } from '../../core/fleet/heard.ts'
import type { Broadcast, Letter } from '../../core/fleet/message.ts'
import type { Position } from '../../core/fleet/position.ts'
import type { Replica } from '../../core/fleet/replica.ts'
import type { FleetStanding } from '../../core/fleet/standing.ts'
import type { Convergence as ConvergenceView, FleetView } from '../../core/fleet/view.ts'
import type { JournalEntry } from '../../core/journal.ts'
import type { Clock } from '../clock.ts'
import type { FleetListener, FleetPort } from '../fleet-port.ts'
import type { Keeper } from '../keeper.ts'
import type { Ledger } from '../ledger.ts'
import { goOnFrom, type Opening } from '../opening.ts'
import type { Log } from '../options.ts'
import type { Residency } from '../residency.ts'
import { notFollowed } from '../routing.ts'
import { unread } from './asks.ts'
import { type Charge, Charges } from './charges.ts'
import { Comparing } from './comparing.ts'
import { Convergence } from './convergence.ts'
import { Errands } from './errands.ts'
import { convergenceNow, fleetView, standingText } from './fleet-view.ts'
import { Replication, type SharedOpening } from './replication.ts'
import { Sayings } from './sayings.ts'
import { Settlement } from './settlement.ts'
import { Tallying } from './tallying.ts'

/** Services whose documents are read at once. */
const OPENED_AT_ONCE = 200

export interface SharedParts {
  readonly port: FleetPort
  readonly directory: Ledger
  readonly board: Board
  readonly clock: Clock
  readonly residency: Residency
  readonly log: Log
  readonly wall: () => number
  readonly monotonic: () => number
  readonly keepers: ReadonlyMap<string, Keeper>
  /** Whether the file names a service, be it that it is not open yet. */
  readonly isConfigured: (service: string) => boolean
  /** Carries out a command that another node was asked for. */
  readonly handle: (command: Command) => Promise<Answer>
  /** This node judges the service for the fleet from now on, or does so no more. */
  readonly onCharge: (keeper: Keeper, charge: 'taken' | 'given') => void
  /** Another node judges the service for the fleet from now on, and tells on-call. */
  readonly onFollow: (keeper: Keeper) => void
  /** All nodes serve by what was decided last; a rollout may have waited for it. */
  readonly onSettled: (keeper: Keeper) => void
  readonly onFault: (text: string, error: unknown) => void
  /** For the journal: something about the fleet that people should know. */
  readonly onNote: (text: string) => void
}

/** What became of a save. */
export interface Saved {
  readonly result: 'accepted' | 'failed'
  /** Why it could not be saved; empty when it was, or another node's decision holds. */
  readonly reason: string
  /** Whether the status has to say so; not what it says of the whole fleet already. */
  readonly isNews: boolean
}

export class Shared implements FleetListener {
  readonly tallying: Tallying
  readonly #parts: SharedParts
  readonly #replication: Replication
  readonly #convergence: Convergence
  readonly #settlement: Settlement
  readonly #charges: Charges
  readonly #errands: Errands
  readonly #comparing: Comparing
  readonly #sayings: Sayings

  constructor(parts: SharedParts) {
    const { clock, directory, keepers, log, monotonic, onFault, onNote, port, wall } = parts
    const { node } = port
    const run = wall()
    this.#parts = parts
    this.#settlement = new Settlement()
    this.#convergence = new Convergence({
      ...{ node, wall, monotonic, others: () => port.others() },
      onComplete: (service, position) => this.#onComplete(service, position),
    })
    const lacks = (one: string, service: string): boolean => this.#convergence.lacks(one, service)
    this.#sayings = new Sayings({
      ...{ node, wall },
      canTell: (one, service) => port.others().includes(one) && !lacks(one, service),
      has: parts.isConfigured,
      note: (message) => this.#convergence.applied(message),
      tell: (one, message) => port.send(one, message),
      say: (message) => port.broadcast(message),
    })
    this.#replication = new Replication({
      ...{ port, directory, clock, onFault },
      leaseOf: (service) => this.#charges.leaseOf(service),
      onOpened: (service, lease) => this.#charges.read(service, lease),
      onConfirmed: (service, position) => this.#convergence.changed(service, position),
      onJoined: (service, weight) => this.tallying.joined(service, weight),
      onComplaint: (text) => {
        log.error({}, text)
        onNote(text)
      },
    })
    this.#charges = new Charges({
      ...{ port, keepers, lacks, onFault },
      isBlocked: (service) => this.#replication.isBlocked(service),
      refresh: (keeper) => this.#replication.refreshAnew(keeper),
      onCharge: (keeper, charge) => {
        parts.onCharge(keeper, charge)
        this.served(keeper)
      },
    })
    this.tallying = new Tallying({
      ...parts,
      ...{ run, charges: this.#charges },
      count: (service, message) => this.#replication.count(service, message),
    })
    this.#errands = new Errands({
      ...{ port, run, lacks, onFault, charges: this.#charges, handle: parts.handle },
      mayNotRaise: (service) => this.mayNotRaise(service),
    })
    this.#comparing = new Comparing({
      ...{ port, keepers, onFault },
      onHeld: (keeper, held) => {
        this.#replication.compared(keeper, held)
        void this.#charges.take(keeper)
        this.served(keeper)
      },
      onNewcomers: () => this.#sayings.again(),
      onCompared: () => {
        for (const [one, services] of this.#convergence.unheard(UNHEARD_MAX)) {
          port.send(one, { message: 'unheard', services })
        }
      },
    })
  }

  async start(): Promise<void> {
    await this.#parts.port.start(this)
    this.#comparing.start()
  }

  /** This node is about to stop: another one leads from now on. */
  resign(): void {
    this.#parts.port.resign()
  }

  async close(): Promise<void> {
    this.#comparing.stop()
    this.#sayings.close()
    await this.#replication.close()
    await this.#parts.port.close()
  }

  /** What is done first with each service, by the ledger and the state directory. */
  async open(services: readonly ServiceConfig[]): Promise<readonly Opening[]> {
    const openings: SharedOpening[] = []
    for (let at = 0; at < services.length; at += OPENED_AT_ONCE) {
      const some = services.slice(at, at + OPENED_AT_ONCE)
      openings.push(...(await Promise.all(some.map((one) => this.#replication.open(one)))))
    }
    goOnFrom(
      this.#parts.clock,
      openings.map(({ clockMs }) => clockMs),
    )
    return openings
  }

  /** A service is in the table, and this node judges it from now on if it leads. */
  opened(keeper: Keeper): void {
    void this.#charges.opened(keeper)
    keeper.say(this.replicaOf(keeper.config.name)?.unsaid ?? [])
    this.reread(keeper)
    this.served(keeper)
  }

  /**
   * The file was read. One that is rolled out node by node must not move a service to and fro, so
   * its routing begins a service and is not looked at again.
   */
  reread({ config, document }: Keeper): void {
    const text = notFollowed(config, document.state)
    if (text === null) return
    this.#parts.log.warn({ service: config.name }, text)
    this.#parts.onNote(text)
  }

  /** Whether Redis is away. */
  get isAway(): boolean {
    return this.#parts.port.knowledge().awaySinceMs !== null
  }

  /** By whose counts this node judges a service, if at all. */
  chargeOf(service: string): Charge {
    return this.#charges.of(service)
  }

  // --- for keepers -------------------------------------------------------------------------------

  /** The document with what this node may not do, which every decision has to know. */
  withRule(document: ServiceDocument): ServiceDocument {
    const rule = this.mayNotRaise(document.state.service)
    if ((document.facts.mayNotRaise ?? null) === rule) return document
    const { mayNotRaise: _, ...facts } = document.facts
    return { ...document, facts: rule === null ? facts : { ...facts, mayNotRaise: rule } }
  }

  /** Why no weight of a service may be raised here, as a clause; null when it may. */
  mayNotRaise(service: string): string | null {
    const { leader, standing } = this.#parts.port.standing
    if (standing === 'following' && leader !== null && this.#convergence.lacks(leader, service)) {
      return `node ${leader}, which leads the fleet, does not have the service in its config`
    }
    return this.#replication.mayNotRaise(service)
  }

  /** What is known of a service's document and the ledger's; undefined: it is gone. */
  replicaOf(service: string): Replica | undefined {
    return this.#replication.replicaOf(service)
  }

  async save(keeper: Keeper, durable: boolean): Promise<Saved> {
    const saving = await this.#replication.save(keeper, { durable })
    const { result } = saving
    if (result !== 'failed') return { result, reason: '', isNews: false }
    const { isKept, reason } = saving
    // What the fleet's own sentences say is said once.
    const isSaid = !isKept || this.isAway || this.#replication.isBlocked(keeper.config.name)
    return { result, reason, isNews: !isSaid }
  }

  /** Tells the fleet when this node serves by what the ledger holds. */
  served(keeper: Keeper): void {
    const { name } = keeper.config
    const position = this.#replication.confirmed(name)
    if (position === null || !keeper.isServing) return
    if (position.epoch === keeper.document.state.epoch) this.#sayings.serves(name, position)
  }

  // --- for control -------------------------------------------------------------------------------

  /** Whether all live nodes know the candidate of the rollout that runs. */
  isSettled(document: ServiceDocument): boolean {
    const { epoch, service } = document.state
    return this.#settlement.isKnown(document) || this.#convergence.isDone(service, epoch)
  }

  /** A service by everybody's counts, where another node judges it. */
  seen(keeper: Keeper, own: ServiceView): Promise<ServiceView> {
    return this.#errands.seen(keeper, own)
  }

  /** How far the present revision has come, once all have said so or the wait is over. */
  settled(keeper: Keeper): Promise<ConvergenceView> {
    return this.#settlement.wait(keeper, this.#convergence, this.#parts)
  }

  /** The answer of the node that leads; null when this one has to do it itself. */
  elsewhere(command: Change, keeper: Keeper): Promise<Answer | null> | null {
    return this.#errands.elsewhere(command, keeper)
  }

  note(entry: JournalEntry): void {
    if (entry.kind !== 'evidence' && entry.service !== null) this.#parts.port.note(entry)
  }

  async journal({ count, service }: { count: number; service: string }): Promise<Answer> {
    const entries = await this.#parts.port.journal(service, count)
    if ('failed' in entries) return { ok: false, problem: unread(entries.failed) }
    return { ok: true, answer: 'fleet-journal', entries }
  }

  degraded(): readonly string[] {
    const { port } = this.#parts
    return [...new Set([...port.knowledge().degraded, ...this.#replication.complaints()])]
  }

  view(): FleetView {
    const { keepers, port } = this.#parts
    const known = port.knowledge()
    const services = [...keepers].flatMap(([service, keeper]) => {
      const view = this.#convergence.view(service)
      const revision = keeper.document.state.epoch
      return view === null ? [] : [convergenceNow(view, { known, revision })]
    })
    return fleetView(known, services)
  }

  forget(service: string): void {
    this.#parts.port.forget(service)
    this.#replication.forget(service)
    this.#charges.forget(service)
    this.#convergence.forget(service)
    this.#settlement.forget(service)
    this.tallying.forget(service)
    this.#sayings.lacks(service)
  }

  // --- what is heard -----------------------------------------------------------------------------

  onStanding(standing: FleetStanding, before: FleetStanding): void {
    this.#errands.follow(standing.leader)
    if (standing.standing !== before.standing) {
      this.#parts.onNote(standingText(standing))
      this.tallying.forgetHeard()
    }
    this.#charges.change()
    if (standing.standing !== 'following' || before.standing === 'following') return
    for (const keeper of this.#parts.keepers.values()) this.#parts.onFollow(keeper)
  }

  onBroadcast(message: Broadcast): void {
    if (message.message === 'leads') return
    const { keepers, isConfigured } = this.#parts
    const { service } = message
    if (message.message === 'applied') this.#convergence.applied(message)
    if (message.position.epoch > 0 && !isConfigured(service)) this.#sayings.lacks(service)
    const keeper = keepers.get(service)
    if (keeper === undefined || message.message !== 'changed') return
    this.#guarded(() => {
      this.#replication.hear(keeper, message)
      this.served(keeper)
    })
  }

  onLetter(letter: Letter): void {
    if (letter.message === 'applied') {
      this.#sayings.heard(letter)
      this.#convergence.applied(letter)
    }
    if (letter.message === 'answered') this.#errands.answered(letter)
    if (letter.message === 'asked') void this.#errands.answer(letter)
    if (letter.message === 'unheard') this.#repeat(letter.services)
    if (letter.message === 'counted') this.tallying.hear(letter)
  }

  onConnected(): void {
    this.#sayings.again() // what was said meanwhile was lost
    void this.#comparing.now()
  }

  #repeat(services: readonly string[]): void {
    const { isConfigured } = this.#parts
    for (const service of services) if (!isConfigured(service)) this.#sayings.lacks(service)
    this.#sayings.repeat(services)
  }

  #onComplete(service: string, position: Position): void {
    this.#sayings.complete(service, position)
    const keeper = this.#parts.keepers.get(service)
    if (keeper === undefined || keeper.document.state.epoch !== position.epoch) return
    this.#settlement.complete(keeper.document)
    // Not now: this may be in the middle of a decision.
    queueMicrotask(() => this.#guarded(() => this.#parts.onSettled(keeper)))
  }

  #guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#parts.onFault('a message of the fleet could not be taken in', error)
    }
  }
}
