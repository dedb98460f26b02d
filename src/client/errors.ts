// The two ways in which a call can fail that are not the caller's mistake: the node answered and
// refused, or no answer of a node came. Both say in one sentence what to do next. Neither ever
// holds the token, nor the headers that carried it.

/** A refusal as the node sends it: an RFC 9457 problem document. */
export interface ProblemDocument {
  /** `urn:vertex:problem:` and the code. */
  readonly type: string
  readonly title: string
  readonly status: number
  /** One sentence: «Cannot <action> as <rule>: current value is <x>». */
  readonly detail: string
  /** What would have been accepted, where there is a list of it. */
  readonly allowed?: readonly string[]
}

/** The node refused. */
export class VertexError extends Error {
  override readonly name = 'VertexError'
  /** Of the HTTP answer: 400 to 599. */
  readonly status: number
  /** A short stable word to branch on, e.g. `unknown-version`; the end of the problem's type. */
  readonly code: string
  /** One sentence for people. */
  readonly detail: string
  /** What would have been accepted; empty where there is no list of it. */
  readonly allowed: readonly string[]
  /** The whole document as it came. */
  readonly problem: ProblemDocument

  constructor(status: number, problem: ProblemDocument) {
    const { detail, type, allowed = [] } = problem
    super(allowed.length === 0 ? detail : `${detail} (allowed: ${allowed.join(', ')})`)
    this.status = status
    this.code = type.slice(type.lastIndexOf(':') + 1)
    this.detail = detail
    this.allowed = allowed
    this.problem = problem
  }
}

/** No answer of a node came. */
export class VertexUnreachable extends Error {
  override readonly name = 'VertexUnreachable'
  /** No connection or a broken one; no answer in time; an answer that is none of Vertex. */
  readonly reason: 'network' | 'timeout' | 'not-vertex'
  /** Whether the node may have carried out a change all the same: look before you try again. */
  readonly mayHaveHappened: boolean

  constructor(
    message: string,
    options: {
      readonly reason: 'network' | 'timeout' | 'not-vertex'
      readonly mayHaveHappened: boolean
      readonly cause?: unknown
    },
  ) {
    const { cause, reason, mayHaveHappened } = options
    super(message, cause === undefined ? {} : { cause })
    this.reason = reason
    this.mayHaveHappened = mayHaveHappened
  }
}
