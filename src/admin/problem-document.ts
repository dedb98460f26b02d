// Refusals as RFC 9457 documents. A `Problem` of the core becomes one as it is; what only HTTP can
// get wrong (a method, a media type, a token) is a `WebProblem` made here. This is the one file
// that turns failures of the admin API into status codes.

import type { FastifyError, FastifyReply } from 'fastify'
import type { Problem } from '../core/problem.ts'

/** Like a Problem of the core, with any status. */
export interface WebProblem {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly allowed?: readonly string[]
}

/** The members of the document, in the order that a person reads them. */
export function problemDocument(problem: Problem | WebProblem): Record<string, unknown> {
  const { status, code, title, detail, allowed } = problem
  const type = `urn:vertex:problem:${code}`
  return allowed === undefined
    ? { type, title, status, detail }
    : { type, title, status, detail, allowed }
}

export function sendProblem(reply: FastifyReply, problem: Problem | WebProblem): FastifyReply {
  return reply
    .code(problem.status)
    .header('content-type', 'application/problem+json')
    .serializer(JSON.stringify)
    .send(problemDocument(problem))
}

export const JSON_TYPE = 'application/json'

export function wrongMediaType(value: string | undefined): WebProblem {
  return {
    status: 415,
    code: 'wrong-media-type',
    title: 'Unsupported media type',
    detail: `Cannot read the request as a change must be sent as ${JSON_TYPE}: current value is ${
      value === undefined ? 'none' : JSON.stringify(value)
    }`,
    allowed: [JSON_TYPE],
  }
}

/** The parts of an Ajv error that are used, with `verbose` switched on. */
interface Mistake {
  readonly keyword: string
  readonly instancePath: string
  readonly message?: string
  readonly params: { readonly allowedValues?: unknown; readonly additionalProperty?: unknown }
  readonly parentSchema?: { readonly properties?: Record<string, unknown> }
  readonly data?: unknown
}

const PARTS: Readonly<Record<string, string>> = { querystring: 'query', params: 'path' }

function allowedBy(mistake: Mistake): string[] | undefined {
  if (mistake.keyword === 'additionalProperties' || mistake.keyword === 'required') {
    return Object.keys(mistake.parentSchema?.properties ?? {})
  }
  const values = mistake.params.allowedValues
  return mistake.keyword === 'enum' && Array.isArray(values) ? values.map(String) : undefined
}

function invalid(part: string, mistakes: readonly Mistake[]): WebProblem {
  const [first] = mistakes
  const place = PARTS[part] ?? part
  const base = { status: 400, code: `invalid-${place}`, title: `Invalid ${place}` }
  if (first === undefined) return { ...base, detail: `Cannot read the ${place}` }
  const at = first.instancePath.slice(1).replaceAll('/', '.')
  const where = at === '' ? `the ${place}` : `"${at}" of the ${place}`
  const unknown = first.params.additionalProperty
  const rule =
    unknown === undefined ? `it ${first.message ?? 'is not valid'}` : 'it has an unknown member'
  const shown = JSON.stringify(unknown ?? first.data) ?? 'nothing'
  const detail = `Cannot read ${where} as ${rule}: current value is ${shown.slice(0, 200)}`
  const allowed = allowedBy(first)
  return allowed === undefined ? { ...base, detail } : { ...base, detail, allowed }
}

/** What a request did wrong that fastify found before a handler ran. */
export function problemOfError(error: FastifyError, mediaType: string | undefined): WebProblem {
  if (error.validation !== undefined) {
    return invalid(error.validationContext ?? 'body', error.validation as unknown as Mistake[])
  }
  const status = error.statusCode ?? 500
  if (status === 413) {
    const detail = `Cannot read the body as it is too large: ${error.message}`
    return { status, code: 'body-too-large', title: 'Content too large', detail }
  }
  if (status === 415) return wrongMediaType(mediaType)
  if (status < 500) {
    const detail = `Cannot read the request as it must hold JSON: ${error.message}`
    return { status, code: 'invalid-json', title: 'Bad request', detail }
  }
  const detail = 'Cannot answer as an unexpected error came up: see the log of this node'
  return { status: 500, code: 'internal', title: 'Internal error', detail }
}
