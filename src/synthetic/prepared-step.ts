// A step as undici takes it. What is the same for every transaction is made once; per request only
// two header values change, so that a thousand of them cost a thousand times nearly nothing.

import { randomFillSync } from 'node:crypto'
import type { Dispatcher } from 'undici'
import { type Captured, fill, isFixed } from '../core/transaction/template.ts'
import { looksAtBody, type Step, type Template } from '../core/transaction/transaction.ts'

/** Enough for a thousand requests of one step. */
const POOL_BYTES = 24 * 1024
const pool = Buffer.alloc(POOL_BYTES)
let hex = ''
let at = 0

/** So many random bytes in hex. */
function randomHex(bytes: number): string {
  if (at + bytes * 2 > hex.length) {
    hex = randomFillSync(pool).toString('hex')
    at = 0
  }
  const text = hex.slice(at, at + bytes * 2)
  at += bytes * 2
  return text
}

/** The id of a trace (W3C trace context); one for each transaction. */
export function newTrace(): string {
  return randomHex(16)
}

/** `traceparent` of one request: version 00, its own span, sampled. */
function traceParent(trace: string): string {
  return `00-${trace}-${randomHex(8)}-01`
}

function bytesOf(body: Template, captured: Captured): Buffer {
  return Buffer.from(fill(body, captured))
}

const NOTHING: Captured = new Map()

export class PreparedStep {
  readonly step: Step
  readonly index: number
  readonly looksAtBody: boolean
  /** Nothing but the status and the time is looked at: the fast path. */
  readonly isPlain: boolean
  readonly #isFixed: boolean
  readonly #headers: string[]
  readonly #trace: number
  readonly #options: Dispatcher.DispatchOptions

  constructor(step: Step, { index, run }: { index: number; run: string }) {
    const { body, captures, expect, headers, method, path } = step
    this.step = step
    this.index = index
    this.looksAtBody = looksAtBody(step)
    this.isPlain = !this.looksAtBody && captures.length === 0 && expect.headers.length === 0
    const templates = [path, ...headers.map(({ value }) => value), ...(body === null ? [] : [body])]
    this.#isFixed = templates.every(isFixed)
    this.#headers = this.#headersFor(NOTHING)
    this.#headers.push('x-vertex-synthetic', run, 'traceparent', '')
    this.#trace = this.#headers.length - 1
    this.#options = {
      method: method as Dispatcher.HttpMethod,
      path: this.#isFixed ? fill(path, NOTHING) : '/',
      headers: this.#headers,
      body: body === null || !this.#isFixed ? null : bytesOf(body, NOTHING),
    }
  }

  #headersFor(captured: Captured): string[] {
    return this.step.headers.flatMap(({ name, value }) => [name, fill(value, captured)])
  }

  /**
   * What undici's dispatch is given; valid until the next call, as dispatch copies it at once. A
   * string says why there is no such request.
   */
  request(trace: string, captured: Captured): Dispatcher.DispatchOptions | string {
    this.#headers[this.#trace] = traceParent(trace)
    if (this.#isFixed) return this.#options
    const path = this.#path(captured)
    if (!path.startsWith('/')) return `its path must begin with a slash: it is ${path}`
    const { body } = this.step
    const headers = [...this.#headersFor(captured), ...this.#headers.slice(-4)]
    return {
      ...this.#options,
      path,
      headers,
      body: body === null ? null : bytesOf(body, captured),
    }
  }

  /** A path that is one captured value is taken as it is, also out of an absolute URL. */
  #path(captured: Captured): string {
    const { path } = this.step
    const text = fill(path, captured)
    const isWhole = path.length === 1 && typeof path[0] === 'object'
    if (!isWhole || text.startsWith('/') || !URL.canParse(text)) return text
    const { pathname, search } = new URL(text)
    return pathname + search
  }
}
