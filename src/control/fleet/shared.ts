// What makes a node one of a fleet: it joins the parts of this folder with the keepers and the
// loop. Who leads judges by everybody's counts, runs the gates and raises weights. Who follows
// serves by what the ledger holds and tells what it counts. Who hears from no leader judges by its
// own counts and may only lower (core/fleet/standing.ts). The serving of traffic waits for nothing
// here.

import { type Board, wakeControl } from '../../board/board.ts'
import type { ServiceConfig } from '../../config/config.ts'
import type { Answer, Change, Command, ServiceView } from '../../core/command.ts'
import type { NodeCounters } from '../../core/counters.ts'
import type { ServiceDocument } from '../../core/events.ts'
import type { Broadcast, Letter } from '../../core/fleet/message.ts'
import type { Position } from '../../core/fleet/position.ts'
import type { FleetStanding } from '../../core/fleet/standing.ts'
import type { Convergence as ConvergenceView, FleetView } from '../../core/fleet/view.ts'
import type { JournalEntry } from '../../core/journal.ts'
import type { Stepped } from '../../core/rollout/transition.ts'
import type { Clock } from '../clock.ts'
import type { FleetListener, FleetPort } from '../fleet-port.ts'
import type { Keeper } from '../keeper.ts'
import type { Ledger } from '../ledger.ts'
import { goOnFrom, type Opening } from '../opening.ts'
import type { Log } from '../options.ts'
import type { Residency } from '../residency.ts'
import { Asks, leaderless, unread } from './asks.ts'
import { Comparing } from './comparing.ts'
import { Convergence } from './convergence.ts'
import { type Counted, Counts, type Judged } from './counts.ts'
import { FleetWindows } from './fleet-windows.ts'
import { Replication, type SharedOpening } from './replication.ts'
import { fleetView } from './fleet-view.ts'

/** A change waits so long for the other nodes before it is answered. */
const SETTLE_MS = 1000
/** Who only looks waits no longer for the node that leads. */
const LOOK_MS = 500
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
  readonly keepers: ReadonlyMap<string, Keeper>
  /** Carries out a command that another node was asked for. */
  readonly handle: (command: Command) => Promise<Answer>
  /** This node judges the service from now on, or does so no more. */
  readonly onCharge: (keeper: Keeper, charge: 'taken' | 'given') => void
  readonly onFault: (text: string, error: unknown) => void
  /** For the journal: something about the fleet that people should know. */
  readonly onNote: (text: string) => void
}

export class Shared implements FleetListener {
  readonly counts: Counts
  readonly windows: FleetWindows
  readonly #parts: SharedParts
  readonly #replication: Replication
  readonly #convergence: Convergence
  readonly #asks: Asks
  readonly #comparing: Comparing
  /** The last position that this node has said to serve by, by service. */
  readonly #said = new Map<string, Position>()

  constructor(parts: SharedParts) {
    const { clock, directory, port, wall } = parts
    const { node } = port
    const run = wall()
    this.#parts = parts
    this.counts = new Counts({ node, run })
    this.windows = new FleetWindows(parts)
    this.#convergence = new Convergence({ node, wall, others: () => port.others() })
    this.#asks = new Asks({ node, run, send: (to, message) => port.send(to, message) })
    this.#comparing = new Comparing({
      ...{ port, keepers: parts.keepers, onFault: parts.onFault },
      onHeld: (keeper, held) => {
        this.#replication.compared(keeper, held)
        this.served(keeper)
      },
      onNewcomers: () => this.#said.clear(),
    })
    this.#replication = new Replication({
      ...{ port, directory, clock },
      onConfirmed: (service, position) => this.#convergence.changed(service, position),
      onComplaint: (text) => {
        parts.log.error({}, text)
        parts.onNote(text)
      },
    })
  }

  async start(): Promise<void> {
    await this.#parts.port.start(this)
    this.#comparing.start()
  }

  async close(): Promise<void> {
    this.#comparing.stop()
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
    if (this.leads) this.#parts.onCharge(keeper, 'taken')
    this.served(keeper)
  }

  get standing(): FleetStanding {
    return this.#parts.port.standing
  }

  /** Whether this node judges: by everybody's counts, or alone as it hears from nobody. */
  get judges(): boolean {
    return this.standing.standing !== 'following'
  }

  /** Whether this node runs gates and raises weights. */
  get leads(): boolean {
    return this.standing.standing === 'leading'
  }

  // --- for keepers -------------------------------------------------------------------------------

  /** The document with what this node may not do, which every decision has to know. */
  withRule(document: ServiceDocument): ServiceDocument {
    const rule = this.mayNotRaise(document.state.service)
    const { mayNotRaise, ...facts } = document.facts
    if ((mayNotRaise ?? null) === rule) return document
    return { ...document, facts: rule === null ? facts : { ...facts, mayNotRaise: rule } }
  }

  /** Why no weight of a service may be raised here, as a clause; null when it may. */
  mayNotRaise(service: string): string | null {
    return this.#replication.mayNotRaise(service)
  }

  /** A keeper has taken a decision over. */
  decided(keeper: Keeper, stepped: Stepped): void {
    this.#replication.decided(keeper.config.name, stepped)
  }

  /** What takes back a raise that could not be saved; null: there was none. */
  takeBack(keeper: Keeper, reason: string): Stepped | null {
    return this.#replication.takeBack(keeper.config.name, reason)
  }

  /** Why the document could not be saved; null when it was, or when another's holds. */
  async save(keeper: Keeper, durable: boolean): Promise<string | null> {
    const saving = await this.#replication.save(keeper, { durable })
    return saving.result === 'failed' ? saving.reason : null
  }

  /** Tells the fleet when this node serves by what the ledger holds. */
  served(keeper: Keeper): void {
    const { name } = keeper.config
    const position = this.#replication.confirmed(name)
    if (position === null || !keeper.isServing) return
    if (position.epoch !== keeper.document.state.epoch || this.#said.get(name) === position) return
    this.#said.set(name, position)
    const { port, wall } = this.#parts
    const message = {
      ...({ message: 'applied', node: port.node, service: name } as const),
      ...{ position, atMs: wall() },
    }
    this.#convergence.applied(message)
    port.broadcast(message)
  }

  // --- for the loop ------------------------------------------------------------------------------

  /**
   * What is to be judged now of a rollout; null: nothing, as it can wait or as somebody else
   * judges, who is told.
   *
   * @param counted what was counted here since the last call
   * @param isUrgent something is decided now, so nothing may wait
   */
  judge(keeper: Keeper, counted: Counted, isUrgent: boolean): Judged | null {
    const { name } = keeper.config
    const isDue = this.counts.add(name, counted)
    if (!isDue && !isUrgent) return null
    const { now } = counted
    const { port } = this.#parts
    if (this.judges) {
      const live = this.leads ? port.others() : []
      const merge = (message: NodeCounters) => this.#replication.count(name, message)
      return this.counts.judge(name, merge, { now, live })
    }
    const { leader } = this.standing
    const counters = this.counts.tell(name, now)
    if (leader !== null && counters !== null) {
      port.send(leader, { message: 'counted', service: name, counters, intervals: [] })
    }
    return null
  }

  /** Once a second: tells who leads what the versions of a service did here. */
  tellInterval(keeper: Keeper): void {
    const { name } = keeper.config
    const intervals = this.windows.take(keeper)
    const { leader, standing } = this.standing
    if (standing !== 'following' || leader === null || intervals.length === 0) return
    const counters = this.counts.tell(name, this.#parts.clock.now())
    this.#parts.port.send(leader, { message: 'counted', service: name, counters, intervals })
  }

  // --- for control -------------------------------------------------------------------------------

  /** Whether all live nodes serve by what the ledger holds of a service. */
  isSettled(service: string): boolean {
    return this.#convergence.isComplete(service)
  }

  /**
   * A service as who leads sees it: by everybody's counts. As this node sees it where nobody
   * answers soon, or while the two do not stand at the same revision.
   */
  async seen(keeper: Keeper, own: ServiceView): Promise<ServiceView> {
    const { leader, standing } = this.standing
    if (standing !== 'following' || leader === null || own.rollout === null) return own
    const command = { do: 'service', service: keeper.config.name } as const
    const answer = await this.#asks.ask(leader, command, LOOK_MS)
    const isSame =
      answer.ok && answer.answer === 'service' && answer.service.revision === own.revision
    return isSame ? answer.service : own
  }

  /** How far the last change of a service has come, once all have said so or a second is over. */
  settled(service: string): Promise<ConvergenceView | null> {
    return this.#convergence.settled(service, SETTLE_MS)
  }

  /** The answer of the node that leads; null when this one has to do it itself. */
  elsewhere(command: Change, keeper: Keeper): Promise<Answer> | null {
    const { leader, mayNotRaise, standing } = this.standing
    if (standing === 'leading' || isForAll(command)) return null
    if (standing === 'cut-off' && isLess(command, keeper)) return null
    if (leader !== null && standing === 'following') return this.#asks.ask(leader, command)
    return Promise.resolve({ ok: false, problem: leaderless(mayNotRaise) })
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
    return [...this.#parts.port.knowledge().degraded, ...this.#replication.complaints()]
  }

  view(): FleetView {
    const { keepers, port } = this.#parts
    const services = [...keepers.keys()].flatMap((service) => {
      const view = this.#convergence.view(service)
      return view === null ? [] : [view]
    })
    return fleetView(port.knowledge(), services)
  }

  forget(service: string): void {
    this.#replication.forget(service)
    this.#convergence.forget(service)
    this.counts.forget(service)
    this.windows.forget(service)
    this.#said.delete(service)
  }

  // --- what is heard -----------------------------------------------------------------------------

  onStanding(standing: FleetStanding, before: FleetStanding): void {
    if (standing.standing === before.standing) return
    const { keepers, onNote } = this.#parts
    onNote(standingText(standing))
    this.counts.forgetHeard()
    for (const keeper of keepers.values()) void this.#changeCharge(keeper, standing.standing)
  }

  onBroadcast(message: Broadcast): void {
    if (message.message === 'applied') this.#convergence.applied(message)
    if (message.message !== 'changed') return
    const keeper = this.#parts.keepers.get(message.service)
    if (keeper === undefined) return
    this.#guarded(() => {
      this.#replication.hear(keeper, message)
      this.served(keeper)
    })
  }

  onLetter(letter: Letter): void {
    if (letter.message === 'answered') this.#asks.answered(letter)
    if (letter.message === 'asked') void this.#answer(letter.node, letter)
    if (letter.message !== 'counted' || !this.leads) return
    const { counters, intervals, service } = letter
    if (counters !== null) {
      this.counts.hear(service, counters)
      wakeControl(this.#parts.board)
    }
    this.windows.hear(service, { node: counters?.node ?? '', intervals })
  }

  onConnected(): void {
    this.#said.clear() // what was said meanwhile was lost
    void this.#comparing.now()
  }

  async #changeCharge(keeper: Keeper, standing: FleetStanding['standing']): Promise<void> {
    const { onCharge, onFault } = this.#parts
    try {
      // What the leader before has written last comes first.
      if (standing === 'leading') await this.#replication.refresh(keeper)
      if (this.standing.standing !== standing) return
      onCharge(keeper, standing === 'leading' ? 'taken' : 'given')
      this.served(keeper)
    } catch (error) {
      onFault(`service ${keeper.config.name} could not be taken over`, error)
    }
  }

  async #answer(to: string, { command, id }: Letter & { message: 'asked' }): Promise<void> {
    const { handle, port } = this.#parts
    const { mayNotRaise } = this.standing
    const answer: Answer = this.leads
      ? await handle(command)
      : { ok: false, problem: leaderless(mayNotRaise) }
    port.send(to, { message: 'answered', id, answer })
  }

  #guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#parts.onFault('a message of the fleet could not be taken in', error)
    }
  }
}

/** What every node does at once, whoever leads: it takes traffic away. */
function isForAll(command: Change): boolean {
  return command.do === 'abort' || command.do === 'rollback'
}

/** What a node may do that hears from no leader. */
function isLess(command: Change, { document }: Keeper): boolean {
  if (command.do === 'weight') return command.weight <= document.state.weight
  return command.do === 'pause'
}

function standingText({ leader, mayNotRaise, standing }: FleetStanding): string {
  if (standing === 'leading') return 'this node leads the fleet from now on'
  if (standing === 'following')
    return `this node follows ${leader ?? 'the leading node'} from now on`
  return `this node hears from no leader and raises no weight: ${mayNotRaise ?? 'nobody leads'}`
}
