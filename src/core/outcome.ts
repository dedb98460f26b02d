// How one request ended, seen from the version that the draw chose, and whose fault that was. The
// outcomes are disjoint: each finished request adds one to exactly one of them, so that their sum
// is the number of requests and no pair of counters can be read torn.

/** The counters of a version on the board, in the order of their cells. */
export const OUTCOMES = [
  'ok', // 1xx to 3xx answered by the version
  'clientError', // 4xx answered by the version
  'serverError', // 5xx answered by the version
  'refused', // no connection: refused, unreachable, unknown host
  'reset', // the connection broke before the answer was whole
  'timeout', // connect, response head or body time limit passed
  'malformed', // the answer broke the rules of HTTP
  'overload', // refused by Vertex: no healthy target, or too many requests in flight
  'aborted', // the client went away first
  'unjudged', // ended without saying anything about the version: such as a bad request body
] as const

export type Outcome = (typeof OUTCOMES)[number]

/** Whose fault an outcome is; only `version` is evidence against a version. */
export type Blame = 'nobody' | 'version' | 'client' | 'vertex'

const BLAME: Readonly<Record<Outcome, Blame>> = {
  ok: 'nobody',
  clientError: 'nobody',
  serverError: 'version',
  refused: 'version',
  reset: 'version',
  timeout: 'version',
  malformed: 'version',
  overload: 'vertex',
  aborted: 'client',
  unjudged: 'nobody',
}

export function blameOf(outcome: Outcome): Blame {
  return BLAME[outcome]
}

/** Requests that count as evidence: answered or failed by the version itself. */
export function isJudged(outcome: Outcome): boolean {
  return outcome === 'ok' || outcome === 'clientError' || BLAME[outcome] === 'version'
}

/** The cell of an outcome. */
export function outcomeIndex(outcome: Outcome): number {
  return OUTCOMES.indexOf(outcome)
}

/** The outcome that a complete answer with this status code is. */
export function outcomeOfStatus(status: number): Outcome {
  if (status >= 500) return 'serverError'
  return status >= 400 ? 'clientError' : 'ok'
}

/** A request that counted against the candidate, as the explanation of a verdict names it. */
export interface FailedRequest {
  /** Of the version, on the board. */
  readonly slot: number
  /** As the app and the access log know it. */
  readonly requestId: string
  readonly outcome: Outcome
  /** The status that the version answered; 0 when it did not. */
  readonly status: number
}
