// Receivers of pages as their documentation describes them: each checks every field of what it is
// sent, keeps incidents as the real one does (PagerDuty by dedup_key, Alertmanager by labels), and
// answers as it is told before it answers well. What it objects to is kept, and asserted to be
// nothing.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ReceiverConfig } from '../../src/config/config.ts'

export type Kind = ReceiverConfig['kind']

/** A status, one with Retry-After in seconds, or no answer at all. */
export type Planned = number | { readonly status: number; readonly retryAfter: string } | 'hang'

export const ROUTING_KEY = '0123456789abcdef0123456789ABCDEF'
export const SLACK_PATH = '/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX'
export const TOKEN = 'Bearer of-a-token-that-nobody-may-see'
/** For a webhook with a template. */
export const TEMPLATE =
  '{"do":"{{action}}","of":"{{incident}}","say":"{{text}}","by":"{{service}} {{version}}","e":{{evidence}}}'

const GOOD: Readonly<Record<Kind, number>> = {
  webhook: 202,
  pagerduty: 202,
  slack: 200,
  alertmanager: 200,
}

interface Taken {
  readonly atMs: number
  readonly body: unknown
}

type Fields = Readonly<Record<string, unknown>>

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)
}

export class PageReceiver {
  readonly kind: Kind
  /** What is wrong with what came. */
  readonly objections: string[] = []
  /** Every attempt, also those that were answered badly or not at all. */
  readonly attempts: Taken[] = []
  readonly taken: Taken[] = []
  /** Incidents that were opened and resolved, in the order of arrival. */
  readonly opened: string[] = []
  readonly resolved: string[] = []
  plan: Planned[]
  #server: Server
  #port = 0

  private constructor(kind: Kind, plan: readonly Planned[]) {
    this.kind = kind
    this.plan = [...plan]
    this.#server = this.#make()
  }

  static async start(kind: Kind, plan: readonly Planned[] = []): Promise<PageReceiver> {
    const receiver = new PageReceiver(kind, plan)
    await receiver.listen()
    return receiver
  }

  /** On the port that it had before, when there was one. */
  async listen(): Promise<void> {
    if (!this.#server.listening) this.#server = this.#make()
    await new Promise<void>((done) => this.#server.listen(this.#port, '127.0.0.1', () => done()))
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** How it is named in a resolved config. */
  config(name: string = this.kind): ReceiverConfig {
    const { kind, origin } = this
    const headers = { authorization: TOKEN }
    switch (kind) {
      case 'webhook':
        return { kind, name, url: `${origin}/hook`, headers, body: TEMPLATE, updates: false }
      case 'pagerduty':
        return { kind, name, url: `${origin}/v2/enqueue`, headers: {}, routingKey: ROUTING_KEY }
      case 'slack':
        return { kind, name, url: `${origin}${SLACK_PATH}`, headers: {} }
      case 'alertmanager':
        return { kind, name, url: `${origin}/`, headers, labels: { team: 'shop' } }
    }
  }

  /** The same as it stands in a file. */
  block(): object {
    const { kind, origin } = this
    switch (kind) {
      case 'webhook':
        return {
          webhook: { url: `${origin}/hook`, headers: { authorization: TOKEN }, body: TEMPLATE },
        }
      case 'pagerduty':
        return { pagerduty: { url: `${origin}/v2/enqueue`, routing_key: ROUTING_KEY } }
      case 'slack':
        return { slack: { url: `${origin}${SLACK_PATH}` } }
      case 'alertmanager': {
        const headers = { authorization: TOKEN }
        return { alertmanager: { url: `${origin}/`, headers, labels: { team: 'shop' } } }
      }
    }
  }

  #make(): Server {
    return createServer((asked, answer) => {
      const chunks: Buffer[] = []
      asked.on('data', (chunk: Buffer) => chunks.push(chunk))
      asked.on('end', () => this.#receive(asked, answer, Buffer.concat(chunks)))
    })
  }

  #receive(asked: IncomingMessage, answer: ServerResponse, bytes: Buffer): void {
    const told = { atMs: performance.now(), body: this.#read(asked, bytes) }
    this.attempts.push(told)
    const planned = this.plan.shift() ?? GOOD[this.kind]
    if (planned === 'hang') return
    const status = typeof planned === 'number' ? planned : planned.status
    if (typeof planned !== 'number') answer.setHeader('retry-after', planned.retryAfter)
    answer.statusCode = status
    if (status < 300) {
      this.taken.push(told)
      this.#follow(told.body)
    }
    answer.end(this.#words(status, bytes))
  }

  /** What the real ones say; those who refuse say back what they were sent, as some do. */
  #words(status: number, bytes: Buffer): string {
    if (this.kind === 'slack') return status < 300 ? 'ok' : 'invalid_payload'
    if (this.kind !== 'pagerduty') return status < 300 ? '' : bytes.toString()
    if (status < 300) return '{"status":"success","message":"Event processed"}'
    const errors = [`routing_key ${ROUTING_KEY} is invalid`]
    return JSON.stringify({ status: 'invalid event', message: 'Event object is invalid', errors })
  }

  #object(what: string): void {
    this.objections.push(`${this.kind}: ${what}`)
  }

  #read(asked: IncomingMessage, bytes: Buffer): unknown {
    if (asked.method !== 'POST') this.#object(`method ${asked.method}`)
    const { authorization, 'content-type': type } = asked.headers
    if (type !== 'application/json') this.#object(`content-type ${type}`)
    const path = {
      webhook: '/hook',
      pagerduty: '/v2/enqueue',
      slack: SLACK_PATH,
      alertmanager: '/api/v2/alerts',
    }
    if (asked.url !== path[this.kind]) this.#object(`path ${asked.url}`)
    const secured = this.kind === 'webhook' || this.kind === 'alertmanager'
    if (secured && authorization !== TOKEN) this.#object('no authorization')
    try {
      return JSON.parse(bytes.toString())
    } catch {
      this.#object('no JSON')
      return null
    }
  }

  #follow(body: unknown): void {
    if (this.kind === 'alertmanager') {
      if (!Array.isArray(body) || body.length !== 1) return this.#object('no list of one alert')
      return this.#followAlert(body[0] as unknown)
    }
    if (!isRecord(body)) return this.#object('no object')
    if (this.kind === 'pagerduty') this.#followEvent(body)
    if (this.kind === 'slack') this.#followMessage(body)
    if (this.kind === 'webhook') this.#followHook(body)
  }

  #open(key: string): void {
    const isOpen = this.#isOpen(key)
    if (!isOpen) this.opened.push(key)
  }

  #isOpen(key: string): boolean {
    const count = (list: readonly string[]): number => list.filter((one) => one === key).length
    return count(this.opened) > count(this.resolved)
  }

  #resolve(key: string): void {
    if (this.#isOpen(key)) this.resolved.push(key)
    else this.#object(`the end of ${key} came without its opening`)
  }

  #followEvent(event: Fields): void {
    const { dedup_key: key, event_action: action, payload, routing_key: routing, ...rest } = event
    if (routing !== ROUTING_KEY) this.#object('routing_key')
    if (typeof key !== 'string' || key === '' || key.length > 255) return this.#object('dedup_key')
    const known = ['client', 'client_url', 'images', 'links']
    for (const name of Object.keys(rest)) if (!known.includes(name)) this.#object(`field ${name}`)
    if (action === 'resolve') return this.#resolve(key)
    if (action !== 'trigger') return this.#object(`event_action ${String(action)}`)
    if (!isRecord(payload)) return this.#object('payload')
    const { class: kind, component, custom_details: details, group, severity } = payload
    const { source, summary, timestamp } = payload
    if (typeof summary !== 'string' || summary === '' || summary.length > 1024) {
      this.#object('payload.summary')
    }
    if (typeof source !== 'string' || source === '') this.#object('payload.source')
    if (!['critical', 'error', 'warning', 'info'].includes(String(severity))) {
      this.#object('payload.severity')
    }
    if (!isTime(timestamp)) this.#object('payload.timestamp')
    for (const text of [kind, component, group]) {
      if (typeof text !== 'string' || text === '') this.#object('payload.class, component, group')
    }
    if (!isRecord(details)) this.#object('payload.custom_details')
    if (JSON.stringify(event).length > 512 * 1024) this.#object('more than 512 KB')
    this.#open(key)
  }

  #followMessage(message: Fields): void {
    const { blocks, text } = message
    if (typeof text !== 'string' || text === '' || text.length > 4000) return this.#object('text')
    if (!Array.isArray(blocks) || blocks.length > 50) return this.#object('blocks')
    const all = JSON.stringify(blocks)
    if (/<|>|&(?!amp;|lt;|gt;)/.test(all + text)) this.#object('an unescaped character')
    for (const block of blocks as Fields[]) {
      const inner = isRecord(block.text) ? block.text.text : ''
      if (typeof inner === 'string' && inner.length > 3000) this.#object('a block is too long')
      if (block.type !== 'section' && block.type !== 'context') this.#object('type of a block')
    }
    const [key = ''] = /vertex-[0-9a-f]{12}-[\w.~+-]+/.exec(all) ?? []
    if (text.startsWith(':rotating_light:')) this.#open(key)
    else if (text.startsWith(':white_check_mark:')) this.#resolve(key)
  }

  #followAlert(alert: unknown): void {
    if (!isRecord(alert)) return this.#object('an alert is no object')
    const { annotations, endsAt, labels, startsAt, ...rest } = alert
    for (const name of Object.keys(rest)) this.#object(`field ${name}`)
    if (!isRecord(labels) || !isRecord(annotations)) return this.#object('labels, annotations')
    for (const [name, value] of Object.entries({ ...labels, ...annotations })) {
      const isGood = /^[a-zA-Z_]\w*$/.test(name) && typeof value === 'string' && value !== ''
      if (!isGood) this.#object(`label or annotation ${name}`)
    }
    if (typeof labels.alertname !== 'string') this.#object('no alertname')
    if (labels.team !== 'shop') this.#object('not the labels of the file')
    if (!isTime(startsAt) || !isTime(endsAt)) return this.#object('startsAt, endsAt')
    const [starts, ends] = [Date.parse(String(startsAt)), Date.parse(String(endsAt))]
    if (ends < starts) return this.#object('it ends before it starts')
    // Two alerts are the same when all labels are.
    const key = JSON.stringify(labels, Object.keys(labels).toSorted())
    if (ends > Date.now()) this.#open(key)
    else this.#resolve(key)
  }

  #followHook(body: Fields): void {
    const { by, do: action, e, of: key, say } = body
    if (typeof key !== 'string' || typeof say !== 'string') return this.#object('the template')
    if (typeof by !== 'string' || e === undefined) this.#object('the template')
    if (action === 'open') this.#open(key)
    else if (action === 'resolve') this.#resolve(key)
    else this.#object(`an action that it was not meant to get: ${String(action)}`)
  }
}

export const KINDS: readonly Kind[] = ['webhook', 'pagerduty', 'slack', 'alertmanager']
