// The refusal of what only a fleet can answer, in the words of the one who was asked.

import type { Problem } from '../problem.ts'

/** @param action what was asked for, as in «Cannot <action> as …» */
export function worksAlone(action: string): Problem {
  return {
    status: 404,
    code: 'no-fleet',
    title: 'No fleet',
    detail: `Cannot ${action} as this node works alone: there is no fleet block in its config`,
  }
}
