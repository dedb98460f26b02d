// What all connections of one edge thread share: the board, the routes, the clock, the wheel, and
// the scratch memory of the parsers. One object a thread, handed to everything that carries a
// request.

import { BlockList, isIPv6 } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { MessagePort } from 'node:worker_threads'
import type { Board } from '../board/board.ts'
import { acknowledgeTable, beat } from '../board/liveness.ts'
import { count, countBoth } from '../board/tallies.ts'
import { requestMemoryMs } from '../core/facts.ts'
import type { Table } from '../core/table.ts'
import { ForwardedBy, type ForwardingRules, forwardingRules } from '../http1/forward.ts'
import { RequestHead, type RequestLimits } from '../http1/request-head.ts'
import { ResponseHead } from '../http1/response-head.ts'
import { inOnePiece } from '../http1/values.ts'
import { AccessLog } from './access-log.ts'
import type { ClientConnection } from './client.ts'
import type { EdgeSettings, FromEdge } from './edge-data.ts'
import { FailedRequests } from './failed-requests.ts'
import { LatencyLimits } from './latency-limits.ts'
import { MirrorLine } from './mirror-line.ts'
import type { Judgement } from './record.ts'
import { RequestIds } from './request-ids.ts'
import { buildRoutes, NO_ROUTES, type Routes, type Target } from './routes.ts'
import type { Tunnel } from './tunnel.ts'
import { Turns } from './turns.ts'
import { Wheel } from './wheel.ts'

/** How often the thread looks at what is overdue. */
export const TICK_MS = 20

/** A tick that comes so late says that the loop has stood still. */
const STANDSTILL_MS = 100

/** The last lines of an access log that is switched off get so long. */
const LOG_CLOSE_MS = 5000
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
  readonly turns = new Turns(() => this.now())
  readonly connections = new Set<ClientConnection>()
  readonly tunnels = new Set<Tunnel>()
  settings: EdgeSettings
  requestLimits: RequestLimits
  forwarding: ForwardingRules
  accessLog: AccessLog | null
  /** Where copies of requests go; null until the first mirroring. */
  mirror: MirrorLine | null = null
  /** Tells the main thread what it should know. */
  tell: (word: FromEdge) => void = () => undefined
  readonly failedRequests = new FailedRequests((failed) => this.tell({ say: 'failed', ...failed }))
  routes: Routes = NO_ROUTES
  draining = false
  /** Requests of this thread so far. */
  exchanges = 0
  /** Requests that stable answers in the candidate's place at this moment, by stable's slot. */
  readonly rescuesInFlight = new Map<number, number>()
  /** The tick in which stable had no room for a rescue, by the service's cell. */
  readonly noRescueAtMs = new Map<number, number>()
  /** The value of a Date field, renewed every second. */
  date = new Date().toUTCString()
  /** The field as a line. */
  dateLine = inOnePiece(`Date: ${this.date}\r\n`)
  /** When the last tick was: a time that costs nothing to read, and is a tick old at most. */
  tickedMs: number
  /** When somebody last looked at the clock: the same, but at most a turn old under traffic. */
  recentMs = 0
  readonly latencyLimits: LatencyLimits

  // Exchanges that wait for a response head, the oldest first.
  #oldest: Judgement | null = null
  #newest: Judgement | null = null
  readonly #targets = new Map<number, Target>()
  readonly #requestIds = new RequestIds()
  #trusted: BlockList
  #dribbling = new Set<ClientConnection>()
  #dateMs = 0

  constructor(board: Board, thread: number, settings: EdgeSettings) {
    this.board = board
    this.thread = thread
    this.settings = settings
    this.tickedMs = this.now()
    this.latencyLimits = new LatencyLimits(this.board)
    this.wheel = new Wheel(this.tickedMs)
    this.#trusted = blockListOf(settings.trustedProxies)
    this.requestLimits = { ...settings.limits, ...settings.accept }
    this.forwarding = forwardingRules(settings.forwarding)
    this.accessLog = this.#openLog()
  }

  /** Milliseconds of a clock that never goes back. */
  now(): number {
    const nowMs = performance.now()
    this.recentMs = nowMs
    return nowMs
  }

  /** An id that is unique over threads and restarts. */
  nextRequestId(): string {
    return this.#requestIds.next()
  }

  /** Who speaks on a connection, by the address that the system knows. */
  peer(remote: string): ForwardedBy {
    const address = remote.startsWith('::ffff:') ? remote.slice(7) : remote
    return new ForwardedBy(address, 'http', this.isTrusted(address))
  }

  /** The same peer: a reload may have changed whether it is trusted. */
  peerNow(by: ForwardedBy): ForwardedBy {
    const trusted = this.isTrusted(by.address)
    return trusted === by.trusted ? by : new ForwardedBy(by.address, by.proto, trusted)
  }

  isTrusted(address: string): boolean {
    if (this.settings.trustedProxies.length === 0) return false
    return this.#trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }

  useSettings(settings: EdgeSettings): void {
    const before = JSON.stringify(this.settings.accessLog)
    this.settings = settings
    this.#trusted = blockListOf(settings.trustedProxies)
    this.requestLimits = { ...settings.limits, ...settings.accept }
    this.forwarding = forwardingRules(settings.forwarding)
    const { accessLog } = settings
    // A reload is also how a log that was rotated is opened anew.
    if (JSON.stringify(accessLog) === before) return this.accessLog?.reopen()
    void this.accessLog?.close(LOG_CLOSE_MS)
    this.accessLog = this.#openLog()
  }

  /** Copies go to another mirror thread from now on. */
  useMirror(port: MessagePort): void {
    this.mirror?.close()
    this.mirror = new MirrorLine(port, this.board.layout.services)
  }

  #openLog(): AccessLog | null {
    const { accessLog } = this.settings
    if (accessLog === null) return null
    return new AccessLog({ config: accessLog, tell: (word) => this.tell(word) })
  }

  /** How long after its draw a request may fail, but for one whose answer or upload is long. */
  get memoryMs(): number {
    return requestMemoryMs(this.settings.timeouts)
  }

  useTable(table: Table): void {
    this.routes = buildRoutes(this.board, table, this.#targets)
    acknowledgeTable(this.board, this.thread, table.revision)
  }

  count(slot: number, cell: number): void {
    count(this.board, this.thread, slot, cell)
  }

  countBoth(slot: number, first: number, second: number): void {
    countBoth(this.board, this.thread, slot, first, second)
  }

  /** A target sent what nobody had asked for: see upstream.ts. */
  distrust(target: Target): void {
    if (!target.distrust(this.now())) return
    const what = `Target ${target.authority} sent what nobody had asked for`
    this.tell({ say: 'note', text: `${what}: for a minute its connections carry one request each` })
  }

  addRescue(stableSlot: number, by: number): void {
    this.rescuesInFlight.set(stableSlot, (this.rescuesInFlight.get(stableSlot) ?? 0) + by)
  }

  /** A head is dribbling in on this connection: it is looked at with the next tick. */
  readLater(connection: ClientConnection): void {
    this.#dribbling.add(connection)
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
    exchange.waitsNoMore()
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
    this.turns.timersRan()
    beat(this.board, this.thread)
    this.latencyLimits.look(this.routes.bySlot, now)
    this.#lookAtWaiting(now)
    // After a standstill the answers that have come meanwhile are read before anything is overdue.
    if (now - this.tickedMs > STANDSTILL_MS) setImmediate(() => this.wheel.advance(now))
    else this.wheel.advance(now)
    this.tickedMs = now
    this.mirror?.tick(now)
    this.#readDribbles()
    if (now - this.#dateMs >= 500) {
      this.#dateMs = now
      this.date = new Date().toUTCString()
      this.dateLine = inOnePiece(`Date: ${this.date}\r\n`)
      this.accessLog?.tick(now)
    }
  }

  #lookAtWaiting(now: number): void {
    for (let exchange = this.#oldest; exchange !== null; ) {
      const { newer } = exchange // it may leave this list
      exchange.lookAt(now)
      exchange = newer
    }
  }

  #readDribbles(): void {
    if (this.#dribbling.size === 0) return
    const dribbling = this.#dribbling
    this.#dribbling = new Set()
    for (const connection of dribbling) connection.readDribble()
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
