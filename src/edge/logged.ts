// What an exchange tells the access log as it goes. Without an access log each of these is one look
// at a null; with one the entry is written when the exchange is over, whatever became of it.

import type { Fault } from '../http1/fault.ts'
import type { ForwardedBy } from '../http1/forward.ts'
import { FIELD } from '../http1/fields.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { AccessEntry } from './access-line.ts'
import type { Edge } from './edge.ts'
import { Judgement } from './record.ts'
import type { Tunnel } from './tunnel.ts'

export class Logged extends Judgement {
  readonly #entry: AccessEntry | null
  readonly #by: ForwardedBy

  constructor(edge: Edge, by: ForwardedBy, head: RequestHead) {
    super(edge)
    this.#by = by
    this.#entry = edge.accessLog === null ? null : edge.accessLog.begin(head, by, edge.now())
  }

  protected logPick(service: string, version: string): void {
    if (this.#entry === null) return
    this.#entry.service = service
    this.#entry.version = version
  }

  /** @param requestId what is sent unless a trusted peer brought one */
  protected logRequestId(head: RequestHead, requestId: string): void {
    const line = this.#by.trusted ? head.lines.find(FIELD['x-request-id']) : -1
    this.requestId = line < 0 ? requestId : head.lines.value(line)
    if (this.#entry !== null) this.#entry.requestId = this.requestId
  }

  protected logRescue(version: string): void {
    if (this.#entry !== null) this.#entry.rescuedBy = version
  }

  protected logAttempt(target: string): void {
    if (this.#entry === null) return
    this.#entry.upstream = target
    this.#entry.attempts++
    this.#entry.attemptMs = this.edge.now()
    this.#entry.connectedMs = -1
    this.#entry.answeredMs = -1
  }

  /** The connection of the present attempt is ready. */
  protected logConnected(): void {
    if (this.#entry !== null) this.#entry.connectedMs = this.edge.now()
  }

  protected logHead(): void {
    if (this.#entry !== null) this.#entry.answeredMs = this.edge.now()
  }

  /** The status that goes to the client, and why when it is our own. */
  protected logStatus(status: number, fault: Fault | '' = ''): void {
    if (this.#entry === null) return
    this.#entry.status = status
    if (fault !== '') this.#entry.fault = fault
  }

  /** How an answer ended that is not whole. */
  protected logBreak(fault: Fault | 'client-gone'): void {
    if (this.#entry !== null) this.#entry.fault = fault
  }

  protected logBytesIn(bytes: number): void {
    if (this.#entry !== null) this.#entry.bytesIn += bytes
  }

  protected logBytesOut(bytes: number): void {
    if (this.#entry !== null) this.#entry.bytesOut += bytes
  }

  protected logEnd(tunnel: Tunnel | null): void {
    const entry = this.#entry
    if (entry === null) return
    if (tunnel !== null) {
      entry.bytesIn += tunnel.bytesFromClient
      entry.bytesOut += tunnel.bytesFromUpstream
    }
    entry.outcome = this.outcome
    this.edge.accessLog?.write(entry, this.edge.now())
  }
}
