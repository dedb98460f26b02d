// What all connections of one edge thread share: the board, the routes, the clock, the wheel, and
// the scratch memory of the parsers. One object a thread, handed to everything that carries a
// request.

import { BlockList, isIPv6 } from 'node:net'
import { randomBytes } from 'node:crypto'
import { type Board, wakeControl } from '../board/board.ts'
import { acknowledgeTable, beat } from '../board/liveness.ts'
import { count, latencyLimitUs } from '../board/tallies.ts'
import { TALLY } from '../board/layout.ts'
import type { Table } from '../core/table.ts'
import { RequestHead } from '../http1/request-head.ts'
import { ResponseHead } from '../http1/response-head.ts'
import type { ClientConnection } from './client.ts'
import type { EdgeSettings } from './edge-data.ts'
import type { Judgement } from './record.ts'
import type { Exchange } from './request.ts'
import { buildRoutes, NO_ROUTES, type Routes, type Target } from './routes.ts'
import type { UpstreamConnection } from './upstream.ts'
import { Wheel } from './wheel.ts'

/** How often the thread looks at what is overdue. */
export const TICK_MS = 20

/** As much as Node itself reads at once. */
const READ_BYTES = 65_536

export class Edge {
  readonly board: Board
  readonly thread: number
  readonly requestHead = new RequestHead()
  readonly responseHead = new ResponseHead()
  /** What targets send is read into this one buffer, and used up or copied before the next read. */
  readonly readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)
  readonly wheel: Wheel
  readonly connections = new Set<ClientConnection>()
  readonly tunnels = new Set<Exchange>()
  settings: EdgeSettings
  routes: Routes = NO_ROUTES
  draining = false
  /** Requests that stable answers in the candidate's place, at this moment. */
  rescuesInFlight = 0
  /** The value of a Date field, renewed every second. */
  date = new Date().toUTCString()

  // Exchanges that wait for a response head, the oldest first.
  #oldest: Judgement | null = null
  #newest: Judgement | null = null
  readonly #targets = new Map<number, Target>()
  readonly #idPrefix = `${randomBytes(6).toString('hex')}-`
  #ids = 0
  #trusted: BlockList
  #released: UpstreamConnection[] = []
  #dateMs = 0

  constructor(board: Board, thread: number, settings: EdgeSettings) {
    this.board = board
    this.thread = thread
    this.settings = settings
    this.wheel = new Wheel(this.now())
    this.#trusted = blockListOf(settings.trustedProxies)
  }

  /** Milliseconds of a clock that never goes back. */
  now(): number {
    return performance.now()
  }

  /** An id that is unique over threads and restarts. */
  nextRequestId(): string {
    return this.#idPrefix + (this.#ids++).toString(36)
  }

  isTrusted(address: string): boolean {
    if (this.settings.trustedProxies.length === 0) return false
    return this.#trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }

  useSettings(settings: EdgeSettings): void {
    this.settings = settings
    this.#trusted = blockListOf(settings.trustedProxies)
  }

  useTable(table: Table): void {
    this.routes = buildRoutes(this.board, table, this.#targets)
    acknowledgeTable(this.board, this.thread, table.revision)
  }

  count(slot: number, cell: number): void {
    count(this.board, this.thread, slot, cell)
  }

  /**
   * The target may have this connection again, but only after the loop's turn (see upstream.ts).
   */
  releaseLater(connection: UpstreamConnection): void {
    if (this.#released.push(connection) === 1) setImmediate(() => this.#release())
  }

  #release(): void {
    const released = this.#released
    this.#released = []
    for (const connection of released) connection.becomeIdle()
  }

  /** Adds an exchange whose request is fully sent to those that wait for a response head. */
  awaitHead(exchange: Judgement): void {
    exchange.waiting = true
    exchange.older = this.#newest
    exchange.newer = null
    if (this.#newest === null) this.#oldest = exchange
    else this.#newest.newer = exchange
    this.#newest = exchange
  }

  /** The head has come, or never will. */
  headCame(exchange: Judgement): void {
    if (!exchange.waiting) return
    exchange.waiting = false
    const { newer, older } = exchange
    if (older === null) this.#oldest = newer
    else older.newer = newer
    if (newer === null) this.#newest = older
    else newer.older = older
    exchange.newer = null
    exchange.older = null
  }

  /** The thread's heartbeat: overdue heads, deadlines, the date. */
  tick(): void {
    const now = this.now()
    beat(this.board, this.thread)
    this.#countOverdue(now)
    this.wheel.advance(now)
    if (now - this.#dateMs >= 500) {
      this.#dateMs = now
      this.date = new Date().toUTCString()
    }
  }

  /** A request that hangs counts as slow when it passes the limit, not when it ends at last. */
  #countOverdue(now: number): void {
    for (let exchange = this.#oldest; exchange !== null; exchange = exchange.newer) {
      if (exchange.exceeded || !exchange.isEvidence) continue
      const limitUs = latencyLimitUs(this.board, exchange.slot)
      if (limitUs > 0 && (now - exchange.sentAtMs) * 1000 > limitUs) this.countExceeded(exchange)
    }
  }

  countExceeded(exchange: Judgement): void {
    exchange.exceeded = true
    this.count(exchange.slot, TALLY.exceeded)
    wakeControl(this.board)
  }
}

function blockListOf(addresses: readonly string[]): BlockList {
  const list = new BlockList()
  for (const address of addresses) {
    const [base = '', prefix] = address.split('/')
    const family = isIPv6(base) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(base, family)
    else list.addSubnet(base, Number(prefix), family)
  }
  return list
}
