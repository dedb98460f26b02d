// The connection to Redis: one client for commands, one that hears. The two live and die together,
// as a session. A session counts as there when its server can be used (a master, the same process
// for both), the channels are heard, and the fleet has been joined. When either fails or someone
// finds that Redis does not answer, the session is thrown away and another one is begun, with waits
// that grow to half a second. While there is none, every call fails at once.

import type { Redis } from 'ioredis'
import { codeOf, readInfo, type ServerFacts } from './advice.ts'
import { type Client, openClient, openSubscriber, serversOf } from './client.ts'
import type { FleetOptions } from './options.ts'
import type { Script } from './scripts.ts'
import { within } from './within.ts'

export const CALL_MS = 1_000
/** For all the steps of a beginning; sentinels and slots take some. */
const BEGIN_MS = { single: 2_000, sentinel: 4_000, cluster: 4_000 }
const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 500

/** What is passed to a script, beside its text. */
export interface ScriptCall {
  readonly keys: readonly string[]
  readonly args: readonly (string | number)[]
}

export interface Session {
  readonly client: Client
  readonly subscriber: Redis
  /** What the servers are at the moment; of a cluster those that answer. */
  inspect(): Promise<readonly ServerFacts[]>
  /** Runs a script, bounded. */
  run(script: Script, call: ScriptCall): Promise<unknown>
}

export interface ConnectionListener {
  /** The last step of a beginning; the session counts as there when it resolves. */
  greet(session: Session, servers: readonly ServerFacts[]): Promise<void>
  onUp(): void
  /** The session is gone; also called for each beginning that failed. */
  onDown(error: unknown): void
  onMessage(channel: string, text: string): void
}

export interface ConnectionOptions {
  readonly fleet: FleetOptions
  readonly channels: readonly string[]
  readonly random: () => number
  readonly listener: ConnectionListener
}

/** A server names a script by its hash, which tells nobody anything. */
function named(error: unknown, { name, sha }: Script): unknown {
  if (error instanceof Error) error.message = error.message.replaceAll(sha, name)
  return error
}

async function runScript(client: Client, { script, keys, args }: ScriptCall & { script: Script }) {
  const passed = [...keys, ...args]
  try {
    return await client.evalsha(script.sha, keys.length, ...passed)
  } catch (error) {
    if (codeOf(error) !== 'NOSCRIPT') throw named(error, script)
  }
  try {
    return await client.eval(script.text, keys.length, ...passed)
  } catch (error) {
    throw named(error, script)
  }
}

async function factsOf(server: Redis): Promise<ServerFacts> {
  const { host = '', port = 0 } = server.options
  // One section a call: servers before 7.0 know no other form.
  const sections = await Promise.all(
    ['server', 'replication', 'memory'].map((section) => server.info(section)),
  )
  const { remoteAddress, remotePort } = server.stream ?? {}
  const address = server.options.sentinels ? `${remoteAddress}:${remotePort}` : `${host}:${port}`
  return readInfo(address, sections.join('\r\n'))
}

async function inspect(client: Client): Promise<readonly ServerFacts[]> {
  const looks = serversOf(client).map((server) => within(CALL_MS, factsOf(server)))
  const found = await Promise.allSettled(looks)
  const facts = found.flatMap((look) => (look.status === 'fulfilled' ? look.value : []))
  if (facts.length > 0) return facts
  const failed = found.find((look) => look.status === 'rejected')
  throw failed?.reason ?? new Error('the cluster has no master')
}

/** Resolves when the client can be used; rejects with what went wrong, not with that it did. */
function ready(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    let cause: Error | null = null
    client.on('error', (error: Error) => {
      // A cluster says that all its nodes have failed, a node has said why.
      cause ??= error
      reject(cause)
    })
    client.on('node error', (error: Error) => {
      cause = error
    })
    client.on('end', () => reject(cause ?? new Error('the connection was closed')))
    client.connect().then(resolve, (error: unknown) => reject(cause ?? error))
  })
}

export class Connection {
  readonly #options: ConnectionOptions
  #session: Session | null = null
  /** What the present beginning or session has opened. */
  #opened: readonly Client[] = []
  #attempt = 0
  #failures = 0
  #timer: NodeJS.Timeout | null = null
  #closed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  open(): void {
    void this.#begin()
  }

  /** Null while Redis is away. */
  get session(): Session | null {
    return this.#session
  }

  /** Runs a script, bounded; rejects at once while Redis is away. */
  async run(script: Script, call: ScriptCall): Promise<unknown> {
    if (this.#session === null) throw new Error('Redis is away')
    return await this.#session.run(script, call)
  }

  /** Someone has found that this session cannot be used. */
  fail(session: Session, error: unknown): void {
    if (session === this.#session) this.#down(error)
  }

  close(): void {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#session = null
    this.#discard()
  }

  async #begin(): Promise<void> {
    const attempt = ++this.#attempt
    const { fleet, listener } = this.#options
    const isPresent = (): boolean => attempt === this.#attempt && !this.#closed
    try {
      const session = await within(BEGIN_MS[fleet.redis.kind], this.#steps(attempt))
      if (!isPresent()) return
      if (this.#opened.some(({ status }) => status !== 'ready')) {
        throw new Error('the connection was closed')
      }
      this.#session = session
      this.#failures = 0
      for (const client of this.#opened) {
        client.on('error', (error: unknown) => this.fail(session, error))
        client.once('end', () => this.fail(session, new Error('the connection was closed')))
      }
      listener.onUp()
    } catch (error) {
      if (isPresent()) this.#down(error)
    }
  }

  async #steps(attempt: number): Promise<Session> {
    const { fleet, channels, listener } = this.#options
    const client = openClient(fleet, attempt)
    this.#opened = [client]
    await ready(client)
    const servers = await inspect(client)
    const replica = servers.find(({ role }) => role !== 'master')
    if (replica !== undefined) {
      throw new Error(`READONLY ${replica.address} is a ${replica.role}, no master`)
    }
    const subscriber = openSubscriber(client, { options: fleet, attempt })
    if (attempt !== this.#attempt || this.#closed) {
      subscriber.disconnect()
      throw new Error('another session has begun')
    }
    this.#opened = [client, subscriber]
    await ready(subscriber)
    const heard = await factsOf(subscriber)
    if (!servers.some(({ run }) => run === heard.run)) {
      throw new Error(`${heard.address} is another server than the one that takes commands`)
    }
    subscriber.on('message', (channel: string, text: string) => listener.onMessage(channel, text))
    await subscriber.subscribe(...channels)
    const session: Session = {
      client,
      subscriber,
      inspect: () => inspect(client),
      run: (script, call) => within(CALL_MS, runScript(client, { script, ...call })),
    }
    await listener.greet(session, servers)
    return session
  }

  #down(error: unknown): void {
    this.#session = null
    this.#attempt++
    this.#discard()
    if (this.#closed) return
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures)
    this.#failures++
    const waitMs = longest * (0.5 + this.#options.random() / 2)
    this.#timer = setTimeout(() => this.open(), waitMs)
    this.#options.listener.onDown(error)
  }

  #discard(): void {
    for (const client of this.#opened) {
      client.removeAllListeners('message')
      // What a client says that was thrown away is of no interest; it must have a listener.
      client.on('error', () => {})
      client.disconnect()
    }
    this.#opened = []
  }
}
