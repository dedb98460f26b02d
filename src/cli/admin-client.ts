// The CLI's side of the admin API: typed calls, and every way in which one can fail as a value with
// its exit code and its sentence. It asks once; trying again is the caller's decision. It knows
// nothing of terminals.

import { Agent, request } from 'undici'
import type { NodeView, ServiceView } from '../core/command.ts'
import type { Convergence, FleetEntry, FleetView } from '../core/fleet/view.ts'
import type { JournalEntry } from '../core/journal.ts'
import type { SyntheticReport } from '../core/synthetic.ts'
import { EXIT, failure, type Result, success } from './exit.ts'

const CONNECT_LIMIT_MS = 3000
/** Longer than the admin API waits for the control thread, so that its own sentence arrives. */
const ANSWER_LIMIT_MS = 10_000
/** A synthetic transaction is answered when it has ended; the admin API gives up before this. */
const SYNTHETIC_LIMIT_MS = 1_860_000
/** Far more than a page of the journal. */
const ANSWER_BYTES = 64 * 1024 * 1024

export interface AdminAddress {
  /** `http://host:port`. */
  readonly url: string
  readonly token: string | null
  /** Said when nothing answers there. */
  readonly hint?: string
}

/** A service after a change, with a sentence about what was done. */
export type Changed = ServiceView & {
  readonly note: string
  /** Null: the node works alone. Absent: it is of a release that knew no fleets. */
  readonly convergence?: Convergence | null
}

/** The node with its fleet, which one of an older release does not tell of. */
export type Node = Omit<NodeView, 'fleet'> & { readonly fleet?: FleetView | null }

export interface JournalPage {
  readonly entries: readonly JournalEntry[]
  readonly next: number | null
  readonly last: number | null
}

export interface ChangeRequest {
  readonly method: 'PUT' | 'POST' | 'DELETE'
  /** Below `/v1/services/{service}`. */
  readonly path: string
  readonly body?: unknown
  readonly ifMatch?: number | undefined
  /** How long the answer may take; default 10 s. */
  readonly limitMs?: number
}

interface Wire {
  readonly status: number
  readonly text: string
}

/** The innermost reason of a failed connection, such as ECONNREFUSED. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (!(error instanceof Error)) return String(error)
  if (error.cause !== undefined) return reasonOf(error.cause)
  return (error as NodeJS.ErrnoException).code ?? error.message
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The words of the command line that answer a refusal, by the code of the problem. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['token-needed', 'Give it with --token-file or VERTEX_ADMIN_TOKEN'],
  ['rollout-running', 'In one step: --replace'],
])

/** One line for a refusal: its detail, what would have been accepted, and how to say it here. */
export function problemLine({ status, text }: Wire): string {
  const body = parse(text)
  const { detail, title, allowed, type } = (
    typeof body === 'object' && body !== null ? body : {}
  ) as Record<string, unknown>
  const main =
    typeof detail === 'string'
      ? detail
      : `Cannot do it as the admin API answered ${status}${typeof title === 'string' ? ` ${title}` : ''}`
  const list = Array.isArray(allowed) ? allowed.map(String).join(', ') : ''
  const hint = HINTS.get(String(type).replace(/^.*:/, ''))
  const said = list === '' ? main : `${main} (allowed: ${list})`
  return hint === undefined ? said : `${said}. ${hint}`
}

export class AdminClient {
  readonly #address: AdminAddress
  readonly #agent = new Agent({
    connect: { timeout: CONNECT_LIMIT_MS },
    headersTimeout: ANSWER_LIMIT_MS,
    bodyTimeout: ANSWER_LIMIT_MS,
    maxResponseSize: ANSWER_BYTES,
  })

  constructor(address: AdminAddress) {
    this.#address = address
  }

  async #send(path: string, change?: ChangeRequest): Promise<Result<Wire>> {
    const { hint, token, url } = this.#address
    const headers: Record<string, string> = { 'user-agent': 'vertex-cli' }
    if (token !== null) headers.authorization = `Bearer ${token}`
    if (change !== undefined) headers['content-type'] = 'application/json'
    if (change?.ifMatch !== undefined) headers['if-match'] = `"${change.ifMatch}"`
    try {
      const { statusCode, body } = await request(url.replace(/\/+$/, '') + path, {
        method: change?.method ?? 'GET',
        headers,
        body: change === undefined ? null : JSON.stringify(change.body ?? {}),
        dispatcher: this.#agent,
        headersTimeout: change?.limitMs ?? ANSWER_LIMIT_MS,
      })
      return success({ status: statusCode, text: await body.text() })
    } catch (error) {
      const line = `Cannot reach the admin API as nothing answers at ${url} (${reasonOf(error)})`
      return failure(EXIT.unreachable, hint === undefined ? line : `${line}. ${hint}`)
    }
  }

  async #json<T>(path: string, change?: ChangeRequest): Promise<Result<T>> {
    const sent = await this.#send(path, change)
    if (!sent.ok) return sent
    const { status, text } = sent.value
    if (status < 200 || status > 299) return failure(EXIT.failed, problemLine(sent.value))
    const value = parse(text)
    if (value !== undefined) return success(value as T)
    const line = `Cannot read the answer as it is no JSON: ${this.#address.url} is no admin API of Vertex`
    return failure(EXIT.unreachable, line)
  }

  async services(): Promise<Result<readonly ServiceView[]>> {
    const got = await this.#json<{ services: readonly ServiceView[] }>('/v1/services')
    return got.ok ? success(got.value.services) : got
  }

  service(name: string): Promise<Result<ServiceView>> {
    return this.#json(`/v1/services/${encodeURIComponent(name)}`)
  }

  node(): Promise<Result<Node>> {
    return this.#json('/v1/node')
  }

  fleet(): Promise<Result<FleetView>> {
    return this.#json('/v1/fleet')
  }

  /** The newest decisions about a service of all nodes, as the fleet learned of them. */
  async fleetJournal(service: string, limit: number): Promise<Result<readonly FleetEntry[]>> {
    const query = new URLSearchParams({ service, limit: String(limit) }).toString()
    const got = await this.#json<{ entries: readonly FleetEntry[] }>(`/v1/fleet/journal?${query}`)
    return got.ok ? success(got.value.entries) : got
  }

  change(service: string, change: ChangeRequest): Promise<Result<Changed>> {
    return this.#json(`/v1/services/${encodeURIComponent(service)}${change.path}`, change)
  }

  /** Runs a synthetic transaction; `body` is what the API takes. */
  synthetic(service: string, body: object): Promise<Result<SyntheticReport>> {
    const path = `/v1/services/${encodeURIComponent(service)}/synthetic`
    return this.#json(path, { method: 'POST', path, body, limitMs: SYNTHETIC_LIMIT_MS })
  }

  journal(query: Readonly<Record<string, string>>): Promise<Result<JournalPage>> {
    return this.#json(`/v1/journal?${new URLSearchParams(query).toString()}`)
  }

  /** `/livez` or `/readyz`: its text, or the failure with what stands against it. */
  async probe(path: '/livez' | '/readyz'): Promise<Result<string>> {
    const sent = await this.#send(path)
    if (!sent.ok) return sent
    const { status, text } = sent.value
    return status === 200 ? success(text.trim()) : failure(EXIT.failed, problemLine(sent.value))
  }

  /** Closes idle connections, so that the process can end. */
  close(): Promise<void> {
    return this.#agent.destroy()
  }
}
