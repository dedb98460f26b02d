// One edge for all tests of a file, since starting threads takes longer than most tests. Each test
// says what it needs; the edge is told by a new table, new settings and a new assignment, as in
// real life. Counters are handed out as differences, so that no test sees another's.

import { publishAssignment, NO_SLOT } from '../../src/board/assignment.ts'
import { heartbeat } from '../../src/board/liveness.ts'
import { setLatencyLimitUs } from '../../src/board/tallies.ts'
import type { Limits, Timeouts } from '../../src/config/config.ts'
import type { TableService, TableTarget } from '../../src/core/table.ts'
import type { EdgeSettings } from '../../src/edge/edge-data.ts'
import {
  CANDIDATE,
  eventually,
  type Handler,
  type Origin,
  SETTINGS,
  STABLE,
  startEdge,
  startOrigin,
  type TestEdge,
} from './harness.ts'
import { type Answer, type Counts, countsOf, open, settled, type Wire } from './wire.ts'

export interface Needs {
  readonly stable?: readonly number[]
  readonly candidate?: readonly number[]
  /** The candidate's weight in hundredths of a percent. */
  readonly weight?: number
  readonly service?: Partial<TableService>
  readonly timeouts?: Partial<Timeouts>
  readonly limits?: Partial<Limits>
  readonly settings?: Partial<EdgeSettings>
}

function difference(now: Counts, before: Counts): Counts {
  const out: Record<string, number> = {}
  for (const [name, count] of Object.entries(now)) {
    const more = count - (before[name as keyof Counts] ?? 0)
    if (more !== 0) out[name] = more
  }
  return out
}

interface BothCounts {
  readonly stable: Counts
  readonly candidate: Counts
}

export class Lab {
  readonly edge: TestEdge
  readonly port: number
  readonly #origins: Origin[] = []
  readonly #clients: Wire[] = []
  #targets = 0
  #before: BothCounts = { stable: {}, candidate: {} }

  constructor(edge: TestEdge) {
    this.edge = edge
    this.port = edge.port
  }

  /** Makes the edge what a test needs; what is not named is as in the harness. */
  async serve(needs: Needs): Promise<void> {
    const { candidate = [], limits, service, settings, stable = [], timeouts, weight = 0 } = needs
    const { board, supervisor } = this.edge
    await settled(this.edge)
    supervisor.useSettings({
      ...SETTINGS,
      ...settings,
      timeouts: { ...SETTINGS.timeouts, ...timeouts },
      limits: { ...SETTINGS.limits, ...limits },
    })
    setLatencyLimitUs(board, STABLE, 0)
    setLatencyLimitUs(board, CANDIDATE, 0)
    await this.edge.publish({
      matches: [{ host: null, path: '/' }],
      affinity: null,
      versionOverride: null,
      rescue: true,
      mirror: null,
      rescueBudget: { share: 0.2, atLeast: 16 },
      replay: { putDelete: false, idempotencyKey: false },
      bodyLimitBytes: null,
      verdict: { exclude: [], clientErrors: 'ignore', slowIsErrorMs: null },
      versions: [
        { name: 'v1', slot: STABLE, targets: stable.map((port) => this.#target(port)) },
        { name: 'v2', slot: CANDIDATE, targets: candidate.map((port) => this.#target(port)) },
      ],
      ...service,
    })
    const candidateSlot = candidate.length > 0 ? CANDIDATE : NO_SLOT
    publishAssignment(board, 0, { stableSlot: STABLE, candidateSlot, weight })
    this.#before = this.#read()
  }

  /** Puts another weight in force. */
  weight(weight: number): void {
    publishAssignment(this.edge.board, 0, { stableSlot: STABLE, candidateSlot: CANDIDATE, weight })
  }

  #target(port: number): TableTarget {
    // The next cell each time: a target of one test is not the target of another.
    const index = this.#targets++ % this.edge.board.layout.targets
    return { index, host: '127.0.0.1', port, authority: `127.0.0.1:${port}` }
  }

  /** Gives both versions a latency limit, and waits until the threads know it. */
  async limitLatency(limitUs: number): Promise<void> {
    for (const slot of [STABLE, CANDIDATE]) setLatencyLimitUs(this.edge.board, slot, limitUs)
    await this.ticked()
  }

  /** Waits until each thread has had a whole tick. */
  async ticked(): Promise<void> {
    const { board } = this.edge
    const threads = Array.from({ length: board.layout.threads }, (_, thread) => thread)
    const before = threads.map((thread) => heartbeat(board, thread))
    // The first tick from now on may have begun before.
    const hasTicked = (thread: number): boolean =>
      heartbeat(board, thread) - (before[thread] ?? 0) >= 2
    await eventually(() => threads.every(hasTicked))
  }

  /** An origin that is closed at the end of the file. */
  async origin(handler: Handler): Promise<Origin> {
    const origin = await startOrigin(handler)
    this.#origins.push(origin)
    return origin
  }

  async client(options?: { readonly halfOpen?: boolean }): Promise<Wire> {
    const client = await open(this.port, options)
    this.#clients.push(client)
    return client
  }

  /** One request on a connection of its own. */
  async ask(request: string): Promise<Answer> {
    const client = await this.client()
    const answer = await client.ask(request)
    client.destroy()
    return answer
  }

  /** Waits until nothing is claimed or in flight, then says what was counted since `serve`. */
  async counts(): Promise<BothCounts> {
    await settled(this.edge)
    return this.counted()
  }

  /** What was counted since `serve`, while requests may be under way. */
  counted(): BothCounts {
    const now = this.#read()
    return {
      stable: difference(now.stable, this.#before.stable),
      candidate: difference(now.candidate, this.#before.candidate),
    }
  }

  #read(): BothCounts {
    const { board } = this.edge
    return { stable: countsOf(board, STABLE), candidate: countsOf(board, CANDIDATE) }
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy()
    await this.edge.close()
    await Promise.all(this.#origins.map((origin) => origin.close()))
  }
}

export async function startLab(threads = 1): Promise<Lab> {
  return new Lab(await startEdge({ stable: [], threads }))
}
