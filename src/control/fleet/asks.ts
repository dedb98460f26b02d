// Commands that another node carries out: an operator may ask any node, and the holder of the lease
// decides. A command that gets no answer in time may have been carried out all the same, and the
// problem says so: nothing is sent twice.

import type { Answer, Command } from '../../core/command.ts'
import type { Answered, Asked } from '../../core/fleet/message.ts'
import type { Problem } from '../../core/problem.ts'

/** Longer than a leader takes to try targets and to wait for the other nodes. */
const ANSWER_MS = 8000
/** A node that leads no longer may be answering. */
const GRACE_MS = 1000

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

function overthrown(leader: string): Problem {
  return {
    status: 503,
    code: 'leader-silent',
    title: 'The leading node did not answer',
    detail:
      `Cannot say what became of the command as node ${leader}, which was asked, leads the fleet ` +
      'no longer: it may have been carried out. Look at the status',
  }
}

/** What came by letter is no command. */
export function outOfForm(why: string): Problem {
  return {
    status: 503,
    code: 'not-carried-out',
    title: 'Not carried out',
    detail: `Cannot carry the command out as the leading node has failed at it: ${why}`,
  }
}

/** Who leads cannot decide this. */
export function leaderLacks(leader: string, service: string): Problem {
  return {
    status: 503,
    code: 'leader-lacks',
    title: 'The leading node does not have the service',
    detail:
      `Cannot carry the command out as node ${leader}, which leads the fleet, does not have ` +
      `service ${service} in its config. Abort, rollback, pause and a lower weight work here`,
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

/** This node leads, and what the ledger holds is not known or cannot be used. */
export function undecided(mayNotRaise: string | null): Problem {
  return {
    status: 503,
    code: 'no-leader',
    title: 'Nothing can be decided for the fleet',
    detail: `Cannot carry the command out as ${mayNotRaise ?? 'this node has just begun to lead'}`,
  }
}

/** The fleet's journal is in Redis. */
export function unread(reason: string): Problem {
  return {
    status: 503,
    code: 'redis-away',
    title: 'Redis is away',
    detail: reason.startsWith('Cannot ') ? reason : `Cannot read the fleet's journal as ${reason}`,
  }
}

interface Pending {
  readonly leader: string
  readonly resolve: (answer: Answer) => void
  timer: NodeJS.Timeout
  isOver: boolean
}

export class Asks {
  readonly #parts: AsksParts
  readonly #pending = new Map<string, Pending>()
  #number = 0

  constructor(parts: AsksParts) {
    this.#parts = parts
  }

  /** Asks the leading node; resolves with its answer, or with a problem when there was none. */
  async ask(leader: string, command: Command, withinMs = ANSWER_MS): Promise<Answer> {
    const { node, run, send } = this.#parts
    const id = `${run}-${++this.#number}`
    const { promise, resolve } = Promise.withResolvers<Answer>()
    const giveUp = (): void => resolve({ ok: false, problem: unanswered(leader, withinMs) })
    const pending = { leader, resolve, timer: setTimeout(giveUp, withinMs), isOver: false }
    this.#pending.set(id, pending)
    send(leader, { message: 'asked', id, node, command })
    try {
      return await promise
    } finally {
      clearTimeout(pending.timer)
      this.#pending.delete(id)
    }
  }

  answered({ answer, id }: Answered): void {
    this.#pending.get(id)?.resolve(answer)
  }

  /** This node leads now, or none: who else was asked may be gone, and is not waited for long. */
  follow(leader: string | null): void {
    for (const pending of this.#pending.values()) {
      if (pending.leader === leader || pending.isOver) continue
      pending.isOver = true
      const { resolve } = pending
      const answer = { ok: false, problem: overthrown(pending.leader) } as const
      clearTimeout(pending.timer)
      pending.timer = setTimeout(() => resolve(answer), GRACE_MS)
    }
  }
}
