// Who may ask. Two dangers stand behind these rules: somebody on the network without the token,
// and a web page in the operator's own browser, which can reach a loopback address although the
// network cannot. The second is met in three ways: without a token the Host must be loopback (a
// rebound DNS name is not), a foreign Origin may not change anything, and a change must be sent as
// application/json, which no plain form can do and which makes a browser ask first.
//
// It decides from the request's head alone and reads no clock and no state.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { JSON_TYPE, type WebProblem, wrongMediaType } from './problem-document.ts'

const LOOKING = ['GET', 'HEAD', 'OPTIONS']

/** Paths that a load balancer or a browser without a token must be able to get. */
const OPEN_PATHS = ['/livez', '/readyz', '/', '/dashboard.js', '/dashboard.css']

export interface Knock {
  readonly method: string
  /** The path without its query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Compares by digests of equal length, so that the time taken says nothing about the token. */
function isToken(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token))
}

/** The host of `host:port` or `[::1]:port`, lower case, without the port. */
function hostOf(authority: string): string {
  return authority.toLowerCase().replace(/:\d*$/, '')
}

/** Whether a Host value or a listening address can only mean this machine. */
export function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host === '::1' ||
    host === '[::1]' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
  )
}

function tokenProblem(headers: IncomingHttpHeaders, token: string): WebProblem | null {
  const given = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  if (given !== undefined && isToken(given, token)) return null
  const detail =
    given === undefined
      ? 'Cannot answer as this node asks for a bearer token: current value is none'
      : 'Cannot answer as the bearer token is not the one of this node'
  return { status: 401, code: 'token-needed', title: 'Unauthorized', detail }
}

function hostProblem(headers: IncomingHttpHeaders): WebProblem | null {
  const host = headers.host ?? ''
  if (isLoopback(hostOf(host))) return null
  return {
    status: 403,
    code: 'foreign-host',
    title: 'Forbidden host',
    detail: `Cannot answer as a node without a token is asked by a loopback name only: current Host is ${JSON.stringify(host)}`,
    allowed: ['localhost', '127.0.0.1', '[::1]'],
  }
}

function originProblem(headers: IncomingHttpHeaders): WebProblem | null {
  const { origin, host = '' } = headers
  const site = headers['sec-fetch-site']
  const own = origin === undefined || origin.replace(/^https?:\/\//i, '') === host
  if (own && (site === undefined || site === 'same-origin' || site === 'none')) return null
  return {
    status: 403,
    code: 'foreign-origin',
    title: 'Forbidden origin',
    detail: `Cannot change anything as the request comes from another web page: current Origin is ${JSON.stringify(origin ?? site)}`,
    allowed: [`http://${host}`],
  }
}

/**
 * Judges a request by its head.
 *
 * @param token the node's bearer token, or null when it has none
 * @returns null when it may pass, else the 401, 403 or 415 to answer with
 */
export function guard({ method, path, headers }: Knock, token: string | null): WebProblem | null {
  const changes = !LOOKING.includes(method)
  if (!changes && OPEN_PATHS.includes(path)) return null
  const stranger = token === null ? hostProblem(headers) : tokenProblem(headers, token)
  if (stranger !== null) return stranger
  if (!changes) return null
  const foreign = originProblem(headers)
  if (foreign !== null) return foreign
  const type = headers['content-type']
  const isJson = type?.split(';')[0]?.trim().toLowerCase() === JSON_TYPE
  return token === null && !isJson ? wrongMediaType(type) : null
}
