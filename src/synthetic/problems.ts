// Why a synthetic transaction was not run, or has no report.

import type { Problem } from '../core/problem.ts'

export function unknownScenario(name: string, allowed: readonly string[]): Problem {
  const none = allowed.length === 0 ? ': there are none, as the directory has no NAME.yaml' : ''
  return {
    status: 404,
    code: 'unknown-scenario',
    title: 'Unknown scenario',
    detail: `Cannot run scenario ${name} as it is not among the scenarios of the config${none}`,
    allowed,
  }
}

export function noTargets(version: string): Problem {
  return {
    status: 409,
    code: 'no-targets',
    title: 'No targets',
    detail: `Cannot run a synthetic transaction against ${version} as it has no targets`,
  }
}

/** A number out of its range, or null when it is within. */
export function outside(
  name: string,
  { least, most, value }: { value: number; least: number; most: number },
): Problem | null {
  if (value >= least && value <= most) return null
  return {
    status: 422,
    code: 'invalid-run',
    title: 'Invalid run',
    detail: `Cannot run a synthetic transaction as its ${name} must be ${least} to ${most}: current value is ${value}`,
  }
}

export function tooMany(running: number, waiting: number): Problem {
  return {
    status: 503,
    code: 'too-many-runs',
    title: 'Too many runs',
    detail: `Cannot run a synthetic transaction as ${running} run at a time and ${waiting} wait already: try again`,
  }
}

export function aborted(): Problem {
  return {
    status: 503,
    code: 'synthetic-aborted',
    title: 'Aborted',
    detail: 'Cannot report on the synthetic transaction as it was ended before its time',
  }
}

export function gaveWay(): Problem {
  return {
    status: 503,
    code: 'synthetic-gave-way',
    title: 'Gave way to a gate',
    detail:
      'Cannot report on the synthetic transaction as its rate left a gate no room: try again later, or with a lower rate',
  }
}

export function threadDied(reason: string): Problem {
  return {
    status: 503,
    code: 'synthetic-thread-died',
    title: 'The thread died',
    detail: `Cannot report on the synthetic transaction as its thread has ended: ${reason}`,
  }
}
