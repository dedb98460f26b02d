// Refusals that are about this node and not about a rollout.

import type { Answer } from '../core/command.ts'
import { worksAlone } from '../core/fleet/alone.ts'
import type { Problem } from '../core/problem.ts'

export function refused(problem: Problem): Answer {
  return { ok: false, problem }
}

export function busy(service: string): Problem {
  return {
    status: 503,
    code: 'busy',
    title: 'Busy',
    detail: `Cannot take more changes of ${service} as too many wait for the disk: try again`,
  }
}

/** In a fleet: another node's decision has come before this one. */
export function overtaken(service: string): Problem {
  return {
    status: 409,
    code: 'overtaken',
    title: 'Overtaken',
    detail:
      `Cannot change service ${service} as another node has decided something else at the same ` +
      'time, which holds: look at the status and try again',
  }
}

/** A raise that was not stored anywhere did not happen. */
export function unsaved(reason: string): Problem {
  return {
    status: 503,
    code: 'unsaved',
    title: 'Not saved',
    detail: `Cannot raise the weight as that could not be saved: ${reason}`,
  }
}

export function notHere(): Problem {
  return {
    status: 404,
    code: 'not-here',
    title: 'Not here',
    detail: 'Cannot describe the node here as only the composition root knows it',
  }
}

export function noFleetJournal(): Problem {
  return worksAlone("read the fleet's journal")
}

export function unknownService(name: string, allowed: Iterable<string>): Problem {
  return {
    status: 404,
    code: 'unknown-service',
    title: 'Unknown service',
    detail: `Cannot find service ${name} as it is not in the config file`,
    allowed: [...allowed],
  }
}

export function unknownVersion(name: string, allowed: readonly string[]): Problem {
  return {
    status: 404,
    code: 'unknown-version',
    title: 'Unknown version',
    detail: `Cannot find version ${name} as it is not known here`,
    allowed,
  }
}

export function noSynthetics(): Problem {
  return {
    status: 503,
    code: 'no-synthetic-thread',
    title: 'No synthetic transactions',
    detail: 'Cannot run a synthetic transaction as the thread that runs them is not there',
  }
}
