// Answers that Vertex gives itself: short, with a cause that a person and a program can read.

import { FAULTS, type Fault } from './fault.ts'
import { FIELD } from './fields.ts'
import type { FieldLines } from './lines.ts'

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  508: 'Loop Detected',
}

export interface AnswerOptions {
  readonly keepAlive: boolean
  /** Whether the client speaks HTTP/1.0, which must be told that the connection stays open. */
  readonly oldClient: boolean
  /** Whether the client accepts `application/problem+json`. */
  readonly problemJson: boolean
  /** No body goes out, only its length. */
  readonly toHead: boolean
  /** The value of Date. */
  readonly date: string
}

/** Whether the client would rather have a problem document than a line of text (RFC 9457). */
export function wantsProblemJson(lines: FieldLines): boolean {
  const accept = lines.find(FIELD.accept)
  if (accept < 0) return false
  const chars = lines.valueEnd(accept) - lines.valueStart(accept)
  return chars >= PROBLEM_JSON.length && lines.value(accept).includes(PROBLEM_JSON)
}

const PROBLEM_JSON = 'application/problem+json'

/** What is served here, for a 405 and for an OPTIONS that ends here. */
const ALLOW = 'Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n'

/** A whole answer, ready to be written as latin1. */
export function faultAnswer(fault: Fault, options: AnswerOptions): string {
  const { status, text } = FAULTS[fault]
  const reason = REASONS[status] ?? 'Error'
  const problem = { type: `urn:vertex:problem:${fault}`, title: reason, status, detail: text }
  const body = options.problemJson
    ? `${JSON.stringify(problem)}\n`
    : `${status} ${reason}: ${text}\n`
  let extra = `x-vertex-error: ${fault}\r\n`
  if (status === 503) extra += 'Retry-After: 1\r\n'
  if (status === 405) extra += ALLOW
  const type = options.problemJson ? 'application/problem+json' : 'text/plain; charset=utf-8'
  return plainAnswer(status, { ...options, type, extra, body })
}

export interface PlainAnswerOptions extends AnswerOptions {
  readonly type: string
  /** Whole lines, or ''. */
  readonly extra: string
  /** ASCII. */
  readonly body: string
}

/** An answer with a small ASCII body. */
export function plainAnswer(status: number, options: PlainAnswerOptions): string {
  const { body, date, extra, keepAlive, oldClient, toHead, type } = options
  const open = oldClient ? 'Connection: keep-alive\r\n' : ''
  const connection = keepAlive ? open : 'Connection: close\r\n'
  let out = `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\nDate: ${date}\r\n`
  if (body !== '') out += `Content-Type: ${type}\r\n`
  out += `Content-Length: ${body.length}\r\n${extra}${connection}\r\n`
  return toHead ? out : out + body
}

/** Whether the node takes traffic, for load balancers that ask on the data listener. */
export function readinessAnswer(draining: boolean, options: AnswerOptions): string {
  return plainAnswer(draining ? 503 : 200, {
    ...options,
    type: 'text/plain; charset=utf-8',
    extra: 'Cache-Control: no-store\r\n',
    body: draining ? 'draining\n' : 'ready\n',
  })
}

/** What is served here, to an OPTIONS that may go no further (RFC 9110 section 7.6.2). */
export function allowAnswer(options: AnswerOptions): string {
  return plainAnswer(200, { ...options, type: '', extra: ALLOW, body: '' })
}
