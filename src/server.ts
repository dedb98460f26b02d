// The composition root: the one place where edge, control and admin meet. It makes the board,
// starts the edge threads, opens control, listens, and serves the admin API; and it ends them in
// the order in which no request is lost. It decides nothing.

import { readFileSync } from 'node:fs'
import { AdminHost } from './admin/host.ts'
import { type Board, createBoard } from './board/board.ts'
import type { Address, Config } from './config/config.ts'
import { parseStrategy } from './config/strategy.ts'
import type { Control } from './control/control.ts'
import type { FleetPort } from './control/fleet-port.ts'
import type { Log } from './control/options.ts'
import { addressText } from './core/address.ts'
import type { Answer, Command, NodeView } from './core/command.ts'
import type { EdgeSettings } from './edge/edge-data.ts'
import { isTaken, Supervisor } from './edge/supervisor.ts'
import { MirrorHost } from './mirror/host.ts'
import { SyntheticHost } from './synthetic/host.ts'

/** Room for what may be registered by API after the start, besides twice what the file names. */
const SPARE_SERVICES = 64
const SPARE_VERSIONS = 256
const SPARE_TARGETS = 1024
/** 10 KiB each per thread, touched only when used. */
const LATENCY_STRIPES = 1024

export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
).version

function boardFor(config: Config): Board {
  const services = config.services.length
  const versions = config.services.reduce((sum, service) => sum + service.versions.length, 0)
  const targets = config.services
    .flatMap((service) => service.versions)
    .reduce((sum, version) => sum + version.targets.length, 0)
  const slots = versions * 2 + services + SPARE_VERSIONS
  return createBoard({
    threads: config.threads,
    services: services + SPARE_SERVICES,
    slots,
    targets: targets * 2 + SPARE_TARGETS,
    latencyStripes: Math.min(slots, LATENCY_STRIPES),
  })
}

function edgeSettings(config: Config): EdgeSettings {
  const { accept, accessLog, forwarding, halfClose, limits } = config
  const { readinessPath, timeouts, trustedProxies, upgradeProtocols } = config
  return {
    ...{ accept, accessLog, forwarding, halfClose, limits },
    ...{ readinessPath, timeouts, trustedProxies, upgradeProtocols },
  }
}

/** How the node joins its fleet; null: it works alone, and loads nothing of Redis. */
async function fleetOf(
  { fleet }: Config,
  { log, place }: { log: Log; place: { listen: Address } },
): Promise<((id: string) => FleetPort) | null> {
  if (fleet === null) return null
  const { RedisFleet } = await import('./fleet/fleet.ts')
  const own = {
    // Asked for at each heartbeat: the port may be the system's choice, and is known late.
    get listen(): string {
      return addressText(place.listen)
    },
  }
  return (id) => new RedisFleet(Object.assign(own, { ...fleet, id, log, version: VERSION }))
}

interface Parts {
  readonly control: Control
  readonly supervisor: Supervisor
  readonly mirror: MirrorHost
  readonly synthetic: SyntheticHost
  readonly admin: AdminHost
  readonly log: Log
  readonly listen: Address
  /** What was found wrong at the start, in sentences. */
  readonly faults: readonly string[]
}

export class Server {
  readonly #control: Control
  readonly #supervisor: Supervisor
  readonly #mirror: MirrorHost
  readonly #synthetic: SyntheticHost
  readonly #admin: AdminHost
  readonly #log: Log
  readonly #startedAt = new Date()
  #config: Config
  /** The config that it was started with: some of it holds until the end. */
  readonly #started: Config
  #listen: Address
  #draining = false
  #faults: readonly string[]
  /** Why the config file as it stands is not in force; null: it is, or nobody asked. */
  #refused: string | null = null

  private constructor(config: Config, parts: Parts) {
    this.#config = config
    this.#started = config
    this.#control = parts.control
    this.#supervisor = parts.supervisor
    this.#mirror = parts.mirror
    this.#synthetic = parts.synthetic
    this.#admin = parts.admin
    this.#log = parts.log
    this.#listen = parts.listen
    this.#faults = parts.faults
  }

  /**
   * Starts a node, which serves customers then and no operators yet (`openAdmin`); throws with one
   * sentence when an address or the state directory is taken.
   */
  static async start(config: Config, log: Log): Promise<Server> {
    const board = boardFor(config)
    let control: Control | null = null
    const faults: string[] = []
    const supervisor = new Supervisor({
      board,
      settings: edgeSettings(config),
      onReplaced: (text) => {
        log.warn({}, text)
        control?.noteThread(text)
      },
      onShared: (text) => {
        log.warn({}, text)
        faults.push(text)
      },
      onNote: (text) => log.warn({}, text),
      onFailed: (failed) => control?.noteFailure(failed),
    })
    warnOfResets(config, log)
    const mirror = new MirrorHost({
      onStart: () => supervisor.useMirror(() => mirror.connect()),
      onDeath: (text) => log.error({}, text),
      onNote: (text) => log.info({}, text),
    })
    const synthetic = new SyntheticHost({
      scenarios: config.scenarios,
      onDeath: (text) => log.error({}, text),
    })
    const place = { listen: config.listen }
    // Control's modules are read while those of the edge threads are.
    const { Control } = await import('./control/control.ts')
    control = await Control.open({
      ...{ config, board, edge: supervisor, log, parseStrategy, mirror, synthetic },
      mirrorTo: (service, mirrored) => mirror.follow(service, mirrored),
      fleet: await fleetOf(config, { log, place }),
    })
    await refuseTaken(config.admin)
    const port = await supervisor.listen(config.listen)
    const listen = { host: config.listen.host, port }
    place.listen = listen
    const server: Server = new Server(config, {
      ...{ control, supervisor, mirror, synthetic, log, listen, faults },
      admin: new AdminHost({
        ...{ board, listen: config.admin, token: config.adminToken },
        ...{ stateDir: config.stateDir, version: VERSION },
        answer: (command, signal) => server.#answer(command, signal),
        onDeath: (text) => log.error({}, text),
      }),
    })
    return server
  }

  /**
   * Serves the admin API, of which customers need nothing: so it comes behind them. Throws with one
   * sentence when its address cannot be listened on, or when the node is stopped meanwhile.
   */
  async openAdmin(): Promise<void> {
    await this.#admin.listen()
    this.#control.onJournal((entry) => this.#admin.tell(entry))
  }

  get draining(): boolean {
    return this.#draining
  }

  get listen(): Address {
    return this.#listen
  }

  get admin(): Address {
    return this.#admin.address
  }

  async #answer(command: Command, signal: AbortSignal): Promise<Answer> {
    if (command.do === 'node') return { ok: true, answer: 'node', node: this.#view() }
    return this.#control.handle(command, signal)
  }

  #view(): NodeView {
    return {
      version: VERSION,
      pid: process.pid,
      ready: !this.#draining,
      draining: this.#draining,
      degraded: [
        ...this.#control.degraded(),
        ...(this.#refused === null ? [] : [this.#refused]),
        ...this.#faults,
        ...this.#supervisor.faults(),
      ],
      startedAt: this.#startedAt.toISOString(),
      listen: addressText(this.#listen),
      threads: this.#supervisor.views(),
      fleet: this.#control.fleet(),
    }
  }

  /** Takes over what the file owns and can be changed while running. */
  async reload(config: Config): Promise<void> {
    const fixed = ['listen', 'admin', 'threads', 'stateDir', 'adminToken', 'fleet'] as const
    for (const key of fixed) {
      if (JSON.stringify(config[key]) !== JSON.stringify(this.#started[key])) {
        this.#log.warn({ key }, `Cannot change "${key}" while running: restart for the new value`)
      }
    }
    this.#config = config
    this.#refused = null
    this.#supervisor.useSettings(edgeSettings(config))
    this.#synthetic.useScenarios(config.scenarios)
    await this.#control.reload(config)
  }

  /**
   * The config file was to be read again and has mistakes: what was in force stays, and shows as
   * degraded, as the next start would fail. Logs are opened anew, as after each rotation.
   */
  refuseReload(mistakes: readonly string[]): void {
    const [first = 'it cannot be read'] = mistakes
    const more = mistakes.length > 1 ? ` (and ${mistakes.length - 1} more)` : ''
    this.#refused =
      'Cannot take the config file over as it had mistakes when it was last read, and a start ' +
      `would fail: mend it and send SIGHUP. ${first}${more}`
    this.#supervisor.useSettings(edgeSettings(this.#config))
  }

  /** Notes a fault that nobody handled: it shows as degraded, and serving goes on. */
  noteFault(text: string): void {
    this.#faults = [...this.#faults, text].slice(-10)
  }

  /** Drains: see OPERATING.md. Resolves when nothing is left to do. */
  async stop(): Promise<void> {
    this.#draining = true
    const { drainDelayMs, drainMs, tunnelDrainMs } = this.#config.timeouts
    this.#supervisor.drain()
    this.#control.resign()
    await new Promise((resolve) => setTimeout(resolve, drainDelayMs))
    await this.#supervisor.finish({ drainMs, tunnelDrainMs })
    await this.#control.close()
    await this.#mirror.stop()
    await this.#synthetic.stop()
    await this.#admin.stop()
  }
}

/** No customer is to come to a node that will have to end for want of its admin API. */
async function refuseTaken(admin: Address): Promise<void> {
  if (!(await isTaken(admin))) return
  const address = addressText(admin)
  throw new Error(`Cannot serve the admin API: another process listens on ${address}`)
}

/** Says what a closing listener costs on this system, see OPERATING.md. */
function warnOfResets(config: Config, log: Log): void {
  if (config.threads < 2) return
  try {
    const value = readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim()
    if (value === '1') return
  } catch {
    return // another system, with other rules
  }
  log.warn(
    {},
    'net.ipv4.tcp_migrate_req is 0: when an edge thread dies, connections that wait in its queue are reset. Set it to 1 with sysctl.',
  )
}
