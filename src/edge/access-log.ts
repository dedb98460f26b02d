// The access log: one JSON line a request, for people and for log pipelines. The exchange fills an
// entry as it goes; the log writes it when the request is over.

import type { AccessLogConfig } from '../config/config.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Fault } from '../http1/fault.ts'
import type { ForwardedBy } from '../http1/forward.ts'

/** What is known of a request when it is over. Times are of the edge's clock, in ms; −1: never. */
export interface AccessEntry {
  readonly client: string
  readonly method: string
  readonly host: string
  readonly target: string
  readonly startedMs: number
  requestId: string
  service: string
  /** The version that the draw chose. */
  version: string
  /** The version that answered, when it was another one. */
  rescuedBy: string
  /** The target that was asked last, as host:port. */
  upstream: string
  /** 0: none was sent. */
  status: number
  outcome: Outcome | ''
  fault: Fault | 'client-gone' | ''
  attempts: number
  /** When the last attempt began. */
  attemptMs: number
  /** When its connection was ready. */
  connectedMs: number
  /** When the head of the answer came. */
  answeredMs: number
  bytesIn: number
  bytesOut: number
}

/** What a request says about itself before anything is decided. */
export interface AccessStart {
  readonly method: string
  readonly host: string
  readonly target: string
}

export class AccessLog {
  constructor(_config: AccessLogConfig) {
    void _config
  }

  begin(start: AccessStart, by: ForwardedBy, nowMs: number): AccessEntry {
    const { host, method, target } = start
    return {
      ...{ client: by.address, method, host, target, startedMs: nowMs },
      ...{ requestId: '', service: '', version: '', rescuedBy: '', upstream: '' },
      ...{ status: 0, outcome: '', fault: '', attempts: 0 },
      ...{ attemptMs: -1, connectedMs: -1, answeredMs: -1, bytesIn: 0, bytesOut: 0 },
    }
  }

  /** Writes what was refused before it became a request; the head may be there in part. */
  refused(_fault: Fault, _head: AccessStart, _by: ForwardedBy): void {}

  /** Writes a finished entry; never waits. */
  write(_entry: AccessEntry, _nowMs: number): void {}

  /** Opens the file anew, after a rotation. */
  reopen(): void {}

  close(): void {}
}
