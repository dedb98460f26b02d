// Shadow mode in the words that those who share it speak: what a service mirrors (rules), to whom
// it does so at this moment (an order), and what an edge thread hands over of a request (a copy).
// Plain data that can be posted between threads. When there is an order is decided by control; an
// edge thread only looks whether there is one, which is a cell on the board (board/mirror.ts).

/** The block `mirror` of a service. */
export interface MirrorRules {
  /** Of the requests that can be mirrored, 0 to 1. */
  readonly share: number
  /** Upper case. */
  readonly methods: readonly string[]
  /** Whether requests with a body are mirrored too. */
  readonly bodies: boolean
  /** Copies that an edge thread may have under way at a time; beyond it they are dropped. */
  readonly inFlight: number
  /** For connection, head and body of a mirrored request together. */
  readonly timeoutMs: number
  /** Headers that are compared, lower case. */
  readonly headers: readonly string[]
  /** Whether bodies are compared. */
  readonly compareBody: boolean
  /** JSON paths (json-path.ts) that are left out of the comparison. */
  readonly ignore: readonly string[]
}

/**
 * A number that two sets of rules share only when they are the same (FNV-1a over their text). A
 * copy carries it: after a reload an edge thread may serve from the old table for a moment, and
 * what it kept of an answer by the old rules cannot be compared by the new ones.
 */
export function rulesKey(rules: MirrorRules): number {
  const text = JSON.stringify(rules)
  let key = 0x811c9dc5
  for (let i = 0; i < text.length; i++) key = Math.imul(key ^ text.charCodeAt(i), 0x01000193)
  return key
}

/** Mirror the requests of a service to these targets. */
export interface MirrorOrder {
  /** Unique in this process and never 0. A copy carries it, so that a late one is recognised. */
  readonly number: number
  /** The service's cell on the board. */
  readonly cell: number
  readonly service: string
  readonly version: string
  /** The tally is that of this rollout, while its candidate's targets stay the same. */
  readonly rollout: string
  /** `http://host:port`, at least one. */
  readonly candidate: readonly string[]
  /** Who is asked a second time, to learn what differs between two answers of stable. */
  readonly stable: readonly string[]
  readonly rules: MirrorRules
  /** Whether 4xx answers are errors of the version. */
  readonly countsClientErrors: boolean
}

/**
 * What a tally is about: a rollout's candidate on these targets. Other targets may run other
 * programs, whatever the version is called, so what was seen of the old ones says nothing of them.
 */
export function subjectOf({ candidate, rollout }: MirrorOrder): string {
  return JSON.stringify([rollout, ...candidate])
}

/** A request that was answered by stable, with what the comparison needs of the answer. */
export interface MirrorCopy {
  /** Of the order that it was made for. */
  readonly order: number
  /** Of the rules that it was made by (`rulesKey`). */
  readonly rules: number
  readonly cell: number
  readonly requestId: string
  /** The head as it went to stable's target. */
  readonly head: string
  /** The body as it went out, chunk framing included; latin1. */
  readonly body: string
  readonly status: number
  /** The values of the headers that are compared, in their order; null: absent. */
  readonly headers: readonly (string | null)[]
  /** Of the answer, or ''. */
  readonly contentEncoding: string
  /** The body of the answer as it came, latin1; null: not kept, too long, or a stream. */
  readonly answer: string | null
  /** Whether it came with chunk framing, which is still in `answer`. */
  readonly isChunked: boolean
}

/** The largest body of an answer that is kept to be compared, of either version. */
export const COMPARED_BYTES = 65_536

/** Whether a body of this Content-Type goes on for as long as somebody listens. */
export function isStream(contentType: string | null): boolean {
  return contentType !== null && /^text\/event-stream\b/i.test(contentType)
}

/** Methods whose requests may be sent a second time to stable: they change nothing there. */
export function isSafeMethod(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}
