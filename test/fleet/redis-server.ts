// Real Redis servers for tests: each on free ports of this machine, in a directory of its own, and
// ended for certain when the test ends. Nothing here waits without a bound.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../bench/lab/free-port.ts'
import './redis-needed.ts'

const WAIT_MS = 60_000

export interface TestScope {
  teardown(undo: () => Promise<void>): void
}

/** Waits for what a test is about; fails with a sentence when it does not come. */
export async function until(
  what: string,
  { is, withinMs = WAIT_MS }: { is: () => boolean | Promise<boolean>; withinMs?: number },
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await is())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await sleep(10)
  }
}

/** One command over a connection of its own, by redis-cli; the answer as text. */
export async function cli(port: number, ...words: readonly string[]): Promise<string> {
  const child = spawn('redis-cli', ['-p', String(port), '--no-auth-warning', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), WAIT_MS)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      said += bytes.toString()
    })
  }
  await new Promise((resolve) => child.on('close', resolve))
  clearTimeout(timer)
  return said.trim()
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => socket.write('PING\r\n'))
    socket.on('data', (bytes) => {
      resolve(/PONG|NOAUTH|NOPERM|DENIED/.test(bytes.toString()))
      socket.destroy()
    })
    socket.on('error', () => resolve(false))
    socket.setTimeout(500, () => {
      socket.destroy()
      resolve(false)
    })
  })
}

export class RedisServer {
  readonly port: number
  readonly #directory: string
  readonly #lines: readonly string[]
  readonly #isSentinel: boolean
  #child: ChildProcess | null = null

  private constructor(
    port: number,
    options: { directory: string; lines: readonly string[]; isSentinel: boolean },
  ) {
    this.port = port
    this.#directory = options.directory
    this.#lines = options.lines
    this.#isSentinel = options.isSentinel
  }

  /** `lines` are those of its config file, beyond what every test wants. */
  static async start(
    t: TestScope,
    { lines = [], isSentinel = false }: { lines?: readonly string[]; isSentinel?: boolean } = {},
  ): Promise<RedisServer> {
    const directory = await mkdtemp(join(tmpdir(), 'vertex-redis-'))
    const server = new RedisServer(await freePort(), { directory, lines, isSentinel })
    t.teardown(async () => {
      await server.kill()
      await rm(directory, { recursive: true, force: true })
    })
    await server.start()
    return server
  }

  /** Starts (again), with nothing of what it held. */
  async start(): Promise<void> {
    const config = join(this.#directory, 'redis.conf')
    const own = this.#isSentinel ? [] : ['save ""', 'appendonly no', 'repl-diskless-sync-delay 0']
    const lines = ['bind 127.0.0.1', `port ${this.port}`, `dir ${this.#directory}`, ...own]
    await writeFile(config, `${[...lines, ...this.#lines].join('\n')}\n`)
    const mode = this.#isSentinel ? ['--sentinel'] : []
    this.#child = spawn('redis-server', [config, ...mode], { stdio: 'ignore' })
    await until(`redis-server on port ${this.port} answers`, { is: () => accepts(this.port) })
  }

  /** As a crash: nothing is said, nothing is saved. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.on('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  async restartEmpty(): Promise<void> {
    await this.kill()
    await this.start()
  }

  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  cli(...words: readonly string[]): Promise<string> {
    return cli(this.port, ...words)
  }

  /** The term of the last decision about a service: a server's terms begin with its time. */
  async term(service: string): Promise<number> {
    return Number(await this.cli('HGET', `vertex:{svc:${service}}:doc`, 'docTerm'))
  }
}
