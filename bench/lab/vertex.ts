// A real Vertex as a child process: a config written to a temporary folder, `vertex run` on it,
// and a small client of its admin API. The ports come from the line that it prints when it is
// ready.

import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ServiceView } from '../../src/core/command.ts'
import { type JournalEntry, readJournal } from '../../src/core/journal.ts'
import { monotonicMs, until } from './clock.ts'
import { builtDoor } from './built.ts'
import { endChild, onExit, type Pin, startProgram } from './children.ts'

const BIN = fileURLToPath(new URL('../../bin/vertex.js', import.meta.url))
const START_MS = 20_000
const LOG_LINES_MAX = 2000

export interface Reply {
  readonly status: number
  readonly body: unknown
  /** When the whole answer had been read, on the monotonic clock. */
  readonly atMs: number
}

export interface Asking {
  readonly body?: unknown
  /** The revision that a change is meant for. */
  readonly ifMatch?: number
}

interface Running {
  readonly child: ChildProcess
  readonly port: number
  readonly adminUrl: string
}

export interface Starting extends Pin {
  /** How long it may take until it is ready, in milliseconds; 20 s unless it has a lot to read. */
  readonly startMs?: number
  /** Whether it is the built program, as users get it, and not the sources. */
  readonly built?: boolean
  /** Arguments of Node before the program. */
  readonly nodeArgs?: readonly string[]
  /** Hears all that the process prints. */
  readonly onLine?: (line: string) => void
}

/** Reads lines until the one that says `ready`. */
function whenReady(
  child: ChildProcess,
  { log, onLine, startMs }: { log: string[]; startMs: number; onLine: (line: string) => void },
): Promise<Running> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer)
      child.kill('SIGKILL') // nobody else will: it is handed to its user only when it is ready
      reject(new Error(`Cannot start Vertex as ${why}; it said:\n${log.slice(-20).join('\n')}`))
    }
    const timer = setTimeout(() => fail(`it was not ready in ${startMs} ms`), startMs)
    child.once('exit', (code, signal) => fail(`it ended with ${code ?? signal}`))
    const read = (line: string): void => {
      onLine(line)
      log.push(line)
      if (log.length > LOG_LINES_MAX) log.shift()
      if (!line.includes('"ready"')) return
      const said = parse(line)
      if (said === null) return
      clearTimeout(timer)
      resolve({ child, port: said.port, adminUrl: `http://${said.admin}` })
    }
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', read)
    }
  })
}

function parse(line: string): { port: number; admin: string } | null {
  try {
    const said = JSON.parse(line) as { msg?: unknown; listen?: unknown; admin?: unknown }
    if (said.msg !== 'ready') return null
    return { port: Number(String(said.listen).split(':').at(-1)), admin: String(said.admin) }
  } catch {
    return null // a line of another kind that happens to hold the word
  }
}

export class Vertex {
  readonly folder: string
  readonly log: string[] = []
  readonly #options: Starting
  #running: Running | null = null

  constructor(config: unknown, options: Starting = {}) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'vertex-lab-'))
    this.#options = options
    onExit(() => rmSync(this.folder, { recursive: true, force: true }))
    // JSON is YAML, so an object needs no other writer.
    const text = typeof config === 'string' ? config : JSON.stringify(config, null, 2)
    writeFileSync(this.configFile, text)
  }

  get configFile(): string {
    return path.join(this.folder, 'vertex.yaml')
  }

  async start(): Promise<void> {
    const { built, core, nodeArgs = [], onLine = () => {}, startMs = START_MS } = this.#options
    const door = built === true ? builtDoor() : BIN
    const command = [process.execPath, ...nodeArgs, door, 'run', '-c', this.configFile]
    const child = startProgram(command, { core })
    this.#running = await whenReady(child, { log: this.log, onLine, startMs })
  }

  get #now(): Running {
    if (this.#running === null) throw new Error('Cannot use Vertex as it has not been started')
    return this.#running
  }

  get port(): number {
    return this.#now.port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get adminUrl(): string {
    return this.#now.adminUrl
  }

  get pid(): number {
    return this.#now.child.pid ?? -1
  }

  /** Calls the admin API. */
  async ask(method: string, at: string, options: Asking = {}): Promise<Reply> {
    const { body = {}, ifMatch } = options
    const changes = { 'content-type': 'application/json' }
    const response = await fetch(`${this.adminUrl}${at}`, {
      method,
      headers: {
        ...(method === 'GET' ? {} : changes),
        ...(ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` }),
      },
      ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const json = response.headers.get('content-type')?.includes('json') ?? false
    return { status: response.status, body: json ? JSON.parse(text) : text, atMs: monotonicMs() }
  }

  /** Calls the admin API and fails when it refuses. */
  async change(method: string, at: string, options: Asking = {}): Promise<Reply> {
    const reply = await this.ask(method, at, options)
    if (reply.status >= 300) {
      throw new Error(`Cannot ${method} ${at}: ${reply.status} ${JSON.stringify(reply.body)}`)
    }
    return reply
  }

  async service(name = 'default'): Promise<ServiceView> {
    return (await this.change('GET', `/v1/services/${name}`)).body as ServiceView
  }

  /** Starts a rollout of a version. */
  deploy(version: string, targets: readonly string[]): Promise<Reply> {
    return this.change('POST', '/v1/services/default/rollouts', { body: { version, targets } })
  }

  /** Sets the weight by hand; in a rollout that needs the revision that it was decided on. */
  async setWeight(percent: number): Promise<Reply> {
    const { revision } = await this.service()
    const body = { candidate: percent }
    return this.ask('PUT', '/v1/services/default/weight', { body, ifMatch: revision })
  }

  /** Waits until the rollout of `version` has ended, and says how. */
  async ended(version: string, withinMs: number): Promise<ServiceView> {
    let last: ServiceView | null = null
    const probe = async (): Promise<ServiceView | null> => {
      last = await this.service()
      return last.rollout === null && last.ended !== null ? last : null
    }
    try {
      return await until(probe, { what: `${version} ends`, withinMs, everyMs: 25 })
    } catch (error) {
      const seen = `${JSON.stringify(last)}\n${this.log.slice(-5).join('\n')}`
      throw new Error(`The rollout of ${version} did not end; last seen: ${seen}`, { cause: error })
    }
  }

  /** The journal as it stands on the disk. */
  journal(): readonly JournalEntry[] {
    return readJournal(readFileSync(path.join(this.stateDir, 'journal.jsonl'), 'utf8')).entries
  }

  get stateDir(): string {
    return path.join(this.folder, '.vertex')
  }

  /** Ends the process with a signal and waits until it is gone. Returns its exit code. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    return endChild(this.#now.child, { signal, withinMs: 20_000 })
  }
}

/** Starts Vertex with a config (an object or YAML text) and waits until it is ready. */
export async function startVertex(config: unknown, options: Starting = {}): Promise<Vertex> {
  const vertex = new Vertex(config, options)
  await vertex.start()
  return vertex
}

/** Milliseconds in the form of the config file. */
const duration = (ms: number): string => `${ms}ms`

export interface LabConfig {
  readonly versions: Readonly<Record<string, readonly string[]>>
  readonly stable: string
  readonly candidate?: { readonly version: string; readonly weight: number }
  readonly steps?: readonly { readonly weight: number; readonly observeMs: number }[]
  readonly bakeMs?: number
  readonly warmUpMs?: number
  /** False: latency is not what is measured, and does not keep or undo a rollout. */
  readonly latency?: boolean
  readonly page?: string
  readonly threads?: number
  /** More top-level settings. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** A config for a measurement: ports of the system's choice, one edge thread, a short drain. */
export function labConfig(lab: LabConfig): unknown {
  const { candidate } = lab
  const versions = Object.entries(lab.versions).map(([name, targets]) => [name, { targets }])
  const steps = lab.steps ?? [
    { weight: 5, observeMs: 600_000 },
    { weight: 100, observeMs: 600_000 },
  ]
  return {
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    threads: lab.threads ?? 1,
    versions: Object.fromEntries(versions),
    routing: {
      stable: `${lab.stable} @ ${100 - (candidate?.weight ?? 0)}%`,
      ...(candidate ? { candidate: `${candidate.version} @ ${candidate.weight}%` } : {}),
    },
    deploy_strategy: {
      type: 'canary',
      steps: steps.map((step) => ({
        weight: `${step.weight}%`,
        observe: duration(step.observeMs),
      })),
      bake: duration(lab.bakeMs ?? 60_000),
      warm_up: lab.latency === false ? '0' : duration(lab.warmUpMs ?? 10_000),
      rollback_trigger: {
        error_rate_threshold: '0.1%',
        p99_latency_increase: lab.latency === false ? '10000%' : '20%',
      },
    },
    ...(lab.page ? { page: { webhook: lab.page } } : {}),
    timeouts: { drain_delay: '0', drain: '5s' },
    ...lab.more,
  }
}
