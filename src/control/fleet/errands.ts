// Who carries a command out. An operator may ask any node: abort and rollback are done where they
// are asked for, as they take traffic away; everything else is the business of the node that leads
// and is passed on to it. Where nobody leads, a node does what lowers, and refuses the rest.

import type { Answer, Change, Command, ServiceView, VersionView } from '../../core/command.ts'
import type { Answered, Asked } from '../../core/fleet/message.ts'
import type { FleetPort } from '../fleet-port.ts'
import type { Keeper } from '../keeper.ts'
import { Asks, leaderLacks, leaderless, outOfForm, undecided } from './asks.ts'
import type { Charges } from './charges.ts'

/** Who only looks waits no longer for the node that leads. */
const LOOK_MS = 500

/** A lease that is not renewed is over after 2 s. */
const CHANGE_MS = 5000
const CHANGE_EVERY_MS = 50

export interface ErrandsParts {
  readonly port: FleetPort
  readonly charges: Charges
  /** Of this process, for the ids of questions. */
  readonly run: number
  readonly mayNotRaise: (service: string) => string | null
  readonly lacks: (node: string, service: string) => boolean
  /** Carries out a command that another node was asked for. */
  readonly handle: (command: Command) => Promise<Answer>
  readonly onFault: (text: string, error: unknown) => void
}

export class Errands {
  readonly #parts: ErrandsParts
  readonly #asks: Asks

  constructor(parts: ErrandsParts) {
    const { port, run } = parts
    this.#parts = parts
    this.#asks = new Asks({ node: port.node, run, send: (to, message) => port.send(to, message) })
  }

  /** The answer of whoever has to carry it out; null: this node has to. */
  elsewhere(command: Change, keeper: Keeper): Promise<Answer | null> | null {
    return isForAll(command) ? null : this.#elsewhere(command, keeper)
  }

  /** Between two leaders a command waits for the next one. */
  async #between(command: Change, keeper: Keeper): Promise<void> {
    const { port } = this.#parts
    for (let waitedMs = 0; waitedMs < CHANGE_MS; waitedMs += CHANGE_EVERY_MS) {
      if (port.standing.standing !== 'cut-off' || isLess(command, keeper)) return
      const { awaySinceMs, hindrance } = port.knowledge()
      // What hinders this node nearly always hinders them all.
      if (awaySinceMs !== null || hindrance !== null) return
      await new Promise((resolve) => setTimeout(resolve, CHANGE_EVERY_MS))
    }
  }

  async #elsewhere(command: Change, keeper: Keeper): Promise<Answer | null> {
    const { name } = keeper.config
    const { charges, lacks, mayNotRaise, port } = this.#parts
    await this.#between(command, keeper)
    await charges.take(keeper) // it may lead since a moment
    const charge = charges.of(name)
    const { leader, standing } = port.standing
    // While a new leader has not read the ledger yet it may do what any node may.
    const isAlone = charge === 'own' || standing === 'leading'
    if (charge === 'fleet' || (isAlone && isLess(command, keeper))) return null
    if (standing === 'leading') return { ok: false, problem: undecided(mayNotRaise(name)) }
    if (standing === 'following' && leader !== null) {
      if (!lacks(leader, name)) return this.#asks.ask(leader, command)
      return { ok: false, problem: leaderLacks(leader, name) }
    }
    return { ok: false, problem: leaderless(mayNotRaise(name)) }
  }

  /**
   * A service as who leads sees it: by everybody's counts. As this node sees it where nobody
   * answers soon, or while the two do not stand at the same revision.
   */
  async seen(keeper: Keeper, own: ServiceView): Promise<ServiceView> {
    const { name } = keeper.config
    const { charges, port } = this.#parts
    const { leader } = port.standing
    if (own.rollout === null || leader === null || charges.of(name) !== 'none') return own
    const command = { do: 'service', service: name } as const
    const answer = await this.#asks.ask(leader, command, LOOK_MS)
    if (!answer.ok || answer.answer !== 'service') return own
    const { candidate, revision, rollout, stable } = answer.service
    if (revision !== own.revision) return own
    return {
      ...own,
      rollout,
      stable: withStats(own.stable, stable),
      candidate: withStats(own.candidate, candidate),
    }
  }

  answered(letter: Answered): void {
    this.#asks.answered(letter)
  }

  /** Another node leads, or none: who was asked will not answer any more. */
  follow(leader: string | null): void {
    this.#asks.follow(leader)
  }

  /** Another node asks this one as the leader. */
  async answer({ command, id, node }: Asked): Promise<void> {
    const { port } = this.#parts
    const answer = await this.#answerTo(command)
    port.send(node, { message: 'answered', id, answer })
  }

  async #answerTo(command: Command): Promise<Answer> {
    const { handle, onFault, port } = this.#parts
    const { mayNotRaise, standing } = port.standing
    if (standing !== 'leading') return { ok: false, problem: leaderless(mayNotRaise) }
    try {
      return await handle(command)
    } catch (error) {
      onFault('a command of another node could not be carried out', error)
      return { ok: false, problem: outOfForm((error as Error).message) }
    }
  }
}

/** The fleet's figures; what is about this process (sums since its start, its targets) stays. */
function withStats(own: VersionView | null, fleets: VersionView | null): VersionView | null {
  if (own === null || fleets === null || own.version !== fleets.version) return own
  return { ...own, stats: { ...fleets.stats, inFlight: own.stats.inFlight } }
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
