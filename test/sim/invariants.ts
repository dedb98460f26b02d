// What must hold in the simulated fleet behind every event, and at its end. The invariants know all
// nodes and all servers at once, as nobody in the fleet does.
//
// - No node sends a version more than the ledger has granted it, be it cut off or not.
// - A raise is granted only to a holder of the lease, and once in a history (redis.ts looks at
//   that); and a rollout that the history knows to have ended never runs in it again.
// - A node that knows of a rollout's end sends its candidate nothing any more.
// - A node's revision never goes back, and never means two things.
// - Nothing that a node has counted is in the evidence twice.
// - What an operator was told is done is in force at the end, or was said to be lost.
// - All nodes are equal in the end.

import { countedFor } from '../../src/core/counters.ts'
import type { Effect, ServiceDocument } from '../../src/core/events.ts'
import { NOWHERE, raisesOver, sharesOf } from '../../src/core/fleet/adopt.ts'
import { samePosition } from '../../src/core/fleet/position.ts'
import type { ServiceState, Tombstone } from '../../src/core/service.ts'
import { FULL_WEIGHT } from '../../src/core/weight.ts'
import { type Row, rowOf, type Told } from './keeper.ts'
import type { SimNode, Watch } from './node.ts'
import type { Accepted, Server } from './redis.ts'
import type { Traffic } from './traffic.ts'
import { holds, type Trail } from './trail.ts'
import { Broken, type World } from './world.ts'

/** What was known of a node when it was looked at last. */
interface Seen {
  run: number
  state: ServiceState | null
  row: Row | null
  /** Rollouts whose end this process has seen. */
  readonly ended: Set<string>
}

interface Promised {
  readonly id: number
  readonly node: string
  readonly epoch: number
  readonly event: string
}

export class Invariants implements Watch {
  readonly #world: World
  readonly #traffic: Traffic
  readonly #seen = new Map<string, Seen>()
  /** By rollout and version: the largest share that a ledger has granted. */
  readonly #granted = new Map<string, number>()
  /** Versions that a ledger has given all requests to. */
  readonly #stables = new Set<string>()
  readonly #promised: Promised[] = []
  /** Ends that an operator was told of, or that a ledger held. */
  readonly #ends = new Map<string, Tombstone>()
  readonly #said: string[] = []
  /** Whatever was written by this node with this revision, in whichever history. */
  readonly #written = new Map<string, Trail[]>()
  #ids = 0
  #accepted = 0

  constructor(world: World, traffic: Traffic) {
    this.#world = world
    this.#traffic = traffic
  }

  get summary(): { decisions: number; accepted: number; promised: number; ends: number } {
    const [promised, ends] = [this.#promised.length, this.#ends.size]
    return { decisions: this.#ids, accepted: this.#accepted, promised, ends }
  }

  // --- what is told ----------------------------------------------------------------------------

  nextId(): number {
    return ++this.#ids
  }

  onDecided(node: SimNode, change: { before: ServiceDocument; after: ServiceDocument }): void {
    const stone = endOf(change)
    if (stone !== null) this.#seenOf(node).ended.add(keyOf(stone))
  }

  onSaid({ name }: SimNode, effect: Effect): void {
    if (effect.effect !== 'journal' && effect.effect !== 'page') return
    this.#said.push(effect.text)
    this.#world.note(() => `${name} says: ${effect.text}`)
  }

  onTold({ name }: SimNode, { epoch, event, id, lasts, stone }: Parameters<Told>[0]): void {
    if (!lasts) return
    if (stone !== null) this.#ends.set(keyOf(stone), stone)
    else this.#promised.push({ id, node: name, epoch, event: event.event })
  }

  onAccepted(accepted: Accepted): void {
    const { before, isNew, stored } = accepted
    this.#accepted++
    const { document, trail } = stored.body
    const { state } = document
    if (isNew) this.#lookAtLease(accepted)
    if (isNew && trail !== null) {
      const { epoch, writer } = stored.position
      const key = `${epoch} ${writer}`
      this.#written.set(key, [...(this.#written.get(key) ?? []), trail])
    }
    if (state.stable !== null) this.#stables.add(state.stable)
    // At 100 % it makes no difference to a request whether its version is stable.
    if (state.candidate !== null && state.weight === FULL_WEIGHT) this.#stables.add(state.candidate)
    if (state.rollout !== null) {
      const key = `${state.rollout.id} ${state.candidate}`
      this.#granted.set(key, Math.max(this.#granted.get(key) ?? 0, state.weight))
    }
    const known = new Set((state.tombstones ?? []).map(keyOf))
    for (const stone of before?.body.document.state.tombstones ?? []) {
      if (!known.has(keyOf(stone)))
        throw new Broken(`the ledger forgets the end of ${keyOf(stone)}`)
    }
    for (const stone of state.tombstones ?? []) this.#ends.set(keyOf(stone), stone)
    this.#checkEvidence(document)
  }

  /** Who raises holds the lease. What is put back was granted before. */
  #lookAtLease({ before, lease, stored }: Accepted): void {
    const { state } = stored.body.document
    const held = before === null ? NOWHERE : sharesOf(before.body.document.state)
    if (lease !== null || !raisesOver(held, sharesOf(state))) return
    const { candidate, rollout, weight } = state
    const granted = this.#granted.get(`${rollout?.id} ${candidate}`) ?? 0
    if (weight <= granted) return
    const { writer } = stored.position
    throw new Broken(`${writer} has no lease and gives ${candidate} ${weight / 100} %`)
  }

  #checkEvidence({ evidence, state }: ServiceDocument): void {
    if (evidence === null || state.rollout === null) return
    const counted = this.#traffic.counted.get(countedFor(state.rollout)) ?? 0
    const { requests } = evidence.candidate
    if (requests > counted) {
      throw new Broken(`${requests} requests are in the evidence, and ${counted} were counted`)
    }
  }

  // --- behind every event ----------------------------------------------------------------------

  #seenOf({ name, run }: SimNode): Seen {
    const known = this.#seen.get(name)
    if (known !== undefined && known.run === run) return known
    const seen = { run, state: null, row: null, ended: new Set<string>() }
    this.#seen.set(name, seen)
    return seen
  }

  look(nodes: readonly SimNode[]): void {
    for (const node of nodes) {
      const { keeper } = node
      if (keeper === null) continue
      const seen = this.#seenOf(node)
      const { state } = keeper.document
      if (state !== seen.state) {
        this.#lookAtState(node, { before: seen.state, state })
        seen.state = state
      }
      if (keeper.row !== seen.row) {
        this.#lookAtRow(node, { before: seen.row, row: keeper.row })
        seen.row = keeper.row
      }
      this.#lookForGhosts(node, keeper.row, state)
    }
  }

  /** Whose end is known here gets no request, unless another rollout of it runs by now. */
  #lookForGhosts(node: SimNode, row: Row, state: ServiceState): void {
    const { ended } = this.#seenOf(node)
    const { candidate, rollout, stable, weight } = row
    if (weight === 0 || ended.size === 0 || !ended.has(`${rollout} ${candidate}`)) return
    const isAnew =
      state.rollout !== null &&
      state.candidate === candidate &&
      state.weight >= weight &&
      !ended.has(`${state.rollout.id} ${candidate}`)
    // It is stable by now, or was so since, and a person was told; or there is nowhere else to go.
    // Where stable is another one now, too, it may have to become resident first.
    const isStable = candidate === state.stable || candidate === state.previous?.version
    const isOnTheWay = state.stable !== stable && node.keeper?.isIdle === false
    if (isAnew || isStable || stable === null || isOnTheWay) return
    throw new Broken(`${node.name} knows of the end of ${rollout} and sends ${candidate} requests`)
  }

  #lookAtState(
    node: SimNode,
    { before, state }: { before: ServiceState | null; state: ServiceState },
  ): void {
    const { ended } = this.#seenOf(node)
    for (const stone of state.tombstones ?? []) ended.add(keyOf(stone))
    const { candidate, rollout, stable, weight } = state
    const isEnded = rollout !== null && ended.has(`${rollout.id} ${candidate}`)
    if (isEnded && !(stable === null && weight > 0)) {
      throw new Broken(`on ${node.name} ${rollout.id} of ${candidate} has ended and runs again`)
    }
    if (before === null || before.epoch < state.epoch) return
    if (before.epoch > state.epoch) {
      throw new Broken(`${node.name} goes back from revision ${before.epoch} to ${state.epoch}`)
    }
    if (gist(before) !== gist(state)) {
      throw new Broken(
        `on ${node.name} revision ${state.epoch} is ${gist(state)} and was ${gist(before)}`,
      )
    }
  }

  #lookAtRow(node: SimNode, { before, row }: { before: Row | null; row: Row }): void {
    if (before === null) return
    const { candidate, rollout, stable, weight } = row
    const isMore = raisesOver({ ...before, previous: null }, row)
    if (!isMore) return
    if (weight > (this.#granted.get(`${rollout} ${candidate}`) ?? 0)) {
      throw new Broken(
        `${node.name} sends ${candidate} ${weight / 100} %, which nobody has granted`,
      )
    }
    const agreed = node.keeper?.replica.copy.kept.agreed
    if (agreed !== undefined && raisesOver(agreed, row)) {
      throw new Broken(
        `${node.name} raises to ${candidate} ${weight / 100} % before it knows that it may`,
      )
    }
    if (stable !== null && stable !== before.stable && !this.#stables.has(stable)) {
      throw new Broken(`${node.name} has made ${stable} stable alone`)
    }
  }

  // --- at the end ------------------------------------------------------------------------------

  /** What keeps the fleet from being equal; null when it is. */
  unequal(nodes: readonly SimNode[], server: Server): string | null {
    const { stored } = server
    if (stored === null) return 'the ledger holds nothing'
    const text = textOf(stored.body.document.state)
    let leading = 0
    for (const node of nodes) {
      const { keeper, name } = node
      if (keeper === null) return `${name} is dead`
      const { standing } = node.standing()
      if (standing === 'cut-off') return `${name} is cut off`
      if (standing === 'leading') leading++
      const { replica, row } = keeper
      if (!keeper.isIdle) return `${name} is busy`
      if (replica.isDirty) return `${name} has decided something alone`
      if (!samePosition(replica.confirmed, stored.position)) return `${name} is at another revision`
      if (textOf(keeper.document.state) !== text) return `${name} has another state`
      if (JSON.stringify(row) !== JSON.stringify(rowOf(keeper.document))) {
        return `${name} has another row: ${JSON.stringify(row)}`
      }
    }
    return leading === 1 ? null : `${leading} nodes lead`
  }

  /** What has to be true of the state that all nodes have come to. */
  lookAtEnd(server: Server): void {
    const { stored } = server
    if (stored === null) throw new Broken('the ledger holds nothing')
    const { document, trail } = stored.body
    for (const stone of this.#ends.values()) this.#lookAtStone(stone, document.state)
    for (const promised of this.#promised) this.#lookAtPromise(promised, trail)
  }

  #lookAtStone(stone: Tombstone, state: ServiceState): void {
    const key = keyOf(stone)
    const { candidate, previous, rollout, stable, weight } = state
    if (!(state.tombstones ?? []).some((known) => keyOf(known) === key)) {
      throw new Broken(`nobody knows any more that ${key} has ended`)
    }
    const runs = rollout !== null && `${rollout.id} ${candidate}` === key
    if (runs && !(stable === null && weight > 0)) throw new Broken(`${key} has ended and runs`)
    const isStable = stable === stone.version && previous?.rollout === stone.rollout
    if (isStable && !this.#said.some((text) => text.includes(`though rollout ${stone.rollout}`))) {
      throw new Broken(`${key} has ended and is stable, and nobody was told`)
    }
  }

  #lookAtPromise({ epoch, event, id, node }: Promised, trail: Trail | null): void {
    if (holds(trail, id)) return
    if (this.#said.some((text) => text.startsWith(`revision ${epoch} of ${node} does not hold`))) {
      return
    }
    for (const text of this.#said) {
      const [, revision, writer] = /^revision (\d+), decided on (\S+), (?:was|may)/.exec(text) ?? []
      const written = this.#written.get(`${revision} ${writer}`) ?? []
      if (written.some((one) => holds(one, id))) return
    }
    throw new Broken(`${event} #${id}, revision ${epoch} of ${node}, is lost, and nobody was told`)
  }
}

function keyOf({ rollout, version }: Pick<Tombstone, 'rollout' | 'version'>): string {
  return `${rollout} ${version}`
}

/** The end for the worse that a decision is; null when it is none. */
function endOf({
  after,
  before,
}: {
  before: ServiceDocument
  after: ServiceDocument
}): { rollout: string; version: string } | null {
  const { candidate, rollout } = before.state
  const { ended } = after.state
  if (rollout === null || candidate === null || ended?.id !== rollout.id) return null
  return ended.ending === 'promoted' ? null : { rollout: rollout.id, version: candidate }
}

/** Of a state all that a revision stands for. */
function gist({ candidate, rollout, stable, weight }: ServiceState): string {
  const runs = rollout === null ? 'idle' : `${rollout.id} ${rollout.phase} ${rollout.step}`
  return `${stable}/${candidate} ${weight / 100} % ${runs}`
}

/** What is told of a hold is no decision. */
function textOf(state: ServiceState): string {
  const { rollout } = state
  return JSON.stringify({ ...state, rollout: rollout === null ? null : { ...rollout, held: null } })
}
