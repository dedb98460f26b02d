// A simulated Redis: the scripts of src/fleet/scripts.ts without the strings. A server process can
// be replaced by one that has lost the last writes, or all of them; another process at the same key
// begins a new term.

import type { StoreAnswer, StoreProposal } from '../../src/core/fleet/ledger.ts'
import { LEASE_MS } from '../../src/core/fleet/lease.ts'
import { type Position, samePosition } from '../../src/core/fleet/position.ts'
import type { Body, Stored } from '../../src/core/fleet/stored.ts'
import { decisionsOf, holds, type Trail } from './trail.ts'
import { Broken } from './world.ts'

export interface SimBody extends Body {
  readonly trail: Trail | null
}

export interface SimStored extends Stored {
  readonly body: SimBody
}

interface Row extends SimStored {
  readonly term: number
  readonly server: number
  readonly lease: number
}

interface Lease {
  readonly owner: string
  readonly node: string
  readonly number: number
  readonly untilMs: number
}

/** Raises that were accepted; each server's history has its own. */
interface Grant {
  readonly key: string
  readonly id: number
  readonly before: Grant | null
}

interface Memory {
  readonly row: Row | null
  readonly lease: Lease | null
  readonly grants: Grant | null
}

/** What a server knew at a time. */
interface Snapshot extends Memory {
  readonly atMs: number
}

const NOTHING: Memory = { row: null, lease: null, grants: null }

export type LeaseAnswer =
  | { readonly result: 'granted'; readonly number: number }
  | { readonly result: 'refused'; readonly node: string; readonly number: number }

export interface Accepted {
  readonly server: Server
  readonly lease: number | null
  /** What it held before. */
  readonly before: SimStored | null
  readonly stored: SimStored
  /** Not only newer evidence. */
  readonly isNew: boolean
}

interface Hooks {
  readonly onAccepted: (accepted: Accepted) => void
}

export class Server {
  /** The process. */
  readonly run: number
  pausedUntilMs = 0
  /** The process is dead; nothing answers any more. */
  isGone = false
  #memory: Memory
  readonly #aheadMs: number
  /** Below 1000. */
  readonly #salt: number
  readonly #past: Snapshot[] = []
  readonly #onAccepted: (accepted: Accepted) => void

  constructor(run: number, options: { memory?: Memory; aheadMs: number; salt: number } & Hooks) {
    this.run = run
    this.#aheadMs = options.aheadMs
    this.#salt = options.salt
    this.#memory = options.memory ?? NOTHING
    this.#onAccepted = options.onAccepted
  }

  /** What another process starts with that has lost all that was written since then. */
  memoryAt(atMs: number): Memory {
    return this.#past.findLast((one) => one.atMs <= atMs) ?? NOTHING
  }

  get stored(): SimStored | null {
    return this.#memory.row
  }

  /**
   * Terms are of the server's time, with a number of the process behind it: two that know nothing
   * of each other begin no same one.
   */
  #termAfter(known: number, nowMs: number): number {
    return Math.max(known, (nowMs + this.#aheadMs) * 1000) + 1 + this.#salt
  }

  #look(knownTerm: number, nowMs: number): Row | null {
    const { row } = this.#memory
    if (row === null || (row.server === this.run && knownTerm <= row.term)) return row
    const term = this.#termAfter(Math.max(row.term, knownTerm), nowMs)
    const next = { ...row, term, server: this.run, base: row.position }
    this.#memory = { ...this.#memory, row: next }
    return next
  }

  read(knownTerm: number, nowMs: number): SimStored | null {
    return this.#look(knownTerm, nowMs)
  }

  propose(
    proposal: StoreProposal & { readonly body: SimBody },
    { writer, nowMs }: { writer: string; nowMs: number },
  ): StoreAnswer {
    const { body, expected, knownTerm, lease } = proposal
    const held = this.#look(knownTerm, nowMs)
    if (held !== null && lease !== null && lease < held.lease) {
      return { result: 'fenced', lease: held.lease, stored: held }
    }
    if (!samePosition(held?.position ?? null, expected)) return { result: 'conflict', stored: held }
    const { epoch } = body.document.state
    if (held !== null && epoch < held.position.epoch) {
      throw new Broken(`${writer} proposes revision ${epoch} behind ${held.position.epoch}`)
    }
    const term = held?.term ?? this.#termAfter(knownTerm, nowMs)
    // What is begun by who knows nothing is of term 1: below whatever others may put back.
    const first = held === null && knownTerm === 0 ? { term: 1, epoch, writer } : null
    const isNew = held === null || epoch !== held.position.epoch
    const row: Row = {
      term,
      server: this.run,
      lease: Math.max(held?.lease ?? 0, lease ?? 0),
      base: held?.base ?? first,
      position: first ?? (isNew ? { term, epoch, writer } : held.position),
      save: (held?.save ?? 0) + 1,
      body,
    }
    const isExpected = samePosition(held?.position ?? null, expected)
    const grants = isNew ? this.#grantsAfter(body.trail, { held, isExpected }) : this.#memory.grants
    this.#memory = { ...this.#memory, row, grants }
    this.#past.push({ atMs: nowMs, ...this.#memory })
    this.#onAccepted({ server: this, lease, before: held, stored: row, isNew })
    return { result: 'accepted', position: row.position, save: row.save }
  }

  /**
   * Each raise of a rollout is granted once in a history, whoever asks for it. What is put back
   * brings its own history.
   */
  #grantsAfter(
    trail: Trail | null,
    { held, isExpected }: { held: Row | null; isExpected: boolean },
  ): Grant | null {
    const before = held?.body.trail ?? null
    const isPutBack = before !== null && isExpected && !holds(trail, before.id)
    let grants = isPutBack ? null : this.#memory.grants
    for (const { grant, id } of decisionsOf(trail)) {
      if (id === before?.id) break
      if (grant === null) continue
      const known = grantOf(grants, grant)
      if (known !== null && known.id !== id) {
        throw new Broken(`two raises were granted for ${grant}: decisions ${known.id} and ${id}`)
      }
      if (known === null) grants = { key: grant, id, before: grants }
    }
    return grants
  }

  hold(asker: { owner: string; node: string; known: number }, nowMs: number): LeaseAnswer {
    const { known, node, owner } = asker
    const held = this.#memory.lease
    const number = held?.number ?? 0
    const isOver = held === null || held.untilMs <= nowMs
    const isMine = held !== null && held.owner === owner && number >= known
    if (held !== null && !isOver && held.owner !== owner) {
      if (known <= number) return { result: 'refused', node: held.node, number }
      // Who knows of a later lease than this server would not listen to its holder.
      this.#memory = { ...this.#memory, lease: { ...held, number: known + 1 } }
      return { result: 'refused', node: held.node, number: known + 1 }
    }
    const next = isMine && !isOver ? number : Math.max(number, known) + 1
    const lease = { owner, node, number: next, untilMs: nowMs + LEASE_MS }
    this.#memory = { ...this.#memory, lease }
    if (number !== next) this.#past.push({ atMs: nowMs, ...this.#memory })
    return { result: 'granted', number: next }
  }

  position(knownTerm: number, nowMs: number): { position: Position; save: number } | null {
    return this.#look(knownTerm, nowMs)
  }
}

function grantOf(grants: Grant | null, key: string): Grant | null {
  for (let one = grants; one !== null; one = one.before) if (one.key === key) return one
  return null
}
