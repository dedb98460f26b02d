// Everything that the demo starts and must end again: app versions, Vertex and, for a fleet, Redis
// as child processes, the receiver of pages, and the temporary folder with configs and states.
// `close` ends it all, and the exit of this process does so in any case, so that nothing is left
// behind.

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { AppBehaviour, AppMessage } from './app.ts'

// In the packed build these files end in .js.
const EXTENSION = path.extname(fileURLToPath(import.meta.url))
const APP = fileURLToPath(new URL(`./app${EXTENSION}`, import.meta.url))
const VERTEX = fileURLToPath(new URL('../../bin/vertex.js', import.meta.url))
const START_MS = 20_000
const END_MS = 5000
const LINES_MAX = 40
const PAGE_BYTES_MAX = 100_000

export interface App {
  readonly version: string
  readonly url: string
  /** Unix milliseconds of each request that it failed. */
  readonly failedAtMs: readonly number[]
  behave(change: Partial<AppBehaviour>): void
}

/** What there is to end, in this order: who needs the others goes first. */
const KINDS = ['node', 'app', 'redis'] as const

interface Kept {
  readonly kind: (typeof KINDS)[number]
  readonly child: ChildProcess
}

export interface Addresses {
  readonly url: string
  readonly adminUrl: string
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/**
 * Resolves with the first value that `read` makes of a message; rejects when the child ends first.
 */
function waitFor<T>(
  child: ChildProcess,
  what: string,
): { got: (value: T) => void; wait: Promise<T> } {
  let got: (value: T) => void = () => undefined
  const wait = new Promise<T>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`Cannot start ${what} as ${why}`))
    const timer = setTimeout(() => fail(`it was not ready in ${START_MS / 1000} s`), START_MS)
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code, signal) => fail(`it ended at once with ${code ?? signal}`))
    got = (value) => {
      clearTimeout(timer)
      resolve(value)
    }
  })
  return { got, wait }
}

function readReady(line: string): Addresses | null {
  if (!line.includes('"ready"')) return null
  try {
    const { msg, listen, admin } = JSON.parse(line) as Record<string, string | undefined>
    return msg === 'ready' ? { url: `http://${listen}`, adminUrl: `http://${admin}` } : null
  } catch {
    return null // another line that happens to hold the word
  }
}

export class Stage {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'vertex-demo-'))
  readonly pages: string[] = []
  /** The last lines that Vertex wrote, for when something goes wrong. */
  readonly said: string[] = []
  readonly #children = new Map<string, Kept>()
  #nodes = 0
  #receiver: http.Server | null = null
  readonly #atExit = (): void => {
    for (const { child } of this.#children.values()) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }

  constructor() {
    process.once('exit', this.#atExit)
  }

  #keep(name: string, kept: Kept): void {
    const { child } = kept
    this.#children.set(name, kept)
    child.once('exit', () => this.#children.delete(name))
  }

  /** Starts an app version on a free port. */
  async startApp(version: string, latencyMs: number): Promise<App> {
    const child = fork(APP, ['--version', version, '--latency-ms', String(latencyMs)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#keep(version, { kind: 'app', child })
    const failedAtMs: number[] = []
    const { got, wait } = waitFor<number>(child, `the app ${version}`)
    child.on('message', (message) => {
      const said = message as AppMessage
      if (said.tell === 'listening') got(said.port)
      else failedAtMs.push(said.atMs)
    })
    const url = `http://127.0.0.1:${await wait}`
    return { version, url, failedAtMs, behave: (change) => void child.send({ behave: change }) }
  }

  /** Starts the receiver of pages and returns its URL. */
  async startReceiver(): Promise<string> {
    this.#receiver = http.createServer((request, response) => {
      let text = ''
      request.setEncoding('utf8')
      request.on('data', (chunk: string) => {
        text += chunk
        if (text.length > PAGE_BYTES_MAX) request.destroy()
      })
      request.on('end', () => {
        this.pages.push(text)
        response.writeHead(204).end()
      })
    })
    this.#receiver.listen(0, '127.0.0.1')
    await once(this.#receiver, 'listening')
    return `http://127.0.0.1:${(this.#receiver.address() as AddressInfo).port}/on-call`
  }

  /** Starts a Redis that keeps nothing on a free port, and returns its URL. */
  async startRedis(): Promise<string> {
    const port = await freePort()
    const settings = {
      ...{ bind: '127.0.0.1', port, dir: this.folder },
      ...{ save: '', appendonly: 'no', 'maxmemory-policy': 'noeviction' },
    }
    const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`])
    const child = spawn('redis-server', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#keep('Redis', { kind: 'redis', child })
    const { got, wait } = waitFor<true>(child, 'redis-server')
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('Ready to accept connections')) got(true)
    })
    await wait
    return `redis://127.0.0.1:${port}`
  }

  /** Starts a Vertex with this config (JSON is YAML) and returns its addresses. */
  async startVertex(config: unknown, name = 'vertex'): Promise<Addresses> {
    const file = path.join(this.folder, `${name}.yaml`)
    writeFileSync(file, JSON.stringify(config, null, 2))
    // Settings in the user's environment are meant for a real node.
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('VERTEX_'))
    const child = spawn(process.execPath, [VERTEX, 'run', '-c', file], {
      env: Object.fromEntries(own),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#keep(name, { kind: 'node', child })
    this.#nodes++
    const { got, wait } = waitFor<Addresses>(child, 'Vertex')
    const read = (line: string): void => {
      this.said.push(line)
      if (this.said.length > LINES_MAX) this.said.shift()
      const ready = readReady(line)
      if (ready !== null) got(ready)
    }
    createInterface({ input: child.stdout }).on('line', read)
    createInterface({ input: child.stderr }).on('line', read)
    return wait
  }

  #namesOf(kind: Kept['kind']): string[] {
    return [...this.#children].flatMap(([name, kept]) => (kept.kind === kind ? [name] : []))
  }

  /** Whether every Vertex still runs. */
  get running(): boolean {
    return this.#namesOf('node').length === this.#nodes
  }

  /** Ends the apps that are not among these versions. */
  async keepApps(versions: readonly string[]): Promise<void> {
    const old = this.#namesOf('app').filter((name) => !versions.includes(name))
    await Promise.all(old.map((name) => this.#end(name)))
  }

  async #end(name: string): Promise<void> {
    const child = this.#children.get(name)?.child
    // One that could not be started does not exit either.
    if (child?.pid === undefined) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
    await gone
    clearTimeout(timer)
  }

  /** Ends everything, Vertex first. */
  async close(): Promise<void> {
    for (const kind of KINDS) {
      await Promise.all(this.#namesOf(kind).map((name) => this.#end(name)))
    }
    this.#receiver?.closeAllConnections()
    this.#receiver?.close()
    process.off('exit', this.#atExit)
    this.#atExit()
  }
}
