// Carries out a command that changes something, on the node whose business it is: what it asks for
// is read, what it must wait for is waited for, it is decided by all that was counted until now,
// and answered when it has been done and the other nodes of a fleet had the time to follow.

import type { Answer, Change, ServiceView } from '../core/command.ts'
import type { RolloutEvent } from '../core/events.ts'
import type { Problem } from '../core/problem.ts'
import { eventOf, type ParseStrategy } from './command-event.ts'
import type { Shared } from './fleet/shared.ts'
import type { Keeper } from './keeper.ts'
import type { Loop } from './loop.ts'
import { busy, overtaken, refused, unsaved } from './problems.ts'
import type { Residency } from './residency.ts'
import type { Targets } from './targets.ts'

export interface ChangesParts {
  readonly parseStrategy: ParseStrategy
  readonly loop: Loop
  readonly residency: Residency
  readonly targets: Targets
  /** The fleet that this node belongs to; null: it works alone. */
  readonly shared: Shared | null
  readonly view: (keeper: Keeper) => ServiceView
}

export class Changes {
  readonly #parts: ChangesParts

  constructor(parts: ChangesParts) {
    this.#parts = parts
  }

  async change(keeper: Keeper, command: Change): Promise<Answer> {
    const { loop, parseStrategy, shared, targets, view } = this.#parts
    // What takes the candidate out is never refused; after it there is nothing left to take out.
    const rescues = command.do === 'abort' || command.do === 'rollback'
    const read = eventOf(command, { keeper, parseStrategy })
    if ('problem' in read) return refused(read.problem)
    const proof = targets.proofFor(keeper, command)
    const unfit = proof === null ? null : await proof
    if (unfit !== null) return refused(unfit)
    if (keeper.isBusy && !rescues) return refused(busy(command.service))
    const full = this.#noRoom(command, read.event)
    if (full !== null) return refused(full)
    // What was counted until now belongs to what stood until now, and the answer should know it.
    loop.pass()
    loop.survey(keeper)
    const decided = keeper.decide(read.event)
    if ('refused' in decided) return refused(decided.refused)
    keeper.lookedAt()
    const fate = await decided.done
    if (fate === 'taken back') return refused(unsaved(keeper.failure))
    // An end for the worse holds, whatever others have decided.
    if (fate === 'overtaken' && !rescues) return refused(overtaken(command.service))
    const convergence = (await shared?.settled(keeper)) ?? null
    const { note } = decided
    return { ok: true, answer: 'service', service: view(keeper), note, convergence }
  }

  #noRoom(command: Change, event: RolloutEvent): Problem | null {
    if (event.event !== 'deploy' && event.event !== 'targets') return null
    const version = { name: event.version, targets: event.targets.length }
    return this.#parts.residency.roomFor(command.service, version)
  }
}
