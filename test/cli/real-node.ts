// A real node with its operator: `vertex run` with many services, real servers behind them, a
// command line and the admin API. Each service is called from outside by a host of its name, and
// belongs to one test.

import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Agent, request } from 'undici'
import { until } from '../../bench/lab/clock.ts'
import { startVertex, type Vertex } from '../../bench/lab/vertex.ts'
import { startWebhook, type Webhook } from '../../bench/lab/webhook.ts'
import type { ServiceView } from '../../src/core/command.ts'
import type { JournalEntry } from '../../src/core/journal.ts'
import { CommandLine } from './command-line.ts'
import type { Ran } from './run-cli.ts'

const WITHIN_MS = 60_000

/** An app server: it says who it is, or fails for the hosts that it is told to fail for. */
export class TestApp {
  readonly name: string
  /** Hosts whose requests it answers with 500. */
  readonly failing = new Set<string>()
  /** Requests by host. */
  readonly asked = new Map<string, number>()
  readonly #server: Server
  #port = 0

  private constructor(name: string) {
    this.name = name
    this.#server = createServer((asking, answer) => {
      const host = this.#note(asking)
      answer.writeHead(this.failing.has(host) ? 500 : 200).end(name)
    })
    this.#server.on('upgrade', (asking: IncomingMessage, socket: Socket) => {
      this.#note(asking)
      socket.on('error', () => {}) // the other side says how it ended
      socket.write('HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
      socket.pipe(socket)
    })
  }

  static async start(name: string): Promise<TestApp> {
    const app = new TestApp(name)
    await app.listen()
    app.#port = (app.#server.address() as AddressInfo).port
    return app
  }

  #note({ headers }: IncomingMessage): string {
    const host = headers.host ?? ''
    this.asked.set(host, (this.asked.get(host) ?? 0) + 1)
    return host
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** On the port that it had before, when there was one. */
  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.#port, '127.0.0.1', () => resolve()))
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}

/** A tunnel through the proxy to an app that sends back what it gets. */
export class TestTunnel {
  closed = false
  readonly #socket: Socket
  #text = ''

  constructor(port: number, head: string) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString()
    })
    this.#socket.on('error', () => {}) // a close follows
    this.#socket.on('close', () => {
      this.closed = true
    })
    this.#socket.write(`${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  }

  /** Resolves when the text has come back. */
  async echo(text: string): Promise<void> {
    await until(() => (this.#text.includes('\r\n\r\n') ? true : null), {
      what: 'the tunnel is open',
      withinMs: WITHIN_MS,
    })
    this.#socket.write(text)
    await until(() => (this.#text.endsWith(text) ? true : null), {
      what: `${text} comes back through the tunnel`,
      withinMs: WITHIN_MS,
    })
  }

  end(): void {
    this.#socket.destroy()
  }
}

export interface Answered {
  readonly status: number
  /** The name of the app. */
  readonly text: string
}

export class RealNode {
  readonly vertex: Vertex
  readonly webhook: Webhook
  readonly #line = new CommandLine()
  readonly #agent = new Agent({ connections: 8 })

  private constructor(vertex: Vertex, webhook: Webhook) {
    this.vertex = vertex
    this.webhook = webhook
  }

  /** Starts a node with these services, each at the host of its name. */
  static async start(services: Readonly<Record<string, object>>): Promise<RealNode> {
    const webhook = await startWebhook()
    const matched = Object.entries(services).map(([name, service]) => [
      name,
      { match: { host: `${name}.test` }, ...service },
    ])
    const vertex = await startVertex({
      listen: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      threads: 1,
      page: { webhook: webhook.url },
      timeouts: { drain_delay: '0', drain: '1s', tunnel_drain: '200ms', connect: '500ms' },
      services: Object.fromEntries(matched),
    })
    return new RealNode(vertex, webhook)
  }

  /** Runs one line of the command line. */
  cli(line: string): Promise<Ran> {
    return this.#line.run(`${line} --admin ${this.vertex.adminUrl}`)
  }

  /** Runs a line that must end well. */
  async does(line: string): Promise<string> {
    const { code, stderr, stdout } = await this.cli(line)
    if (code !== 0) throw new Error(`${line}: exit ${code}: ${stderr}`)
    return stdout
  }

  view(service: string): Promise<ServiceView> {
    return this.vertex.service(service)
  }

  /** The admin API: the status, and the problem or the answer. */
  async api(
    call: string,
    options: { body?: unknown; ifMatch?: number } = {},
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const [method = 'GET', path = ''] = call.split(' ')
    const { body, status } = await this.vertex.ask(method, `/v1/services/${path}`, options)
    return { status, body: body as Record<string, unknown> }
  }

  journal(service: string): readonly JournalEntry[] {
    return this.vertex.journal().filter((entry) => entry.service === service)
  }

  /** One request of a user. */
  async get(service: string, headers: Readonly<Record<string, string>> = {}): Promise<Answered> {
    const answer = await request(this.vertex.url, {
      headers: { host: `${service}.test`, ...headers },
      dispatcher: this.#agent,
    })
    return { status: answer.statusCode, text: await answer.body.text() }
  }

  /** So many requests of users, one after another. */
  async gets(service: string, count: number): Promise<readonly Answered[]> {
    const answers: Answered[] = []
    for (let i = 0; i < count; i++) answers.push(await this.get(service))
    return answers
  }

  /** Requests, five at a time, until the condition holds. */
  async trafficUntil(
    service: string,
    condition: () => Promise<boolean> | boolean,
    everyMs = 5,
  ): Promise<void> {
    await until(
      async () => {
        await this.gets(service, 5)
        return (await condition()) ? true : null
      },
      { what: `what the traffic of ${service} leads to`, withinMs: WITHIN_MS, everyMs },
    )
  }

  /** Waits until the service is seen so. */
  async seen(service: string, is: (view: ServiceView) => boolean): Promise<ServiceView> {
    let last: ServiceView | null = null
    const probe = async (): Promise<ServiceView | null> => {
      last = await this.view(service)
      return is(last) ? last : null
    }
    try {
      return await until(probe, { what: `${service} is so`, withinMs: WITHIN_MS })
    } catch (error) {
      throw new Error(`it is not so: ${JSON.stringify(last)}`, { cause: error })
    }
  }

  /** Waits until the candidate has this weight in percent. */
  at(service: string, weight: number): Promise<ServiceView> {
    return this.seen(service, ({ candidate }) => candidate?.weight === weight)
  }

  /**
   * Requests until this app answers one with success: its weight is in force then, and on the disk
   * when it was raised. A view may show it a moment before.
   */
  answers(service: string, app: string): Promise<void> {
    return this.trafficUntil(service, async () => {
      const { status, text } = await this.get(service)
      return status === 200 && text === app
    })
  }

  tunnel(service: string, cookie: string): TestTunnel {
    const head = `GET / HTTP/1.1\r\nHost: ${service}.test\r\nCookie: ${cookie}\r\n`
    return new TestTunnel(this.vertex.port, head)
  }

  /** Ends the process at once and starts it again on what it left behind. */
  async restart(): Promise<void> {
    await this.vertex.end('SIGKILL')
    await this.vertex.start()
  }

  async end(): Promise<void> {
    this.#line.end()
    await this.#agent.destroy()
    await this.vertex.end('SIGKILL')
    await this.webhook.end()
  }
}
