// Where the tables are played: a real edge thread in front of lanes. A lane is a host name with an
// origin of its own (and a second origin for /admin), so that many cases can run at the same time
// and none sees another's connections. The first lane is the default service, which takes what
// names no host that is known.

import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { NO_SLOT, publishAssignment } from '../../src/board/assignment.ts'
import { type Board, createBoard } from '../../src/board/board.ts'
import { setLatencyStripe } from '../../src/board/latency.ts'
import { connections } from '../../src/board/liveness.ts'
import type { TableService, TableTarget } from '../../src/core/table.ts'
import type { EdgeSettings } from '../../src/edge/edge-data.ts'
import { Supervisor } from '../../src/edge/supervisor.ts'
import { eventually, SETTINGS } from '../edge/harness.ts'
import { End, HOST } from './end.ts'
import { Pacer } from './pacer.ts'

export const LANES = 48
const CLOSE_LIMIT_MS = 3000

/** An origin of a lane: every connection that Vertex opened to it, in order. */
class LaneOrigin {
  readonly server: net.Server
  ends: End[] = []
  /** Connections that came while no case was under way. */
  strays = 0
  isBusy = false
  #came: (() => void) | null = null

  constructor(host: string) {
    this.server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      if (!this.isBusy) this.strays++
      this.ends.push(new End(socket, host))
      this.#came?.()
    })
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  /** The connection with this number, from 0, or null when it does not come in time. */
  end(number: number, limitMs: number): Promise<End | null> {
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(limit)
        this.#came = null
        resolve(this.ends[number] ?? null)
      }
      const limit = setTimeout(finish, limitMs)
      this.#came = () => {
        if (this.ends[number] !== undefined) finish()
      }
      this.#came()
    })
  }

  /** Ends what is open and waits until Vertex has let go of it, so that its pool is empty. */
  async clear(): Promise<void> {
    await Promise.all(
      this.ends.map(async (end) => {
        end.socket.end()
        await end.until(() => end.over, CLOSE_LIMIT_MS)
        end.socket.destroy()
      }),
    )
    this.ends = []
    this.isBusy = false
  }
}

export class Lane {
  readonly host: string
  readonly origin: LaneOrigin
  readonly admin: LaneOrigin
  generation = 0

  constructor(number: number) {
    this.host = number === 0 ? HOST : `x${String(number).padStart(3, '0')}.example`
    this.origin = new LaneOrigin(this.host)
    this.admin = new LaneOrigin(this.host)
  }

  begin(): void {
    this.origin.isBusy = true
    this.admin.isBusy = true
  }

  async clear(): Promise<void> {
    await Promise.all([this.origin.clear(), this.admin.clear()])
  }
}

/** Words of the tables that are no settings of the edge. */
export const NO_SETTINGS: ReadonlySet<string> = new Set([
  'origin',
  'default',
  'whole',
  'chunks',
  'unasked',
])

/** Long enough that none ends a case by accident, however slowly its bytes come. */
const LONG_MS = 20_000
const TIMEOUTS = {
  ...SETTINGS.timeouts,
  responseHeadMs: LONG_MS,
  responseIdleMs: LONG_MS,
  requestHeadMs: LONG_MS,
  requestIdleMs: LONG_MS,
  keepAliveMs: LONG_MS,
  upstreamIdleMs: LONG_MS,
}

export class Place {
  readonly port: number
  readonly pacer: Pacer
  readonly lanes: readonly Lane[]
  readonly #board: Board
  readonly #supervisor: Supervisor
  #revision = 0
  #needs: Readonly<Record<string, unknown>> = {}
  #service: Record<string, unknown> = {}
  #publishing: Promise<void> | null = null

  private constructor(board: Board, supervisor: Supervisor, lanes: readonly Lane[], port: number) {
    this.#board = board
    this.#supervisor = supervisor
    this.lanes = lanes
    this.port = port
    this.pacer = new Pacer(port)
  }

  static async open(): Promise<Place> {
    const services = LANES * 2
    const board = createBoard({
      threads: 1,
      services,
      slots: services,
      targets: services,
      latencyStripes: services,
    })
    const supervisor = new Supervisor({
      board,
      settings: SETTINGS,
      onReplaced: (text) => {
        throw new Error(`The edge thread died: ${text}`)
      },
      onShared: () => undefined,
    })
    const lanes = Array.from({ length: LANES }, (_lane, number) => new Lane(number))
    await Promise.all(lanes.flatMap((lane) => [lane.origin.listen(), lane.admin.listen()]))
    for (let index = 0; index < services; index++) {
      setLatencyStripe(board, index, index)
      publishAssignment(board, index, { stableSlot: index, candidateSlot: NO_SLOT, weight: 0 })
    }
    const port = await supervisor.listen({ host: '127.0.0.1', port: 0 })
    return new Place(board, supervisor, lanes, port)
  }

  /** Puts settings in force, by their dotted names; `service.…` are those of every service. */
  async use(needs: Readonly<Record<string, unknown>>): Promise<void> {
    const settings: Record<string, unknown> = { ...SETTINGS, timeouts: TIMEOUTS }
    const service: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(needs)) {
      const [group = '', key] = name.split('.')
      if (NO_SETTINGS.has(name)) continue
      if (group === 'service') service[key ?? ''] = value
      else if (key === undefined) settings[group] = value
      else settings[group] = { ...(settings[group] as Record<string, unknown>), [key]: value }
    }
    this.#supervisor.useSettings(settings as unknown as EdgeSettings)
    this.#needs = needs
    this.#service = service
    await this.#publish()
  }

  /**
   * Gives a lane targets that Vertex has not met: one that has sent what nobody asked for is
   * distrusted for a minute.
   */
  async renew(lane: Lane): Promise<void> {
    lane.generation++
    this.#publishing ??= new Promise((resolve) => setImmediate(resolve)).then(() => {
      this.#publishing = null
      return this.#publish()
    })
    await this.#publishing
  }

  async #publish(): Promise<void> {
    const needs = this.#needs
    const absent = needs.origin === 'absent'
    const hasDefault = needs.default !== 'none'
    const services = this.lanes.flatMap((lane, number) => {
      const hosts = number === 0 && hasDefault ? [HOST, null] : [lane.host]
      const target = (index: number, port: number): TableTarget => ({
        index,
        host: '127.0.0.1',
        port: absent ? ABSENT_PORT : port,
        authority: `${lane.generation}:${absent ? ABSENT_PORT : port}`,
      })
      const row = (index: number, path: string, origin: LaneOrigin): TableService => ({
        ...SERVICE,
        ...this.#service,
        name: `${lane.host}${path}`,
        index,
        matches: hosts.map((host) => ({ host, path })),
        versions: [{ name: 'v1', slot: index, targets: [target(index, origin.port)] }],
      })
      return [row(number * 2, '/', lane.origin), row(number * 2 + 1, '/admin', lane.admin)]
    })
    await this.#supervisor.publish({
      revision: ++this.#revision,
      services,
    })
  }

  /** Client connections that the edge still has; the pacer's may be one. */
  get clients(): number {
    return connections(this.#board, 0)
  }

  get strays(): number {
    let strays = 0
    for (const { admin, origin } of this.lanes) strays += admin.strays + origin.strays
    return strays
  }

  async close(): Promise<void> {
    this.pacer.close()
    await eventually(() => this.clients === 0)
    await this.#supervisor.finish({ drainMs: 0, tunnelDrainMs: 0 })
    for (const { admin, origin } of this.lanes) {
      admin.server.close()
      origin.server.close()
    }
  }
}

const SERVICE: Omit<TableService, 'name' | 'index' | 'matches' | 'versions'> = {
  affinity: null,
  salt: 'salt',
  versionOverride: null,
  rescue: false,
  mirror: null,
  rescueBudget: { share: 0.2, atLeast: 16 },
  replay: { putDelete: false, idempotencyKey: false },
  bodyLimitBytes: null,
  verdict: { exclude: [], clientErrors: 'ignore', slowIsErrorMs: null },
}

/** Nobody listens there (discard, which no system serves any more). */
const ABSENT_PORT = 9
