// The control side of a node: it carries out what core/ decides. `Control` opens the ledger and
// the journal, makes the versions resident, runs the loop that judges, answers commands, and
// applies what an operator has changed in the file. core/rollout.ts decides, keeper.ts waits.

import { dirname } from 'node:path'
import type { Board } from '../board/board.ts'
import { clearBuckets } from '../board/buckets.ts'
import type { Config, ServiceConfig } from '../config/config.ts'
import type { Answer, Command, ServiceView } from '../core/command.ts'
import type { FleetView } from '../core/fleet/view.ts'
import type { JournalEntry } from '../core/journal.ts'
import type { FailedRequest } from '../core/outcome.ts'
import type { Problem } from '../core/problem.ts'
import type { Table } from '../core/table.ts'
import { connectOnce } from './check-request.ts'
import { Changes } from './changes.ts'
import type { Clock } from './clock.ts'
import { degradedSentences } from './degraded.ts'
import { EvidenceLines } from './evidence-lines.ts'
import { memoryMs } from './facts.ts'
import type { Shared } from './fleet/shared.ts'
import { Gates } from './gates/gates.ts'
import { probe } from './gates/probe.ts'
import type { JournalFile } from './journal-file.ts'
import { Keeper, type KeeperParts } from './keeper.ts'
import type { Ledger } from './ledger.ts'
import { Loop } from './loop.ts'
import { Mirroring } from './mirroring.ts'
import type { ControlOptions, EdgePort, Log } from './options.ts'
import { openAlone, type Opening } from './opening.ts'
import type { Pager, PagerNote } from './pages/pager.ts'
import { openParts, type Parts } from './parts.ts'
import { noFleetJournal, notHere, refused, unknownService } from './problems.ts'
import { Publisher } from './publisher.ts'
import { Residency } from './residency.ts'
import { routingEvent } from './routing.ts'
import { Targets } from './targets.ts'
import { serviceView, type ViewParts } from './views.ts'
import { wantedOf } from './wanted.ts'

/**
 * An incident that was opened so long ago in a fleet was told, or its receiver cannot be reached.
 */
const UNTOLD_MS = 600_000

export class Control {
  readonly #board: Board
  readonly #edge: EdgePort
  readonly #log: Log
  readonly #ledger: Ledger
  readonly #journal: JournalFile
  readonly #evidence: EvidenceLines
  readonly #clock: Clock
  readonly #pager: Pager
  readonly #residency: Residency
  readonly #prober: (asked: AbortSignal) => Parameters<typeof probe>[2]
  readonly #gates: Gates
  readonly #views: ViewParts
  readonly #mirroring: Mirroring | null
  readonly #targets: Targets
  readonly #publisher: Publisher
  readonly #loop: Loop
  readonly #changes: Changes
  readonly #shared: Shared | null
  readonly #keepers = new Map<string, Keeper>()
  /** Read from the ledger, but not in the table yet: nothing is judged or commanded in them. */
  #opening: readonly Keeper[] = []
  /** The last reload; the next one waits for it. */
  #reloading: Promise<void> = Promise.resolve()
  readonly #closing = new AbortController()
  #config: Config
  /** Of the services in the file. */
  #names: ReadonlySet<string>
  #problems: readonly Problem[] = []

  private constructor(options: ControlOptions, opened: Parts) {
    const { wall = Date.now, random = Math.random, connect = connectOnce } = options
    const { board, mirror = null, mirrorTo, synthetic = null } = options
    this.#board = board
    this.#edge = options.edge
    this.#log = options.log
    this.#config = options.config
    this.#names = new Set(options.config.services.map(({ name }) => name))
    this.#ledger = opened.ledger
    this.#journal = opened.journal
    this.#evidence = new EvidenceLines(opened.journal)
    this.#clock = opened.clock
    this.#residency = new Residency(board)
    this.#pager = opened.pager
    this.#gates = new Gates({
      ...{ synthetic, mirror, wall },
      directory: () => dirname(this.#config.file),
      onReport: (service, gated) => {
        const keeper = this.#keepers.get(service)
        if (keeper !== undefined) this.#loop.gated(keeper, gated)
      },
    })
    this.#views = { board, clock: this.#clock, residency: this.#residency, mirror }
    this.#mirroring =
      mirrorTo === undefined ? null : new Mirroring({ board, residency: this.#residency, mirrorTo })
    this.#prober = (by) => ({ synthetic, signal: AbortSignal.any([by, this.#closing.signal]) })
    this.#publisher = new Publisher({
      build: () => this.#buildTable(),
      publish: (table) => options.edge.publish(table),
      onAcknowledged: (revision) => this.#onAcknowledged(revision),
      onLate: (revision) =>
        this.#log.error({ revision }, 'an edge thread has not taken over the table yet'),
    })
    const onFault = (text: string, err: unknown): void => this.#log.error({ err }, text)
    this.#targets = new Targets({
      ...{ board: this.#board, clock: this.#clock, journal: this.#journal },
      ...{ residency: this.#residency, random, connect, onFault },
      connectMs: () => this.#config.timeouts.connectMs,
      onFound: (version) => this.#loop.found(version),
    })
    const common = { board, clock: this.#clock, residency: this.#residency, keepers: this.#keepers }
    const { fleet } = opened
    this.#shared =
      fleet === null
        ? null
        : new fleet.Shared({
            ...{ ...common, wall, onFault, port: fleet.port },
            ...{ directory: this.#ledger, log: this.#log },
            handle: (command) => this.handle(command),
            monotonic: options.monotonic ?? (() => performance.now()),
            isConfigured: (service) => this.#names.has(service),
            onCharge: (keeper, charge) => this.#onCharge(keeper, charge),
            onFollow: (keeper) => this.#pager.leave(keeper.config.name),
            onSettled: (keeper) => this.#lookAtProof(keeper),
            onNote: (text) => this.#note('fleet', text),
          })
    this.#loop = new Loop({
      ...{ ...common, shared: this.#shared, evidence: this.#evidence, targets: this.#targets },
      memoryMs: () => memoryMs(this.#config),
      onFault,
    })
    this.#changes = new Changes({
      ...{ parseStrategy: options.parseStrategy, loop: this.#loop, shared: this.#shared },
      ...{ residency: this.#residency, targets: this.#targets },
      view: (keeper) => this.#view(keeper),
    })
  }

  /**
   * Opens the state directory, publishes the first table and the rows, and starts the loop. Edge
   * threads must be able to receive tables. Throws with one sentence when the directory is locked.
   */
  static async open(options: ControlOptions): Promise<Control> {
    const parts = await openParts(options, { onPaged: (note) => control.#onPaged(note) })
    const { complaints, journal, pager } = parts
    const control: Control = new Control(options, parts)
    for (const text of complaints) control.#note('start', text)
    pager.configure(options.config.receivers)
    journal.onEntry((entry) => control.#shared?.note(entry))
    await control.#shared?.start()
    await control.#openServices(options.config.services)
    control.#loop.start()
    return control
  }

  /** @param by aborts when nobody waits for the answer to a probe any more */
  async handle(command: Command, by: AbortSignal = this.#closing.signal): Promise<Answer> {
    if (command.do === 'node') return refused(notHere())
    if (command.do === 'fleet-journal')
      return this.#shared?.journal(command) ?? refused(noFleetJournal())
    if (command.do === 'services') {
      const services = [...this.#keepers.values()].map((keeper) => this.#seen(keeper))
      return { ok: true, answer: 'services', services: await Promise.all(services) }
    }
    const keeper = this.#keepers.get(command.service)
    if (keeper === undefined) return refused(unknownService(command.service, this.#keepers.keys()))
    if (command.do === 'service') {
      const service = await this.#seen(keeper)
      return { ok: true, answer: 'service', service, note: '', convergence: null }
    }
    if (command.do === 'synthetic') return probe(keeper.document.state, command, this.#prober(by))
    // Without a wait where there is nothing to wait for: an abort is done in this turn.
    const asked = this.#shared?.elsewhere(command, keeper) ?? null
    const answer = asked === null ? null : await asked
    return answer ?? this.#changes.change(keeper, command)
  }

  /** Applies a config that was read and found good: what the file owns, and nothing else. */
  reload(config: Config): Promise<void> {
    const reloaded = this.#reloading.then(() => this.#reload(config))
    this.#reloading = reloaded.catch(() => undefined) // the caller is told
    return reloaded
  }

  async #reload(config: Config): Promise<void> {
    this.#config = config
    this.#pager.configure(config.receivers)
    this.#names = new Set(config.services.map(({ name }) => name))
    for (const [name, keeper] of this.#keepers) {
      if (this.#names.has(name)) continue
      await keeper.settle()
      this.#mirroring?.forget(name)
      this.#keepers.delete(name)
      this.#gates.forget(name)
      this.#shared?.forget(name)
      this.#note('config', `service ${name} is no longer in the file; its state is kept`)
    }
    const fresh = config.services.filter(({ name }) => !this.#keepers.has(name))
    const known = config.services.filter(({ name }) => this.#keepers.has(name))
    for (const service of known) {
      const keeper = this.#keepers.get(service.name)
      if (keeper === undefined) continue
      keeper.config = service
      keeper.lookAtMirror()
      this.#shared?.reread(keeper)
    }
    await this.#openServices(fresh)
    this.#note('config', `the file ${config.file} was read again`)
    if (this.#shared === null) for (const service of known) await this.#adoptRouting(service)
  }

  /** Calls `listener` with every journal entry; returns how to stop that. */
  onJournal(listener: (entry: JournalEntry) => void): () => void {
    return this.#journal.onEntry(listener)
  }

  /** Journals that an edge thread was replaced. */
  noteThread(text: string): void {
    this.#note('thread', text)
  }

  /** Keeps the name of a request that counted against a candidate. */
  noteFailure(failed: FailedRequest): void {
    this.#residency.inSlot(failed.slot)?.gauge.noteFailure(failed, this.#clock.now())
  }

  /** Sentences about what does not work as it should; empty when all is well. */
  degraded(): readonly string[] {
    const own = degradedSentences({
      ...{ problems: this.#problems, keepers: this.#keepers, journal: this.#journal },
      ...{ pager: this.#pager, publisher: this.#publisher, residency: this.#residency },
    })
    const fleets = this.#shared?.degraded() ?? [] // not said again of each service
    return [...own.filter((one) => !fleets.some((said) => one.endsWith(said))), ...fleets]
  }

  /** Null: it works alone. */
  fleet(): FleetView | null {
    return this.#shared?.view() ?? null
  }

  /** The node is about to stop: in a fleet another one leads from now on. */
  resign(): void {
    this.#shared?.resign()
  }

  /** Stops the loop, saves all evidence and releases the state directory. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#gates.close()
    await this.#loop.stop()
    this.#targets.close()
    for (const keeper of this.#keepers.values()) await keeper.settle()
    this.#journal.tell() // what the fleet's journal lacks still
    await this.#shared?.close()
    await this.#pager.close()
    await this.#journal.close()
    await this.#ledger.close()
  }

  // --- opening ---------------------------------------------------------------------------------

  async #openServices(services: readonly ServiceConfig[]): Promise<void> {
    const from = { ledger: this.#ledger, clock: this.#clock }
    const openings = await (this.#shared?.open(services) ?? openAlone(services, from))
    const opened = openings.map((opening) => ({ opening, keeper: this.#keeperOf(opening) }))
    this.#opening = opened.map(({ keeper }) => keeper)
    await this.#publisher.publish() // one table for all of them
    const steps = opened.flatMap(({ keeper, opening }) =>
      opening.first.map((one) => keeper.take(one)),
    )
    await Promise.all(steps)
    this.#opening = []
    for (const { keeper, opening } of opened) {
      this.#keepers.set(keeper.config.name, keeper)
      const { candidate, stable } = keeper.document.state
      // A weight that the fleet has not agreed to waits for that; the rest is served.
      const isServed = keeper.assign() || keeper.assign({ stable, candidate, weight: 0 })
      if (!isServed) this.#log.error({ service: keeper.config.name }, 'no row was published')
      keeper.setLimits()
      keeper.lookAtMirror()
      this.#loop.opened(keeper)
      if (this.#shared !== null) this.#openedShared(keeper, this.#shared)
      if (this.#shared !== null) continue
      this.#gates.follow(keeper.document.state)
      if (!opening.isDamaged) this.#pager.reconcile(keeper.document.state)
    }
    const names = new Set(this.#keepers.keys())
    if (this.#shared === null) this.#pager.forgetOthers(names)
    else this.#pager.leaveOthers(names)
  }

  /** A service of a fleet is in the table. */
  #openedShared(keeper: Keeper, shared: Shared): void {
    shared.opened(keeper)
    if (shared.isAway) this.#tellOfAll(keeper)
    else this.#pager.leave(keeper.config.name) // until this node leads
  }

  #keeperOf({ document, savedEpoch, service, told }: Opening): Keeper {
    for (const text of told) {
      this.#log.error({ service: service.name }, text)
      this.#note('start', text)
    }
    return new Keeper(service, { ...this.#keeperParts(), document, savedEpoch })
  }

  /** This node leads the fleet from now on, or does so no more. */
  #onCharge(keeper: Keeper, charge: 'taken' | 'given'): void {
    const { name } = keeper.config
    this.#gates.forget(name)
    if (charge === 'given') return
    keeper.decide({ event: 'restarted', watched: true })
    this.#gates.follow(keeper.document.state)
    this.#tellOfAll(keeper)
  }

  /** Tells of the incidents that are open, but not of old ones, which another node has told. */
  #tellOfAll({ document }: Keeper): void {
    const known = new Date(this.#clock.now() - UNTOLD_MS).toISOString()
    this.#pager.reconcile(document.state, known)
  }

  #keeperParts(): KeeperParts {
    return {
      ...{ ledger: this.#ledger, shared: this.#shared, journal: this.#journal, clock: this.#clock },
      ...{ evidence: this.#evidence, pager: this.#pager, residency: this.#residency },
      mirroring: this.#mirroring,
      publishTable: () => this.#publisher.publish(),
      followGates: (state) => {
        // A report finds nobody before the service is open.
        if (!this.#keepers.has(state.service)) return
        const charge = this.#shared?.chargeOf(state.service) ?? 'fleet'
        if (charge === 'fleet') this.#gates.follow(state)
        else this.#gates.forget(state.service)
      },
      onReopened: (service) => clearBuckets(this.#board, this.#residency.cellOf(service)),
      closeTunnels: (slot) => {
        this.#edge.closeTunnels(slot, this.#config.timeouts.tunnelDrainMs)
      },
    }
  }

  async #adoptRouting(service: ServiceConfig): Promise<void> {
    const keeper = this.#keepers.get(service.name)
    if (keeper === undefined) return
    const routing = routingEvent(service)
    if (keeper.document.state.routingHash === routing.hash) return
    this.#loop.survey(keeper)
    const decided = keeper.decide(routing)
    if (!('refused' in decided)) await decided.done
  }

  // --- the table -------------------------------------------------------------------------------

  #buildTable(): Table {
    const keepers = [...this.#keepers.values(), ...this.#opening]
    const { table, problems } = this.#residency.nextTable(keepers.map(wantedOf))
    this.#targets.follow(keepers)
    this.#problems = problems
    for (const problem of problems) this.#log.error({ code: problem.code }, problem.detail)
    return table
  }

  #onAcknowledged(revision: number): void {
    this.#residency.acknowledge(revision)
    for (const keeper of this.#keepers.values()) this.#lookAtProof(keeper)
  }

  /** Something that a candidate's first raise waits for may have come. */
  #lookAtProof(keeper: Keeper): void {
    if (keeper.document.state.rollout?.phase === 'proving') this.#loop.survey(keeper)
  }

  // --- what is shown ---------------------------------------------------------------------------

  #view(keeper: Keeper): ServiceView {
    return serviceView(keeper.document, this.#views)
  }

  async #seen(keeper: Keeper): Promise<ServiceView> {
    const own = this.#view(keeper)
    return (await this.#shared?.seen(keeper, own)) ?? own
  }

  #note(kind: 'start' | 'config' | 'thread' | 'fleet', text: string): void {
    void this.#journal.append({ kind, service: null, epoch: null, text, by: 'node' })
  }

  #onPaged({ evidence, isTrouble, service, text }: PagerNote): void {
    const epoch = this.#keepers.get(service)?.document.state.epoch ?? null
    void this.#journal.append({ kind: 'page', service, epoch, text, by: 'node', evidence })
    this.#log[isTrouble ? 'error' : 'info']({ service, kind: 'page' }, text)
  }
}
