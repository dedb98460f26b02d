// All that control knows of whether targets are well comes together here: the counters of the edge
// threads, the health checks, and the connections that are tried before a candidate's first raise.
// It asks core/health.ts what follows, writes the shares on the board and a line in the journal,
// and says what a raise by hand must wait for.

import type { Board } from '../board/board.ts'
import type { Change } from '../core/command.ts'
import type { TargetCounts } from '../core/facts.ts'
import { isOut } from '../core/health.ts'
import type { CheckState } from '../core/health-check.ts'
import type { Problem } from '../core/problem.ts'
import type { ServiceState } from '../core/service.ts'
import type { Connect } from './check-request.ts'
import type { Clock } from './clock.ts'
import type { Found, HealthChange } from './gauge.ts'
import { HealthChecks } from './health-checks.ts'
import type { JournalFile } from './journal-file.ts'
import type { Keeper } from './keeper.ts'
import { Reach } from './reach.ts'
import type { Residency, ResidentVersion } from './residency.ts'

/** What a question's own time limit may be late by. */
const GRACE_MS = 100
/** An operator's command is answered within 5 s, and this is only a part of it. */
const LONGEST_PROOF_MS = 3000

export interface TargetsParts {
  readonly board: Board
  readonly clock: Clock
  readonly journal: JournalFile
  readonly residency: Residency
  readonly random: () => number
  readonly connect: Connect
  readonly connectMs: () => number
  /** Something new is known of the targets of a version, between two looks. */
  readonly onFound: (version: ResidentVersion) => void
  readonly onFault: (text: string, error: unknown) => void
}

/** Whether a target is ready for its first requests, as far as is known. */
interface Readiness {
  readonly word: CheckState['word']
  /** What is to be said against it, to follow its name. */
  readonly text: string
}

/** What the journal says of a target; null when there is nothing to say. */
function sentenceOf({ health, was }: HealthChange, by: { isReached: boolean; now: number }) {
  const { cause, reason, standing, untilMs } = health
  if (standing === 'healthy') {
    if (isOut(was)) return 'is back'
    if (was.cause !== 'connect') return 'is well again'
    // That nobody tries any more is no news of the target.
    return by.isReached ? 'can be connected to' : null
  }
  if (standing === 'failing') {
    const stays = cause === 'connect' ? '' : ', but stays as too few others are left'
    return `fails as ${reason}${stays}`
  }
  const span = standing === 'ejected' ? ` for ${Math.round((untilMs - by.now) / 1000)} s` : ''
  return `is left out${span} as ${reason}`
}

function unreachable(what: string): Problem {
  return {
    status: 409,
    code: 'target-unreachable',
    title: 'Target unreachable',
    detail: `Cannot raise the weight as ${what}. Force raises it all the same`,
  }
}

/** Whether a command sends a candidate its first requests, and leaves the proof to us. */
function asksForProof({ weight }: ServiceState, command: Change): boolean {
  if (weight > 0) return false
  if (command.do === 'weight') return command.weight > 0 && !command.force
  return command.do === 'promote' && !command.full
}

function overtaken(): Problem {
  return {
    status: 409,
    code: 'overtaken',
    title: 'Overtaken',
    detail:
      'Cannot raise the weight as another command came while the targets of the candidate were ' +
      'tried: try again',
  }
}

export class Targets {
  readonly #parts: TargetsParts
  readonly #checks: HealthChecks
  readonly #reach: Reach
  /** How many commands there were that waited for no proof. */
  readonly #commands = new WeakMap<Keeper, number>()

  constructor(parts: TargetsParts) {
    this.#parts = parts
    const { clock, connect, connectMs, onFound, random } = parts
    this.#checks = new HealthChecks({ random, onChange: onFound })
    const now = (): number => clock.now()
    this.#reach = new Reach({ connect, timeoutMs: connectMs, now, onFound })
  }

  /** A table was built: other targets may be there, or other rules for them. */
  follow(keepers: readonly Keeper[]): void {
    const all = keepers.flatMap((keeper) =>
      [...this.#parts.residency.versionsOf(keeper.config.name)].map((version) => ({
        ...{ keeper, version },
        rules: keeper.config.healthCheck,
      })),
    )
    this.#checks.follow(all)
    // A target that has just been added begins its slow start now, not after its first second.
    for (const { keeper, version } of all) this.judge(keeper, version)
  }

  /** Judges the targets of a version by all that is known, and acts. */
  judge(keeper: Keeper, version: ResidentVersion): void {
    const { board, clock, journal } = this.#parts
    const now = clock.now()
    const { gauge, targets } = version
    const changes = gauge.judgeTargets(board, {
      ...{ targets, now },
      rules: keeper.config.health,
      found: (url) => this.#foundOf(version, url),
    })
    for (const change of changes) {
      const { target } = change
      const sentence = sentenceOf(change, {
        isReached: this.#readinessOf(version, target).word === 'well',
        now,
      })
      if (sentence === null) continue
      void journal.append({
        kind: 'target',
        service: keeper.config.name,
        epoch: keeper.document.state.epoch,
        text: `target ${target} of ${version.name} ${sentence}`,
        by: 'node',
      })
    }
  }

  /** The targets of a candidate; before its first raise with those that nobody has reached yet. */
  candidateCounts(state: ServiceState, version: ResidentVersion): TargetCounts {
    const counts = version.gauge.targetCounts(version.targets)
    if (state.weight > 0) return counts
    const urls = [...version.targets.keys()]
    const unproven = urls.filter((url) => this.#readinessOf(version, url).word !== 'well').length
    return unproven === 0 ? counts : { ...counts, unproven }
  }

  /** Begins to find out what the first raise of a rollout waits for. */
  look({ document }: Keeper): void {
    const { state } = document
    const { rollout, service } = state
    if (rollout?.phase !== 'proving' || rollout.pause !== null) return
    const candidate = this.#parts.residency.version(service, state.candidate)
    if (candidate === undefined) return
    this.#prove(candidate).catch((error: unknown) => {
      this.#parts.onFault(`the targets of ${service} cannot be tried`, error)
    })
  }

  /**
   * What a command must wait for that sends a candidate its first requests: whether its targets are
   * there. Null when it need not wait; `force` and `full` do not ask. Resolves within some seconds
   * with the problem, or null. Must be asked for every command, as one that need not wait overtakes
   * those that do: an abort, or a weight of 0, is not undone by what was said before it.
   */
  proofFor(keeper: Keeper, command: Change): Promise<Problem | null> | null {
    const { state } = keeper.document
    const { residency } = this.#parts
    const version = residency.version(state.service, state.candidate)
    const waits =
      version !== undefined &&
      asksForProof(state, command) &&
      // Else it is refused for another reason.
      residency.isAcknowledged(state.service, state.candidate)
    if (waits) return this.#whyNot(keeper, version)
    this.#commands.set(keeper, this.#commandsOf(keeper) + 1)
    return null
  }

  close(): void {
    this.#checks.close()
  }

  async #whyNot(keeper: Keeper, version: ResidentVersion): Promise<Problem | null> {
    const { residency } = this.#parts
    const before = this.#commandsOf(keeper)
    await this.#proveInTime(keeper, version)
    const { candidate, service } = keeper.document.state
    // The file may have named another candidate, too.
    const isSame = residency.version(service, candidate) === version
    if (!isSame || this.#commandsOf(keeper) !== before) return overtaken()
    this.judge(keeper, version)
    for (const url of version.targets.keys()) {
      const { text, word } = this.#readinessOf(version, url)
      if (word !== 'well') return unreachable(`target ${url} of ${version.name} ${text}`)
    }
    return null
  }

  #commandsOf(keeper: Keeper): number {
    return this.#commands.get(keeper) ?? 0
  }

  #prove(candidate: ResidentVersion): Promise<void> {
    if (this.#checks.isChecked(candidate)) return this.#checks.hurry(candidate)
    return this.#reach.look(candidate)
  }

  /** However many targets there are, and whatever stands in line before them. */
  async #proveInTime({ config }: Keeper, version: ResidentVersion): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const oneMs = config.healthCheck?.timeoutMs ?? this.#parts.connectMs()
    const timer = setTimeout(resolve, Math.min(oneMs + GRACE_MS, LONGEST_PROOF_MS))
    await Promise.race([this.#prove(version), late])
    clearTimeout(timer)
  }

  #foundOf(version: ResidentVersion, url: string): Found {
    const check = this.#checks.stateOf(version, url)
    const reached = check === null ? this.#reach.of(version, url) : null
    return { check, unreached: reached?.reason ?? '' }
  }

  #readinessOf(version: ResidentVersion, url: string): Readiness {
    const { check } = this.#foundOf(version, url)
    if (check !== null) {
      if (check.word === 'unknown') return { word: 'unknown', text: 'was not checked in time' }
      // One failure takes nobody out, but it is no good moment to begin either.
      const isWell = check.word === 'well' && check.lastGood
      return { word: isWell ? 'well' : 'bad', text: `is not well: ${check.reason}` }
    }
    const reached = this.#reach.of(version, url)
    if (reached === null) return { word: 'unknown', text: 'could not be connected to in time' }
    const text = `cannot be connected to: ${reached.reason}`
    return { word: reached.good ? 'well' : 'bad', text }
  }
}
