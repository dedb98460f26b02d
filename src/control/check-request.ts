// One question to a target: a health check by HTTP, or only whether it can be connected to. All
// answers are values, and why a target failed is a clause for people.
//
// Checks of a target come over one kept connection, which costs a seventh of a new one each time;
// with a thousand targets that is felt. A target may close a kept connection at the very moment it
// is used: that is nobody's fault, so the check is made again over a new one, and only this counts.

import net from 'node:net'
import type { Client } from 'undici'
import type { CheckResult } from '../core/health-check.ts'
import { undici } from './undici.ts'

/** What is read of an answer's body at most; a longer one is cut off and is no fault. */
const BODY_BYTES = 64 * 1024
const GOOD: CheckResult = { good: true, reason: '' }
const HEADERS = { 'user-agent': 'vertex-health-check', accept: '*/*' } as const

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name cannot be looked up now',
  EMFILE: 'this node has no more file descriptors',
  EADDRNOTAVAIL: 'this node has no more ports',
  UND_ERR_SOCKET: 'the connection was closed before the answer was whole',
  UND_ERR_HEADERS_OVERFLOW: 'the head of the answer is too large',
}

/** We are out of descriptors, ports or memory. */
const OURS = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'EAGAIN', 'ENOBUFS', 'ENOMEM'])

function failureOf(error: NodeJS.ErrnoException): CheckResult {
  const failure = { good: false, reason: reasonOf(error) }
  return OURS.has(error.code ?? '') ? { ...failure, isOurs: true } : failure
}

/** Why a connection failed, in words; the system's own when there are none. */
export function reasonOf({ code = '', message, name }: NodeJS.ErrnoException): string {
  if (name === 'HTTPParserError') return 'the answer is not HTTP'
  return WORDS[code] ?? (message || code)
}

function tooLate(what: string, timeoutMs: number): CheckResult {
  return { good: false, reason: `${what} within ${timeoutMs} ms` }
}

export interface Question {
  readonly path: string
  /** For connection, head and body together. */
  readonly timeoutMs: number
}

/** Asks one target for its health, one question at a time. */
export class CheckClient {
  /** Read before the first question, whose time it would take. */
  readonly #http = undici()
  readonly #url: string
  #client: Client | null = null
  /** Ends the question that is on its way, without an answer. */
  #giveUp: (() => void) | null = null
  #isDestroyed = false

  /** @param url `http://host:port` */
  constructor(url: string) {
    this.#url = url
  }

  /** GETs the path; a status of 200 to 399 with a whole body (or 64 KiB of it) is good. */
  async ask({ path, timeoutMs }: Question): Promise<CheckResult> {
    let isLate = false
    let isOver = false
    const giveUp = (): void => {
      if (isOver) return
      isLate = true
      this.#giveUp?.()
    }
    // Timers come before sockets: after a standstill of ours the answer is read first.
    const timer = setTimeout(() => setImmediate(giveUp), timeoutMs)
    const isKept = this.#client !== null
    let answer = await this.#attempt(path)
    const again = isKept && !isLate && !this.#isDestroyed
    if (again && 'failed' in answer) answer = await this.#attempt(path)
    clearTimeout(timer)
    isOver = true
    if (isLate) return tooLate('no whole answer', timeoutMs)
    return 'failed' in answer ? failureOf(answer.failed) : answer
  }

  /** Closes the connection; a question on its way fails. */
  destroy(): void {
    this.#isDestroyed = true
    this.#giveUp?.()
    this.#drop()
  }

  #attempt(path: string): Promise<CheckResult | { failed: Error }> {
    const { promise, resolve } = Promise.withResolvers<CheckResult | { failed: Error }>()
    // Nobody but the question's own time limit ends it.
    this.#client ??= new this.#http.Client(this.#url, { headersTimeout: 0, bodyTimeout: 0 })
    const client = this.#client
    let status = 0
    let bytes = 0
    const end = (): void => {
      this.#giveUp = null
      resolve(answerOf(status))
    }
    // It may come late, when another client is in use already.
    const fail = (failed: Error): void => {
      if (this.#client === client) this.#drop() // and whatever hangs in it
      resolve({ failed })
    }
    this.#giveUp = () => {
      this.#giveUp = null
      fail(new Error('the question was given up'))
    }
    // Without streams and signals: a third less than the client's other forms cost.
    client.dispatch(
      { method: 'GET', path, headers: HEADERS },
      {
        onRequestStart: () => undefined, // it must be there
        onResponseStart: (_controller, statusCode) => {
          status = statusCode
        },
        onResponseData: (_controller, chunk) => {
          bytes += chunk.length
          if (bytes < BODY_BYTES) return
          end()
          if (this.#client === client) this.#drop() // with the rest of the body
        },
        onResponseEnd: end,
        onResponseError: (_controller, error) => fail(error),
      },
    )
    return promise
  }

  #drop(): void {
    // Not waited for: what is left of it is only its socket's close.
    void this.#client?.destroy()
    this.#client = null
  }
}

function answerOf(status: number): CheckResult {
  return status >= 200 && status < 400 ? GOOD : { good: false, reason: `status ${status}` }
}

/** Whether a connection can be made; it is closed at once. Never rejects. */
export type Connect = (
  address: { readonly host: string; readonly port: number },
  timeoutMs: number,
) => Promise<CheckResult>

export const connectOnce: Connect = ({ host, port }, timeoutMs) => {
  const { promise, resolve } = Promise.withResolvers<CheckResult>()
  const socket = net.connect({ host, port })
  // Waiting for it is no reason to go on living.
  socket.unref()
  const end = (result: CheckResult): void => {
    clearTimeout(timer)
    resolve(result)
    socket.destroy()
  }
  const timer = setTimeout(() => end(tooLate('no connection', timeoutMs)), timeoutMs)
  timer.unref()
  socket.on('connect', () => end(GOOD))
  // Stays for good: what comes after the end must not be thrown.
  socket.on('error', (error) => end({ good: false, reason: reasonOf(error) }))
  return promise
}
