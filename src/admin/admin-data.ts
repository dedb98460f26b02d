// What the admin thread is given when it starts. It shares the board's memory for reading, and
// speaks with the control thread over one port: `Ask` goes out, `Tell` comes in (core/command.ts).
// It knows nothing else of the process, so that whatever goes on here cannot delay a rollback.

import type { MessagePort } from 'node:worker_threads'
import type { SharedBoard } from '../board/board.ts'
import type { Address } from '../config/config.ts'

export interface AdminData {
  /** The other end is the control thread's. It must be in the worker's transfer list too. */
  readonly port: MessagePort
  readonly board: SharedBoard
  readonly listen: Address
  /** The bearer token; null only for a loopback address. */
  readonly token: string | null
  /** Absolute path; its journal files are read here. */
  readonly stateDir: string
  /** The release, as shown in the OpenAPI document. */
  readonly version: string
}
