// Everything that can go wrong with a request, what the client is told, and whose fault it is: the
// one place where a failure becomes a status code. The name of a fault is what `x-vertex-error`
// says.

/** What a fault counts as, by the names of the outcomes in core. */
export type FaultOutcome = 'refused' | 'reset' | 'timeout' | 'malformed' | 'overload' | 'unjudged'

export interface FaultRow {
  readonly status: number
  /** One sentence for the person who reads the answer. */
  readonly text: string
  /** True when the connection cannot be used any more, since its framing is in doubt. */
  readonly close: boolean
  /** What the fault counts as for the version that the request was meant for. */
  readonly outcome: FaultOutcome
}

const client = (status: number, text: string): FaultRow => ({
  status,
  text,
  close: true,
  outcome: 'unjudged',
})
const upstream = (status: number, outcome: FaultOutcome, text: string): FaultRow => ({
  status,
  text,
  close: false,
  outcome,
})

export const FAULTS = {
  // The request line.
  'bad-line-end': client(400, 'Lines of a head must end with CR LF.'),
  'bad-method': client(400, 'The method must be a token of at most 64 bytes.'),
  'method-unknown': client(501, 'A method is written in capital letters.'),
  'bad-target': client(400, 'The request target holds a byte or a form that is not allowed.'),
  'bad-version': client(400, 'The request line must end with HTTP/1.1 or HTTP/1.0.'),
  'version-unsupported': client(505, 'Only HTTP/1.1 and HTTP/1.0 are spoken here.'),
  'target-too-long': client(414, 'The request target is longer than the limit.'),
  'method-not-allowed': client(405, 'CONNECT, TRACE and PRI are not served.'),
  // Fields.
  'bad-field-name': client(400, 'A header name must be a token directly followed by a colon.'),
  'lookalike-field': client(400, 'A header name must not be a known one with underscores.'),
  'bad-field-value': client(400, 'A header value holds a control byte.'),
  'folded-field': client(400, 'A header line must not begin with white space.'),
  'head-too-large': client(431, 'The head of the request is larger than the limit.'),
  'too-many-fields': client(431, 'The request has more header lines than the limit.'),
  'bad-host': client(400, 'Exactly one Host header with a valid host is needed.'),
  'bad-connection': client(400, 'The Connection header names a header that must not be removed.'),
  'bad-max-forwards': client(400, 'Max-Forwards of OPTIONS must be one whole number.'),
  'bad-path': client(400, 'The path climbs above the root or hides a control byte.'),
  'unknown-version-override': client(400, 'The named version is not resident.'),
  // The body's framing.
  'bad-content-length': client(400, 'Content-Length must be one whole number.'),
  'length-and-encoding': client(400, 'Content-Length and Transfer-Encoding exclude each other.'),
  'encoding-in-1.0': client(400, 'Transfer-Encoding is not part of HTTP/1.0.'),
  'encoding-unsupported': client(501, 'The only transfer coding served is a single chunked.'),
  'bad-chunk': client(400, 'The chunked body breaks the rules of its framing.'),
  'body-too-large': client(413, 'The body is larger than this service accepts.'),
  'expectation-failed': client(417, 'The only expectation known is 100-continue.'),
  'request-timeout': client(408, 'The request did not arrive within the time limit.'),
  loop: client(508, 'The request has passed this proxy already.'),
  // Routing and capacity.
  'no-service': { status: 404, text: 'No service matches.', close: false, outcome: 'unjudged' },
  'no-target': upstream(503, 'overload', 'No target of the service is ready.'),
  overload: upstream(503, 'overload', 'Too many requests are in flight at the targets.'),
  // The target's fault.
  'upstream-refused': upstream(502, 'refused', 'The target could not be connected to.'),
  'upstream-reset': upstream(502, 'reset', 'The target closed the connection before it answered.'),
  'upstream-malformed': upstream(502, 'malformed', 'The answer of the target breaks HTTP.'),
  'connect-timeout': upstream(504, 'timeout', 'The target did not accept in time.'),
  'response-timeout': upstream(504, 'timeout', 'The target did not answer in time.'),
} as const satisfies Record<string, FaultRow>

export type Fault = keyof typeof FAULTS
