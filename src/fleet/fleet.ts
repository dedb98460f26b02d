// The fleet as Redis holds it together: this node's part of it. It puts the parts together and
// turns what they find into this node's standing; what a standing means is control's business.

import { randomUUID } from 'node:crypto'
import type {
  FleetListener,
  FleetPort,
  StoreAnswer,
  StoreProposal,
  StoreReading,
} from '../control/fleet-port.ts'
import {
  isSameStanding,
  type LeaseEvent,
  type LeaseState,
  leaseAfter,
  noLease,
  type StandingNow,
  standingAt,
} from '../core/fleet/lease.ts'
import { liveAt, membersAt } from '../core/fleet/members.ts'
import type { Broadcast, Letter } from '../core/fleet/message.ts'
import type { Position } from '../core/fleet/position.ts'
import type { FleetKnowledge, FleetStanding } from '../core/fleet/standing.ts'
import type { JournalEntry } from '../core/journal.ts'
import { failureSentence, redisText, type ServerFacts } from './advice.ts'
import { Bus } from './bus.ts'
import { Connection, type Session } from './connection.ts'
import { Heartbeat } from './heartbeat.ts'
import { Inspection } from './inspection.ts'
import { type FleetEntry, JournalStream } from './journal-stream.ts'
import { keysUnder } from './keys.ts'
import { Leadership } from './leadership.ts'
import type { FleetOptions } from './options.ts'
import { Store } from './store.ts'
import { Troubles } from './troubles.ts'
import { within } from './within.ts'

/** How long a start waits for Redis before it goes on without; and after how many failures. */
const START_MS = 3_000
const START_FAILURES = 2
/** How long leaving may take. */
const CLOSE_MS = 1_000
/** How often the standing is looked at; it also changes at once with what is heard. */
const LOOK_EVERY_MS = 50
/** A look that comes so much later was held up. */
const HELD_UP_MS = 250

export class RedisFleet implements FleetPort {
  readonly node: string
  readonly place: string
  readonly #options: FleetOptions
  readonly #monotonic: () => number
  readonly #wall: () => number
  readonly #troubles: Troubles
  readonly #connection: Connection
  readonly #store: Store
  readonly #bus: Bus
  readonly #heartbeat: Heartbeat
  readonly #leadership: Leadership
  readonly #inspection: Inspection
  readonly #journal: JournalStream
  #listener: FleetListener | null = null
  #state: LeaseState
  #told: StandingNow
  #clock: string | null = null
  #eviction: string | null = null
  #hasResigned = false
  #awaySinceMs: number | null
  #look: NodeJS.Timeout | null = null
  #lookedMs = 0
  /** Ends the wait of the start. */
  #goOn: (() => void) | null = null
  #failures = 0

  constructor(options: FleetOptions) {
    this.node = options.node
    this.place = `${options.prefix} at ${redisText(options.redis)}`
    this.#options = options
    this.#monotonic = options.monotonic ?? (() => performance.now())
    this.#wall = options.wall ?? (() => Date.now())
    const random = options.random ?? Math.random
    this.#awaySinceMs = this.#wall()
    this.#state = noLease(this.#monotonic())
    this.#told = standingAt(this.#state, this.#monotonic())
    this.#troubles = new Troubles({ log: options.log, monotonic: this.#monotonic })
    const run = randomUUID()
    const keys = keysUnder(options.prefix)
    const shared = { fleet: options, keys, troubles: this.#troubles }
    this.#connection = new Connection({
      fleet: options,
      channels: [keys.everybody, keys.mailbox(options.node)],
      random,
      listener: {
        greet: (session, servers) => this.#greet(session, servers),
        onUp: () => this.#onUp(),
        onDown: (error) => this.#onDown(error),
        onMessage: (channel, text) => this.#bus.hear(channel, text),
      },
    })
    const connection = this.#connection
    this.#store = new Store({
      ...shared,
      connection,
      onFenced: (number) => this.#tell({ event: 'fenced', number }),
    })
    this.#bus = new Bus({
      ...shared,
      connection,
      onBroadcast: (message) => this.#onBroadcast(message),
      onLetter: (message) => this.#onLetter(message),
    })
    this.#heartbeat = new Heartbeat({
      ...shared,
      connection,
      run,
      startedAt: new Date(this.#wall()).toISOString(),
      monotonic: this.#monotonic,
      wall: this.#wall,
      onBarred: (reason) => this.#tell({ event: 'barred', reason }),
      onClock: (clause) => {
        this.#clock = clause
        this.#block()
      },
    })
    this.#leadership = new Leadership({
      ...shared,
      connection,
      bus: this.#bus,
      run,
      monotonic: this.#monotonic,
      random,
      state: () => this.#state,
      tell: (event) => this.#tell(event),
    })
    this.#inspection = new Inspection({
      ...shared,
      connection,
      onEviction: (clause) => {
        this.#eviction = clause
        this.#block()
      },
    })
    this.#journal = new JournalStream({ ...shared, connection })
  }

  get standing(): FleetStanding {
    return standingAt(this.#state, this.#monotonic()).standing
  }

  async start(listener: FleetListener): Promise<void> {
    this.#listener = listener
    const known = new Promise<void>((resolve) => {
      this.#goOn = resolve
    })
    this.#lookedMs = this.#monotonic()
    this.#look = setInterval(() => this.#lookAgain(), LOOK_EVERY_MS)
    this.#connection.open()
    try {
      await within(START_MS, known)
    } catch {
      // The fleet is joined as soon as Redis is there; why it is not stands in the troubles.
    }
  }

  read(service: string, knownTerm: number): Promise<StoreReading> {
    return this.#store.read(service, knownTerm)
  }

  positions(
    services: readonly string[],
  ): Promise<ReadonlyMap<string, { position: Position; save: number } | null>> {
    return this.#store.positions(services)
  }

  propose(service: string, proposal: StoreProposal): Promise<StoreAnswer> {
    return this.#store.propose(service, proposal)
  }

  broadcast(message: Broadcast): void {
    this.#bus.broadcast(message)
  }

  send(node: string, message: Letter): void {
    this.#bus.send(node, message)
  }

  note(entry: JournalEntry): void {
    this.#journal.note(entry)
  }

  journal(
    service: string,
    count: number,
  ): Promise<readonly FleetEntry[] | { readonly failed: string }> {
    return this.#journal.read(service, count)
  }

  knowledge(): FleetKnowledge {
    return {
      node: this.node,
      standing: this.standing,
      redis: redisText(this.#options.redis),
      awaySinceMs: this.#awaySinceMs,
      members: membersAt(this.#heartbeat.book, this.#monotonic()),
      hindrance: this.#state.barred ?? this.#state.blocked,
      degraded: this.#troubles.sentences,
    }
  }

  others(): readonly string[] {
    const live = liveAt(this.#heartbeat.book, this.#monotonic())
    return live.filter((node) => node !== this.node)
  }

  forget(service: string): void {
    this.#store.forget(service)
  }

  resign(): void {
    this.#hasResigned = true
    this.#block()
    this.#leadership.hurry()
  }

  async close(): Promise<void> {
    this.#listener = null
    if (this.#look !== null) clearInterval(this.#look)
    this.#stopAll()
    const { session } = this.#connection
    try {
      if (session !== null) await within(CLOSE_MS, this.#leave(session))
    } catch (error) {
      const sentence = failureSentence(error, { ...this.#options, action: 'leave the fleet' })
      this.#options.log.warn({}, sentence)
    }
    this.#connection.close()
    this.#journal.close()
    this.#tell({ event: 'away', nowMs: this.#monotonic() })
  }

  async #leave(session: Session): Promise<void> {
    await Promise.all([
      this.#leadership.release(session),
      this.#journal.drain(),
      this.#heartbeat.leave(session),
    ])
  }

  #stopAll(): void {
    this.#heartbeat.stop()
    this.#leadership.stop()
    this.#inspection.stop()
  }

  async #greet(session: Session, servers: readonly ServerFacts[]): Promise<void> {
    this.#inspection.judge(servers)
    await this.#heartbeat.join(session)
  }

  #onUp(): void {
    this.#awaySinceMs = null
    this.#troubles.clear('redis')
    this.#tell({ event: 'connected' })
    this.#heartbeat.start()
    this.#leadership.start()
    this.#inspection.start()
    this.#journal.flush()
    this.#goOn?.()
    this.#listener?.onConnected()
  }

  #onDown(error: unknown): void {
    this.#stopAll()
    const action = `reach Redis at ${redisText(this.#options.redis)}`
    // A call may have failed a moment before it was known why, and would say so until the end.
    this.#troubles.forgetCalls()
    this.#troubles.say('redis', failureSentence(error, { ...this.#options, action }))
    this.#awaySinceMs ??= this.#wall()
    this.#tell({ event: 'away', nowMs: this.#monotonic() })
    if (++this.#failures >= START_FAILURES) this.#goOn?.()
  }

  #onBroadcast(message: Broadcast): void {
    if (message.message === 'leads' && message.node !== this.node) {
      const { node, lease: number } = message
      this.#tell({ event: 'leads', node, number, nowMs: this.#monotonic() })
    }
    if (message.message === 'changed') this.#store.sawTerm(message.service, message.position.term)
    this.#listener?.onBroadcast(message)
  }

  #onLetter(message: Letter): void {
    // Who may not bear this name gets no letters to it.
    const { awaySinceMs, barred } = this.#state
    if (awaySinceMs === null && barred === null) this.#listener?.onLetter(message)
  }

  #block(): void {
    const stopping = this.#hasResigned ? 'this node is being stopped' : null
    this.#tell({ event: 'blocked', reason: stopping ?? this.#eviction ?? this.#clock })
  }

  #tell(event: LeaseEvent): void {
    this.#state = leaseAfter(this.#state, event)
    this.#compare()
  }

  #lookAgain(): void {
    const look = (): void => {
      this.#lookedMs = this.#monotonic()
      this.#compare()
    }
    if (this.#isHeldUp()) setImmediate(look)
    else look()
  }

  /**
   * This process stood still, and what other nodes said meanwhile may lie in the socket unread:
   * their silence is judged only after a turn of the loop.
   */
  #isHeldUp(): boolean {
    return this.#monotonic() - this.#lookedMs > LOOK_EVERY_MS + HELD_UP_MS
  }

  #compare(): void {
    // Who has left, or not begun, stands in no way.
    if (this.#listener === null || this.#isHeldUp()) return
    const now = standingAt(this.#state, this.#monotonic())
    const before = this.#told
    if (isSameStanding(before, now)) return
    this.#told = now
    const { standing, leader, mayNotRaise } = now.standing
    const why = mayNotRaise === null ? 'it may raise weights' : mayNotRaise
    this.#options.log.info({ standing, leader }, `This node is ${standing}: ${why}`)
    this.#listener?.onStanding(now.standing, before.standing)
  }
}
