// This node's entry among the members, written twice a second, and what comes back with it: the
// entries of all and the time of Redis. A heartbeat that is not answered in time is how a paused
// Redis is noticed.

import { FORMAT } from '../core/fleet/document-form.ts'
import {
  BEAT_EVERY_MS,
  EMPTY_BOOK,
  FORGET_MS,
  LIVE_MS,
  type Entry,
  type MemberBook,
  readBook,
  twinOf,
} from '../core/fleet/members.ts'
import { clockClause, codeOf, failureSentence } from './advice.ts'
import type { Connection, Session } from './connection.ts'
import { CALL_MS } from './connection.ts'
import type { Keys } from './keys.ts'
import type { FleetOptions } from './options.ts'
import { type Repeat, repeat } from './repeat.ts'
import { BEAT, LEAVE } from './scripts.ts'
import type { Troubles } from './troubles.ts'
import { Overdue, within } from './within.ts'

export interface HeartbeatOptions {
  readonly connection: Connection
  readonly keys: Keys
  readonly fleet: FleetOptions
  readonly troubles: Troubles
  /** Of this process. */
  readonly run: string
  readonly startedAt: string
  readonly monotonic: () => number
  readonly wall: () => number
  /** Why this node is no member, as a clause; null: it is one. */
  readonly onBarred: (reason: string | null) => void
  /** Why this node's clock forbids it to lead, as a clause. */
  readonly onClock: (clause: string | null) => void
}

export class Heartbeat {
  readonly #options: HeartbeatOptions
  #repeat: Repeat | null = null
  #book: MemberBook = EMPTY_BOOK
  #clockAheadMs = 0
  #hasJoined = false

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  get book(): MemberBook {
    return this.#book
  }

  /** The first heartbeat of a session; rejects when it fails. */
  async join(session: Session): Promise<void> {
    await this.#beat(session)
  }

  start(): void {
    this.stop()
    this.#repeat = repeat(async () => {
      await this.#again()
      return BEAT_EVERY_MS
    })
  }

  stop(): void {
    this.#repeat?.stop()
    this.#repeat = null
  }

  /** Takes this node's entry away. */
  async leave(session: Session): Promise<void> {
    const { keys, fleet, run } = this.#options
    await session.run(LEAVE, { keys: [keys.nodes], args: [fleet.node, run] })
  }

  async #again(): Promise<void> {
    const { connection, fleet, troubles } = this.#options
    const { session } = connection
    if (session === null) return
    try {
      await Promise.all([this.#beat(session), within(CALL_MS, session.subscriber.ping())])
      troubles.clear('heartbeat')
    } catch (error) {
      if (connection.session !== session) return
      if (error instanceof Overdue || codeOf(error) === 'READONLY') {
        connection.fail(session, error)
      } else {
        const action = 'tell the fleet that this node is alive'
        troubles.callFailed('heartbeat', failureSentence(error, { ...fleet, action }))
      }
    }
  }

  async #beat(session: Session): Promise<void> {
    const { keys, fleet, run, startedAt, monotonic, wall } = this.#options
    const entry: Entry = {
      version: fleet.version,
      format: FORMAT,
      startedAt,
      listen: fleet.listen,
      clock: Math.round(this.#clockAheadMs),
    }
    const sentMs = monotonic()
    const sentWallMs = wall()
    const answer = await session.run(BEAT, {
      keys: [keys.nodes],
      args: [
        fleet.node,
        fleet.id,
        run,
        JSON.stringify(entry),
        this.#hasJoined ? '0' : '1',
        LIVE_MS,
        FORGET_MS,
      ],
    })
    const tookMs = monotonic() - sentMs
    const [result, time, ...list] = Array.isArray(answer) ? answer.map(String) : []
    const redisMs = Number(time)
    const entries: [string, string][] = []
    for (let index = 0; index + 1 < list.length; index += 2) {
      entries.push([list[index] ?? '', list[index + 1] ?? ''])
    }
    const isMember = result === 'joined'
    if (isMember) {
      this.#hasJoined = true
      entries.push([fleet.node, `${redisMs}|${fleet.id}|${run}|${JSON.stringify(entry)}`])
    }
    this.#book = readBook(entries, { redisMs, madeMs: sentMs + tookMs })
    this.#clockAheadMs = sentWallMs + tookMs / 2 - redisMs
    this.#tell(isMember, tookMs / 2)
  }

  #tell(isMember: boolean, slackMs: number): void {
    const { fleet, troubles, onBarred, onClock } = this.#options
    const other = this.#book.seen.find(({ node }) => node === fleet.node)
    const where = other === undefined ? 'another process' : `the one at ${other.entry.listen}`
    const taken = isMember ? null : `the name is taken: ${where} is alive`
    const name = `node "${fleet.node}"`
    troubles.set('name', taken && `Cannot join the fleet as ${name} as ${taken}`)
    onBarred(taken && `${name} may not join the fleet as ${taken}`)
    const clock = clockClause({ aheadMs: this.#clockAheadMs, slackMs })
    troubles.set('clock', clock && `Cannot let ${name} lead the fleet as ${clock}`)
    onClock(clock)
    const twin = twinOf(this.#book, fleet)
    const rule = 'each node needs a state directory of its own'
    troubles.set('twin', twin && `Cannot tell nodes apart as ${rule}: "${twin}" has the same id`)
    const { unreadable } = this.#book
    troubles.set(
      'entries',
      unreadable.length === 0
        ? null
        : `Cannot read the entries of some nodes: ${unreadable.slice(0, 5).join(', ')}`,
    )
  }
}
