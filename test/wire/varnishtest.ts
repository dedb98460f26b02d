// Runs scenarios of the wire with varnishtest, several at a time. In front of a script's servers
// stands a real Vertex process. Starting one takes longer than most scripts, so a lane keeps its
// Vertex for the next script as long as that wants the same settings and nothing has failed.
//
// Vertex must know where the servers listen before a script starts them. So each lane has a
// loopback address of its own (127.X.Y.Z, made of this process's id), on which the ports are
// fixed: nobody else listens there, and no outgoing connection can take them.

import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { startVertex, type Vertex } from '../../bench/lab/vertex.ts'
import { configOf, type Scenario, SERVERS, serverAt } from './scenario.ts'

const PROGRAM = 'varnishtest'
/** For a script as a whole; varnishtest waits half of it for a single answer. */
const LIMIT_S = 16
/** Each lane starts processes, which costs more than the scripts: as many as there are cores. */
const LANES = 2
const LOG_LINES = 25

export interface Result {
  readonly passed: boolean
  /** What varnishtest and Vertex said, for whoever must find out why it failed. */
  readonly output: string
}

/** Whether the program is installed. */
export function hasVarnishtest(): boolean {
  const asked: SpawnSyncReturns<Buffer> = spawnSync(PROGRAM, ['-h'])
  return asked.error === undefined
}

/** Starts all scenarios, a few at a time, and gives the result of each as it comes. */
export function runScenarios(scenarios: readonly Scenario[]): Map<string, Promise<Result>> {
  const queue = scenarios.map((scenario) => ({ scenario, ...Promise.withResolvers<Result>() }))
  const results = new Map(queue.map(({ scenario, promise }) => [scenario.name, promise]))
  const waiting = [...queue]
  const work = async (lane: Lane): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      // A Vertex that does not start is a result, too: the other scenarios go on.
      next.resolve(await lane.run(next.scenario).catch(asFailure))
    }
    await lane.end()
  }
  for (let i = 0; i < LANES; i++) work(new Lane(i)).catch(asFailure)
  return results
}

function asFailure(error: unknown): Result {
  return { passed: false, output: String(error) }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false // a script may end its Vertex, to see a drain
  }
}

class Lane {
  readonly #address: string
  #vertex: Vertex | null = null
  #settings = ''

  constructor(index: number) {
    const { pid } = process
    this.#address = `127.${64 + ((pid >> 8) & 0x7f)}.${pid & 0xff}.${index + 1}`
  }

  async run(scenario: Scenario): Promise<Result> {
    if (this.#vertex !== null && this.#settings !== scenario.settings) await this.end()
    this.#vertex ??= await startVertex(configOf(scenario, this.#address))
    this.#settings = scenario.settings
    const vertex = this.#vertex
    const said = await varnishtest(scenario.file, this.#macros(vertex))
    if (said.passed && isAlive(vertex.pid)) return said
    const log = vertex.log.slice(-LOG_LINES).join('\n')
    await this.end() // what a failed script left behind must not fail the next one
    return { passed: said.passed, output: `${said.output}\nVertex said last:\n${log}` }
  }

  #macros(vertex: Vertex): Readonly<Record<string, string>> {
    const servers = SERVERS.map((name) => [name, serverAt(this.#address, name)])
    return {
      v1_addr: '127.0.0.1',
      v1_port: String(vertex.port),
      v1_sock: `127.0.0.1:${vertex.port}`,
      v1_pid: String(vertex.pid),
      v1_admin_port: new URL(vertex.adminUrl).port,
      ...Object.fromEntries(servers),
    }
  }

  async end(): Promise<void> {
    const vertex = this.#vertex
    this.#vertex = null
    // Nothing of it is looked at any more, so it need not drain.
    await vertex?.end('SIGKILL')
  }
}

function varnishtest(file: string, macros: Readonly<Record<string, string>>): Promise<Result> {
  const defines = Object.entries(macros).map(([name, value]) => `-D${name}=${value}`)
  const child = spawn(PROGRAM, ['-t', String(LIMIT_S), ...defines, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const parts: string[] = []
  const keep = (chunk: Buffer): void => {
    parts.push(chunk.toString('latin1'))
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ passed: code === 0, output: parts.join('') }))
  })
}
