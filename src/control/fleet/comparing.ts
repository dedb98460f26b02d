// Once a second what the ledger holds is compared with what is known here: a lost message is made
// up for, and what Redis has lost is seen. And who has joined meanwhile is noticed, as he has not
// heard what was said before.

import type { Position } from '../../core/fleet/position.ts'
import type { FleetPort } from '../fleet-port.ts'
import type { Keeper } from '../keeper.ts'

const COMPARE_MS = 1000
/** Services of which no place was told that are read in one round. */
const UNTOLD_MAX = 20

export interface ComparingParts {
  readonly port: FleetPort
  readonly keepers: ReadonlyMap<string, Keeper>
  /** The ledger's place of a service is this; null: it holds nothing; undefined: none was told. */
  readonly onHeld: (
    keeper: Keeper,
    held: { position: Position; save: number } | null | undefined,
  ) => void
  readonly onNewcomers: () => void
  /** All that was told has been compared. */
  readonly onCompared: () => void
  readonly onFault: (text: string, error: unknown) => void
}

export class Comparing {
  readonly #parts: ComparingParts
  #timer: NodeJS.Timeout | undefined
  #isUnderWay = false
  /** Where the next look begins among the services. */
  #first = 0
  /** The live nodes that were seen last. */
  #others: ReadonlySet<string> = new Set()

  constructor(parts: ComparingParts) {
    this.#parts = parts
  }

  start(): void {
    this.#timer = setInterval(() => void this.now(), COMPARE_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Compares now, unless that is under way. */
  async now(): Promise<void> {
    if (this.#isUnderWay) return
    this.#isUnderWay = true
    const { keepers, onCompared, onFault, onHeld, port } = this.#parts
    try {
      this.#lookForNewcomers()
      const names = [...keepers.keys()]
      this.#first = names.length === 0 ? 0 : (this.#first + UNTOLD_MAX) % names.length
      const asked = [...names.slice(this.#first), ...names.slice(0, this.#first)]
      const held = await port.positions(asked)
      let untold = 0
      for (const service of asked) {
        const keeper = keepers.get(service)
        const isTold = held.has(service)
        // Redis is away, or what it holds is damaged; all are read in turn, not all in one second.
        if (!isTold && (port.knowledge().awaySinceMs !== null || ++untold > UNTOLD_MAX)) continue
        if (keeper !== undefined) onHeld(keeper, held.get(service))
      }
      onCompared()
    } catch (error) {
      onFault('the documents of the fleet could not be compared', error)
    } finally {
      this.#isUnderWay = false
    }
  }

  #lookForNewcomers(): void {
    const others = new Set(this.#parts.port.others())
    const hasNewcomers = [...others].some((node) => !this.#others.has(node))
    this.#others = others
    if (hasNewcomers) this.#parts.onNewcomers()
  }
}
