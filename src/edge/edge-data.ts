// What passes between the main thread and an edge thread: plain data that can be posted.

import type { MessagePort } from 'node:worker_threads'
import type { SharedBoard } from '../board/board.ts'
import type {
  Accept,
  AccessLogConfig,
  Address,
  Forwarding,
  Limits,
  Timeouts,
} from '../config/config.ts'
import type { FailedRequest } from '../core/outcome.ts'
import type { Table } from '../core/table.ts'

/** What an edge thread needs of the config. */
export interface EdgeSettings {
  readonly timeouts: Timeouts
  readonly limits: Limits
  readonly trustedProxies: readonly string[]
  readonly upgradeProtocols: readonly string[]
  readonly readinessPath: string | null
  readonly accept: Accept
  readonly forwarding: Forwarding
  readonly halfClose: 'gone' | 'serve'
  readonly accessLog: AccessLogConfig | null
}

/** The workerData of an edge thread. */
export interface EdgeData {
  /** The thread's number, and with it its stripes of the board. */
  readonly thread: number
  readonly board: SharedBoard
  readonly settings: EdgeSettings
}

export type ToEdge =
  | { readonly do: 'table'; readonly table: Table }
  | { readonly do: 'settings'; readonly settings: EdgeSettings }
  /** Copies of requests go here from now on; the port is in the transfer list. */
  | { readonly do: 'mirror'; readonly port: MessagePort }
  | { readonly do: 'listen'; readonly address: Address; readonly reusePort: boolean }
  /** Close the tunnels of a version, `afterMs` from now. */
  | { readonly do: 'closeTunnels'; readonly slot: number; readonly afterMs: number }
  /** Answers carry `Connection: close` from now on; connections are still accepted. */
  | { readonly do: 'drain' }
  /** Close the listener, let in-flight requests end within `drainMs`, then say `drained`. */
  | { readonly do: 'finish'; readonly drainMs: number; readonly tunnelDrainMs: number }

export type FromEdge =
  | { readonly say: 'listening'; readonly port: number }
  /** The reason is a clause. */
  | { readonly say: 'refused'; readonly reason: string }
  | { readonly say: 'drained' }
  /** Something does not work while traffic goes on … and it works again. */
  | { readonly say: 'fault' | 'mended'; readonly text: string }
  /** Something that an operator should know, and that passes. */
  | { readonly say: 'note'; readonly text: string }
  /** A request counted against the candidate. */
  | ({ readonly say: 'failed' } & FailedRequest)
