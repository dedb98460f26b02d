// One attempt to tell a receiver. It ends within a bound whatever the receiver does, and what comes
// back of it is a word and a short reason made of codes, never of addresses, headers or whole
// answers: those hold secrets.

import type { Dispatcher } from 'undici'
import type { ReceiverConfig } from '../../config/config.ts'
import { undici } from '../undici.ts'
import type { Outgoing } from './requests.ts'

/** From the connection to the status. */
export const ATTEMPT_MS = 10_000
/** A receiver that asks for more is asked again after this all the same. */
const LONGEST_RETRY_AFTER_MS = 900_000
const MOST_ANSWER_BYTES = 4096
const LONGEST_REASON = 160
/** The content will not be taken as it is; everything else may get well. */
const REFUSED: ReadonlySet<number> = new Set([400, 413, 422])

export type Attempt =
  | { readonly result: 'taken' }
  | {
      readonly result: 'failed' | 'refused'
      readonly why: string
      /** How long the receiver wants to be left alone; null when it does not say. */
      readonly retryAfterMs: number | null
    }

export interface PostOptions {
  readonly dispatcher: Dispatcher
  /** Ends the attempt early. */
  readonly stop: AbortSignal
  readonly timeoutMs: number
  /** Milliseconds since 1970, for a Retry-After that is a date. */
  readonly wall: () => number
}

/** Milliseconds of a Retry-After field: seconds or a date (RFC 9110, 10.2.3); null without one. */
export function retryAfterMs(field: string | readonly string[] | undefined, nowMs: number) {
  const text = (typeof field === 'string' ? field : (field?.[0] ?? '')).trim()
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs
  if (Number.isNaN(ms)) return null
  return Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS)
}

/** Sends it once. Never rejects. */
export async function post(
  outgoing: Outgoing,
  receiver: ReceiverConfig,
  options: PostOptions,
): Promise<Attempt> {
  const { dispatcher, stop, timeoutMs, wall } = options
  const limit = AbortSignal.timeout(timeoutMs)
  try {
    const { body, headers, statusCode } = await undici().request(outgoing.url, {
      ...{ method: 'POST', headers: outgoing.headers, body: outgoing.body, dispatcher },
      signal: AbortSignal.any([stop, limit]),
    })
    // The status is what counts: how its text ends changes nothing.
    body.on('error', () => undefined)
    if (statusCode >= 200 && statusCode < 300) {
      body.dump().catch(() => undefined)
      return { result: 'taken' }
    }
    const said = await reasonIn(body, receiver)
    const asks = statusCode === 429 || statusCode === 503
    return {
      result: REFUSED.has(statusCode) ? 'refused' : 'failed',
      why: `status ${statusCode}${said === '' ? '' : ` (${said})`}`,
      retryAfterMs: asks ? retryAfterMs(headers['retry-after'], wall()) : null,
    }
  } catch (error) {
    const late = limit.aborted && !stop.aborted
    const why = late ? `no answer within ${timeoutMs / 1000} s` : codeOf(error)
    return { result: 'failed', why, retryAfterMs: null }
  }
}

/** A short name of what went wrong. A message may hold the address. */
function codeOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : (name ?? 'Error')
}

/** What PagerDuty and Slack say in their documented forms; nothing of others. */
async function reasonIn(
  body: Dispatcher.ResponseData['body'],
  receiver: ReceiverConfig,
): Promise<string> {
  if (receiver.kind !== 'pagerduty' && receiver.kind !== 'slack') {
    body.destroy()
    return ''
  }
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > MOST_ANSWER_BYTES) break // leaving the loop destroys the body
    }
  } catch {
    return '' // the status is known, and it is what counts
  }
  const text = Buffer.concat(chunks).toString('utf8').slice(0, MOST_ANSWER_BYTES)
  const said = receiver.kind === 'slack' ? slackReason(text) : pagerDutyReason(text)
  return withoutSecrets(said, receiver).slice(0, LONGEST_REASON)
}

/** `invalid_payload`, `no_service`, `channel_is_archived`. */
function slackReason(text: string): string {
  return /^[a-z_]{1,60}$/.test(text.trim()) ? text.trim() : ''
}

function pagerDutyReason(text: string): string {
  try {
    const { errors, message } = JSON.parse(text) as { errors?: unknown; message?: unknown }
    const all = [message, ...(Array.isArray(errors) ? (errors as unknown[]) : [])]
    return all.filter((one) => typeof one === 'string').join('; ')
  } catch {
    return '' // a gateway in between has answered
  }
}

function withoutSecrets(text: string, receiver: ReceiverConfig): string {
  const { headers, url } = receiver
  const secrets = [url, new URL(url).pathname, ...Object.values(headers)]
  if (receiver.kind === 'pagerduty') secrets.push(receiver.routingKey)
  const known = secrets.filter((secret) => secret.length >= 8)
  const clean = known.reduce((left, secret) => left.replaceAll(secret, '[secret]'), text)
  return clean.replaceAll(/[^\x20-\x7e]/g, ' ')
}
