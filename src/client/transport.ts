// One call over HTTP: a request with its token and revision, an answer within its time and size,
// and each way in which that can fail as an error with a sentence. It asks once; a change is never
// sent again by itself, since nobody knows whether the first one arrived. It knows no paths.

import { abortedOf, checkTimeout, Deadline, signalsOf, type Signals, within } from './deadline.ts'
import { type ProblemDocument, VertexError, VertexUnreachable } from './errors.ts'
import type { CallOptions, ClientOptions } from './options.ts'

const DEFAULT_URL = 'http://127.0.0.1:9900'
/** Longer than the admin API waits for the control thread, so that its own sentence arrives. */
const DEFAULT_TIMEOUT_MS = 10_000
/** Far more than a page of the journal. */
const ANSWER_BYTES = 64 * 1024 * 1024

export interface Asked {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Below the url, with its query. */
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly ifMatch?: number | undefined
  /** Whether a lost answer can hide something that was done. */
  readonly changes?: boolean
  readonly headers?: Readonly<Record<string, string>>
}

interface Wire {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** The innermost reason of a failed connection, such as ECONNREFUSED. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (!(error instanceof Error)) return String(error)
  if (error.cause !== undefined) return reasonOf(error.cause)
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' ? code : error.message
}

/** Reasons of which it is certain that no request went out. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Lets go of a body, or of its reader; nobody is interested in how that ends. */
function giveUp(body: { cancel: () => Promise<void> } | null): void {
  body?.cancel().catch(() => undefined)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // the caller tells what came instead
  }
}

function isProblem(value: unknown): value is ProblemDocument {
  if (typeof value !== 'object' || value === null) return false
  const { type, detail } = value as Readonly<Record<string, unknown>>
  return typeof type === 'string' && typeof detail === 'string'
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.search + url.hash === ''
  // The value is not shown: a password could be in it.
  if (!isPlain) throw new TypeError('Cannot use the url as it must be http://host:port or https://')
  if (url.username + url.password === '') return url.href.replace(/\/+$/, '')
  throw new TypeError('Cannot use the url as it must hold no user and no password')
}

function checkedToken(token: string | null | undefined): string | null {
  if (token === null || token === undefined) return null
  if (/^[\x21-\x7e]+$/.test(token)) return token
  const rule = 'it must be visible ASCII without spaces or line ends, such as the one of its file'
  throw new TypeError(`Cannot use the token as ${rule}`)
}

export class Transport {
  readonly url: string
  readonly signals: Signals
  readonly #token: string | null
  readonly #timeoutMs: number
  readonly #fetch: typeof fetch | undefined

  constructor(options: ClientOptions) {
    this.url = checkedUrl(options.url ?? DEFAULT_URL)
    this.signals = signalsOf(options.signal)
    this.#token = checkedToken(options.token)
    this.#timeoutMs = checkTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS)
    this.#fetch = options.fetch
  }

  timeoutOf({ timeoutMs }: CallOptions): number {
    return timeoutMs === undefined ? this.#timeoutMs : checkTimeout(timeoutMs)
  }

  #headers({ body, ifMatch, headers }: Asked): Record<string, string> {
    return {
      ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` }),
      ...headers,
    }
  }

  /** Sends it and gives the answer with its body unread. */
  send(asked: Asked, signal: AbortSignal): Promise<Response> {
    const { method, path, body } = asked
    // Looked up at each call: a program may replace the global one later.
    const send = this.#fetch ?? fetch
    const sent = send(this.url + path, {
      method,
      headers: this.#headers(asked),
      body: body === undefined ? null : JSON.stringify(body),
      redirect: 'manual',
      signal,
    })
    return within(sent, signal, ({ body: unread }) => giveUp(unread))
  }

  /** The error for an answer that is none of Vertex. */
  foreign({ status, type }: Omit<Wire, 'text'>, { changes = false }: Asked): VertexUnreachable {
    const came = `${status} ${type === '' ? 'without a type' : type}`
    const message = `Cannot read the answer as ${this.url} is no admin API of Vertex: it answered ${came}`
    return new VertexUnreachable(message, { reason: 'not-vertex', mayHaveHappened: changes })
  }

  /** The error for what was thrown on the way; what is one already stays as it is. */
  failed(
    error: unknown,
    about: { readonly asked: Asked; readonly waitedMs: number | null },
  ): VertexUnreachable {
    if (error instanceof VertexUnreachable) return error
    const { asked, waitedMs } = about
    const why = reasonOf(error)
    const mayHaveHappened = asked.changes === true && (waitedMs !== null || !NOT_SENT.has(why))
    const doubt = mayHaveHappened
      ? '; it may have happened all the same, so look before you try again'
      : ''
    const message =
      waitedMs === null
        ? `Cannot reach the admin API as the connection to ${this.url} failed: ${why}${doubt}`
        : `Cannot wait longer for the admin API as ${this.url} was silent for ${waitedMs} ms${doubt}`
    const reason = waitedMs === null ? 'network' : 'timeout'
    return new VertexUnreachable(message, { reason, mayHaveHappened, cause: error })
  }

  async #read(response: Response, asked: Asked, signal: AbortSignal): Promise<Wire> {
    const { status, body, headers } = response
    const type = headers.get('content-type') ?? ''
    if (body === null) return { status, type, text: '' }
    const decoder = new TextDecoder()
    const reader = body.getReader()
    let bytes = 0
    let text = ''
    try {
      for (;;) {
        const { done, value } = await within(reader.read(), signal)
        if (done) return { status, type, text: text + decoder.decode() }
        bytes += value.byteLength
        if (bytes > ANSWER_BYTES) {
          throw this.foreign({ status, type: `more than ${ANSWER_BYTES} bytes` }, asked)
        }
        text += decoder.decode(value, { stream: true })
      }
    } catch (error) {
      giveUp(reader)
      throw error
    }
  }

  /** The whole answer, whatever its status. */
  async #exchange(asked: Asked, options: CallOptions): Promise<Wire> {
    const timeoutMs = this.timeoutOf(options)
    const signals = [...this.signals, ...signalsOf(options.signal)]
    const deadline = new Deadline(timeoutMs, signals)
    try {
      const { signal } = deadline
      return await this.#read(await this.send(asked, signal), asked, signal)
    } catch (error) {
      const aborted = abortedOf(signals)
      if (aborted !== undefined) throw aborted.reason
      throw this.failed(error, { asked, waitedMs: deadline.passed ? timeoutMs : null })
    } finally {
      deadline.end()
    }
  }

  /** The error for an answer that is no success. */
  refusal(wire: Wire, asked: Asked): VertexError | VertexUnreachable {
    const problem = parse(wire.text)
    return isProblem(problem) ? new VertexError(wire.status, problem) : this.foreign(wire, asked)
  }

  /** The same, of an answer that is still to be read. */
  async refusalOf(
    response: Response,
    asked: Asked,
    signal: AbortSignal,
  ): Promise<VertexError | VertexUnreachable> {
    return this.refusal(await this.#read(response, asked, signal), asked)
  }

  /**
   * Asks for text.
   *
   * @throws VertexError when it is refused, VertexUnreachable when no answer of a node came, and
   *   the reason of the signal that aborted
   */
  async text(asked: Asked, options: CallOptions): Promise<string> {
    const wire = await this.#exchange(asked, options)
    if (wire.status === 200) return wire.text
    throw this.refusal(wire, asked)
  }

  /** Asks for JSON; it throws as `text` does. */
  async json<T>(asked: Asked, options: CallOptions): Promise<T> {
    const wire = await this.#exchange(asked, options)
    if (wire.status !== 200) throw this.refusal(wire, asked)
    const value = parse(wire.text)
    if (typeof value === 'object' && value !== null) return value as T
    throw this.foreign(wire, asked)
  }
}
