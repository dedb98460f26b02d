// Commands that another node carries out: an operator may ask any node, and the holder of the lease
// decides. A command that gets no answer in time may have been carried out all the same, and the
// problem says so: nothing is sent twice.

import type { Answer, Command } from '../../core/command.ts'
import type { Answered, Asked } from '../../core/fleet/message.ts'
import type { Problem } from '../../core/problem.ts'

/** Longer than a leader takes to try targets and to wait for the other nodes. */
const ANSWER_MS = 8000

export interface AsksParts {
  readonly node: string
  /** For the ids of questions: unique over restarts. */
  readonly run: number
  readonly send: (node: string, message: Asked) => void
}

function unanswered(leader: string, withinMs: number): Problem {
  return {
    status: 503,
    code: 'leader-silent',
    title: 'The leading node did not answer',
    detail:
      `Cannot say what became of the command as node ${leader}, which leads the fleet, has not ` +
      `answered within ${withinMs / 1000} s: it may have been carried out. Look at the status`,
  }
}

/** Nobody leads, so nobody may decide this. */
export function leaderless(mayNotRaise: string | null): Problem {
  return {
    status: 503,
    code: 'no-leader',
    title: 'No node leads the fleet',
    detail:
      `Cannot carry the command out as no node leads the fleet: ${mayNotRaise ?? 'none is known'}. ` +
      'Abort, rollback, pause and a lower weight work on every node',
  }
}

/** The fleet's journal is in Redis. */
export function unread(reason: string): Problem {
  return {
    status: 503,
    code: 'redis-away',
    title: 'Redis is away',
    detail: `Cannot read the fleet's journal as Redis does not answer: ${reason}`,
  }
}

export class Asks {
  readonly #parts: AsksParts
  readonly #pending = new Map<string, (answer: Answer) => void>()
  #number = 0

  constructor(parts: AsksParts) {
    this.#parts = parts
  }

  /** Asks the leading node; resolves with its answer, or with a problem when there was none. */
  async ask(leader: string, command: Command, withinMs = ANSWER_MS): Promise<Answer> {
    const { node, run, send } = this.#parts
    const id = `${run}-${++this.#number}`
    const { promise, resolve } = Promise.withResolvers<Answer>()
    this.#pending.set(id, resolve)
    const problem = unanswered(leader, withinMs)
    const timer = setTimeout(() => resolve({ ok: false, problem }), withinMs)
    send(leader, { message: 'asked', id, node, command })
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#pending.delete(id)
    }
  }

  answered({ answer, id }: Answered): void {
    this.#pending.get(id)?.(answer)
  }
}
