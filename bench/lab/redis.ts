// A Redis of a measurement: a real redis-server on a free port of loopback, in a folder of its own,
// that can be killed, paused, and started again on the same port, with its data or without; and the
// sentinels and the replica that take its place in a fail-over. Its figures are asked for over a
// connection that is closed at once, so that it is not among those that are counted.

import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Redis } from 'ioredis'
import { endChild, onExit, startProgram } from './children.ts'
import { until } from './clock.ts'
import { freePort } from './free-port.ts'
import { isInstalled } from './rivals.ts'

const START_MS = 10_000
const ANSWER_MS = 1000
const ATTEMPTS = 3

export interface RedisOptions {
  /** Everything is on the disk before it is answered, and there again after a kill. */
  readonly keeps?: boolean
  /** More lines of its config file. */
  readonly lines?: readonly string[]
  readonly isSentinel?: boolean
}

/** Fails with a sentence that says what to do when there is no Redis on this machine. */
export function needRedis(): void {
  if (isInstalled('redis-server')) return
  throw new Error(
    'Cannot measure a fleet as redis-server is not installed: apt-get install redis-server',
  )
}

export class RedisServer {
  readonly port: number
  readonly #folder: string
  readonly #options: RedisOptions
  #child: ChildProcess | null = null

  private constructor(port: number, options: RedisOptions) {
    this.port = port
    this.#options = options
    this.#folder = mkdtempSync(path.join(tmpdir(), 'vertex-redis-'))
    onExit(() => rmSync(this.#folder, { recursive: true, force: true }))
  }

  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    needRedis()
    for (let attempt = 1; ; attempt++) {
      const server = new RedisServer(await freePort(), options)
      try {
        await server.start()
        return server
      } catch (error) {
        // Somebody else may have taken the port in between.
        if (attempt === ATTEMPTS) throw error
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#child?.pid ?? -1
  }

  /** Starts (again) on its port; resolves when it answers. */
  async start(): Promise<void> {
    const { isSentinel = false, keeps = false, lines = [] } = this.#options
    const kept = keeps ? ['appendonly yes', 'appendfsync always'] : ['appendonly no']
    const own = isSentinel
      ? []
      : ['save ""', 'maxmemory-policy noeviction', 'repl-diskless-sync-delay 0', ...kept]
    const config = path.join(this.#folder, 'redis.conf')
    const where = ['bind 127.0.0.1', `port ${this.port}`, `dir ${this.#folder}`]
    writeFileSync(config, `${[...where, ...own, ...lines].join('\n')}\n`)
    const command = ['redis-server', config, ...(isSentinel ? ['--sentinel'] : [])]
    this.#child = startProgram(command)
    this.#child.stdout?.resume()
    this.#child.stderr?.resume()
    const child = this.#child
    const what = `redis-server answers on port ${this.port}`
    await until(
      async () => {
        if (child.exitCode !== null) throw new Error(`Cannot start it as it ended: ${what}`)
        return this.answers()
      },
      { what, withinMs: START_MS },
    )
  }

  /** As a crash. */
  async kill(): Promise<void> {
    if (this.#child !== null) await endChild(this.#child, { signal: 'SIGKILL' })
    this.#child = null
  }

  /** After a kill: throws away what it had on its disk. */
  forget(): void {
    for (const name of readdirSync(this.#folder)) {
      if (name !== 'redis.conf') rmSync(path.join(this.#folder, name), { recursive: true })
    }
  }

  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** One command over a connection of its own, e.g. `('INFO', 'stats')`. */
  async command(name: string, ...words: readonly string[]): Promise<unknown> {
    const client = new Redis({
      ...{ host: '127.0.0.1', port: this.port, lazyConnect: true, enableReadyCheck: false },
      ...{ connectTimeout: ANSWER_MS, commandTimeout: ANSWER_MS, maxRetriesPerRequest: 0 },
      retryStrategy: null,
    })
    client.on('error', () => undefined) // it is told by the command
    try {
      return await client.call(name, ...words)
    } finally {
      client.disconnect()
    }
  }

  /** The fields of a section of INFO. */
  async info(section: string): Promise<Readonly<Record<string, string>>> {
    const text = String(await this.command('INFO', section))
    const fields = text.matchAll(/^(\w+):(.*?)\r?$/gm)
    return Object.fromEntries([...fields].map(([, name = '', value = '']) => [name, value]))
  }

  /** Whether a field of INFO has this value; null when it does not, or nobody answers yet. */
  async says(section: string, field: { name: string; value: string }): Promise<true | null> {
    try {
      return (await this.info(section))[field.name] === field.value ? true : null
    } catch {
      return null // a change of roles ends connections, too
    }
  }

  async answers(): Promise<true | null> {
    try {
      return (await this.command('PING')) === 'PONG' ? true : null
    } catch {
      return null // not yet
    }
  }
}

/** A master, its replica, and three sentinels that agree when the master is gone for a second. */
export interface Watched {
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly sentinels: readonly RedisServer[]
  /** Whether so many sentinels as have to agree name the replica as master; null: not yet. */
  readonly isOver: () => Promise<true | null>
  end(): Promise<void>
}

const SENTINELS = 3
const QUORUM = 2

export async function startWatched(name: string): Promise<Watched> {
  const master = await RedisServer.start()
  const replica = await RedisServer.start({ lines: [`replicaof 127.0.0.1 ${master.port}`] })
  await until(() => replica.says('replication', { name: 'master_link_status', value: 'up' }), {
    what: 'the replica follows the master',
    withinMs: START_MS,
  })
  const lines = [
    `sentinel monitor ${name} 127.0.0.1 ${master.port} ${QUORUM}`,
    `sentinel down-after-milliseconds ${name} 1000`,
    `sentinel failover-timeout ${name} 5000`,
  ]
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, () => RedisServer.start({ isSentinel: true, lines })),
  )
  // They find each other and the replica through the master, which takes some seconds.
  const knows = async (sentinel: RedisServer): Promise<boolean> => {
    const { master0 = '' } = await sentinel.info('sentinel')
    return master0.includes('slaves=1') && master0.includes(`sentinels=${SENTINELS}`)
  }
  await until(
    async () => ((await Promise.all(sentinels.map(knows))).every(Boolean) ? true : null),
    { what: 'the sentinels know each other and the replica', withinMs: 30_000, everyMs: 100 },
  )
  const end = async (): Promise<void> => {
    for (const server of [...sentinels, replica, master]) await server.kill()
  }
  const names = async (sentinel: RedisServer): Promise<boolean> => {
    const address = await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)
    return Array.isArray(address) && Number(address[1]) === replica.port
  }
  const isOver = async (): Promise<true | null> => {
    const named = await Promise.all(sentinels.map(names))
    return named.filter(Boolean).length >= QUORUM ? true : null
  }
  return { master, replica, sentinels, isOver, end }
}
