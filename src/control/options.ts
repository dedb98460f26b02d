// What control is given by the composition root: the config, the board, the edge threads, the
// logger, clocks and chance, and those who prove candidates.

import type { Board } from '../board/board.ts'
import type { Config } from '../config/config.ts'
import type { Table } from '../core/table.ts'
import type { Connect } from './check-request.ts'
import type { ParseStrategy } from './command-event.ts'
import type { FleetPort } from './fleet-port.ts'
import type { MirrorPort, SyntheticPort } from './gates/ports.ts'
import type { MirrorTo } from './mirroring.ts'

/** What control asks of the edge threads. */
export interface EdgePort {
  /** Resolves when every live thread serves from this table. */
  publish(table: Table): Promise<void>
  /** Closes the tunnels of a slot in all threads after `afterMs`. */
  closeTunnels(slot: number, afterMs: number): void
}

/** The part of pino's logger that control uses. */
export interface Log {
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export interface ControlOptions {
  readonly config: Config
  readonly board: Board
  readonly edge: EdgePort
  readonly log: Log
  /** The fleet that the node joins, by its own id; without it, it works alone. */
  readonly fleet?: ((id: string) => FleetPort) | null
  /** Completes a strategy that came with a command; `base` is the configured one. */
  readonly parseStrategy: ParseStrategy
  /** Milliseconds that never go back; default `performance.now`. */
  readonly monotonic?: () => number
  /** Milliseconds since 1970; default `Date.now`. */
  readonly wall?: () => number
  /** From 0 to 1, for the jitter of retries and checks; default `Math.random`. */
  readonly random?: () => number
  /** Tries whether a target can be connected to. */
  readonly connect?: Connect
  /** Who runs synthetic transactions; without it none can be run. */
  readonly synthetic?: SyntheticPort
  /** What mirrored requests have shown; without it gates of that kind fail. */
  readonly mirror?: MirrorPort
  /** Is told what is to be mirrored; without it nothing is. */
  readonly mirrorTo?: MirrorTo
}
