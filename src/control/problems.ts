// Refusals that are about this node and not about a rollout.

import type { Answer } from '../core/command.ts'
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

export function notHere(): Problem {
  return {
    status: 404,
    code: 'not-here',
    title: 'Not here',
    detail: 'Cannot describe the node here as only the composition root knows it',
  }
}

export function unknownService(name: string, allowed: readonly string[]): Problem {
  return {
    status: 404,
    code: 'unknown-service',
    title: 'Unknown service',
    detail: `Cannot find service ${name} as it is not in the config file`,
    allowed,
  }
}
