// The control side of a node: it carries out what core/ decides. `Control` opens the ledger, makes the
// versions resident, runs the loop that judges, answers commands and keeps the journal.

import type { Board } from '../board/board.ts'
import type { Config } from '../config/config.ts'
import type { Answer, Command } from '../core/command.ts'
import type { JournalEntry } from '../core/journal.ts'
import type { Strategy } from '../core/strategy.ts'
import type { Table } from '../core/table.ts'

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
  /** Completes a strategy that came with a command; `base` is the configured one. */
  readonly parseStrategy: (
    value: unknown,
    base: Strategy,
  ) => { strategy: Strategy } | { mistakes: string[] }
  /** Milliseconds that never go back; default `performance.now`. */
  readonly monotonic?: () => number
  /** Milliseconds since 1970; default `Date.now`. */
  readonly wall?: () => number
}

export class Control {
  /**
   * Opens the state directory, publishes the first table and the rows, and starts the loop. Edge
   * threads must be able to receive tables. Throws with one sentence when the directory is locked.
   */
  static async open(_options: ControlOptions): Promise<Control> {
    throw new Error('Cannot open control as it is still being written')
  }

  handle(_command: Command): Promise<Answer> {
    throw new Error('Cannot handle commands as control is still being written')
  }

  /** Applies a config that was read and found good: what the file owns, and nothing else. */
  reload(_config: Config): Promise<void> {
    throw new Error('Cannot reload as control is still being written')
  }

  /** Calls `listener` with every journal entry; returns how to stop that. */
  onJournal(_listener: (entry: JournalEntry) => void): () => void {
    throw new Error('Cannot listen as control is still being written')
  }

  /** Journals that an edge thread was replaced. */
  noteThread(_text: string): void {}

  /** Sentences about what does not work as it should; empty when all is well. */
  degraded(): readonly string[] {
    return []
  }

  /** Stops the loop, saves all evidence and releases the state directory. */
  async close(): Promise<void> {}
}
