// What a line of the access log says: an entry in, a plain object out. Flat, with names that stay,
// units in the names, and only what is known: a field without a value is left out. No secret may
// get through, so the values of query parameters with telling names are replaced, and neither
// headers nor bodies are ever looked at. All text is ASCII when it leaves, so that a line is as
// long as its string, and has a bound: pipes keep lines whole up to 4 KiB only (line-sink.ts).

import { blameOf, type Outcome, outcomeOfStatus } from '../core/outcome.ts'
import { FAULTS, type Fault } from '../http1/fault.ts'
import { isHost } from '../http1/host.ts'

/** What is known of a request when it is over. Times are of the edge's clock, in ms; −1: never. */
export interface AccessEntry {
  readonly client: string
  readonly method: string
  readonly host: string
  readonly target: string
  /** When the head had been read. */
  readonly startedMs: number
  requestId: string
  service: string
  /** The version that the draw chose. */
  version: string
  /** The version that was asked in its place, if any. */
  rescuedBy: string
  /** The target that was asked last, as host:port. */
  upstream: string
  /** 0: none was sent. */
  status: number
  outcome: Outcome | ''
  fault: Fault | 'client-gone' | ''
  attempts: number
  /** When the last attempt began. */
  attemptMs: number
  /** When its connection was ready. */
  connectedMs: number
  /** When the head of the answer came. */
  answeredMs: number
  bytesIn: number
  bytesOut: number
}

/** The fields of a line, in their order. See OPERATING.md for what they mean. */
export interface AccessLine {
  /** Tells the lines from the node's own where both go to stdout. */
  readonly log: 'access'
  readonly time: string
  readonly request_id: string | undefined
  readonly client: string | undefined
  readonly method: string | undefined
  readonly host: string | undefined
  readonly path: string | undefined
  readonly service: string | undefined
  readonly version: string | undefined
  readonly target: string | undefined
  readonly status: number | undefined
  readonly outcome: Outcome
  readonly blame: 'nobody' | 'version' | 'client' | 'vertex'
  readonly error: string | undefined
  readonly bytes_in: number
  readonly bytes_out: number
  readonly wait_ms: number | undefined
  readonly connect_ms: number | undefined
  readonly first_byte_ms: number | undefined
  readonly total_ms: number
  readonly attempts: number
  readonly rescued_by: string | undefined
}

/** Longer paths are cut: a line has to fit into one write to a pipe. */
const MAX_PATH_CHARS = 2048
/** No longer than what tracing systems make; only a trusted peer can bring another. */
const MAX_ID_CHARS = 128
const CUT = '[cut]'
const REDACTED = '[redacted]'
/** The one fault that is answered to whoever asks for what is not there: nobody's. */
const NOBODYS: Fault = 'no-service'

/**
 * @param entry a finished request
 * @param at the edge's clock at its end, and the wall clock at the same moment, both in ms
 * @param secrets from `secretNames`
 */
export function accessLine(
  entry: AccessEntry,
  at: { readonly nowMs: number; readonly wallMs: number },
  secrets: ReadonlySet<string>,
): AccessLine {
  const { answeredMs, attemptMs, connectedMs, fault, startedMs } = entry
  const outcome = outcomeOf(entry)
  return {
    log: 'access',
    time: isoOf(at.wallMs - (at.nowMs - startedMs)),
    request_id: entry.requestId === '' ? undefined : ascii(entry.requestId, MAX_ID_CHARS),
    client: known(entry.client),
    method: known(entry.method),
    host: isHost(entry.host) ? entry.host : undefined,
    path: entry.target === '' ? undefined : loggedPath(entry.target, secrets),
    service: known(entry.service),
    version: known(entry.version),
    target: known(entry.upstream),
    // The client went away before its answer was whole: nginx's 499, whatever had been sent.
    status: fault === 'client-gone' ? 499 : entry.status === 0 ? undefined : entry.status,
    outcome,
    blame: outcome === 'unjudged' && fault !== NOBODYS ? 'client' : blameOf(outcome),
    error: fault === 'client-gone' ? undefined : known(fault),
    bytes_in: entry.bytesIn,
    bytes_out: entry.bytesOut,
    wait_ms: span(startedMs, attemptMs),
    connect_ms: span(attemptMs, connectedMs),
    first_byte_ms: span(connectedMs, answeredMs),
    total_ms: round(at.nowMs - startedMs),
    attempts: entry.attempts,
    rescued_by: known(entry.rescuedBy),
  }
}

/** Before the draw nothing is counted; the line says what it would have been counted as. */
function outcomeOf({ fault, outcome, status }: AccessEntry): Outcome {
  if (outcome !== '') return outcome
  if (fault === 'client-gone') return 'aborted'
  return fault === '' ? outcomeOfStatus(status) : FAULTS[fault].outcome
}

function known(text: string): string | undefined {
  return text === '' ? undefined : text
}

function span(fromMs: number, toMs: number): number | undefined {
  return fromMs < 0 || toMs < 0 ? undefined : round(toMs - fromMs)
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

// --- time -------------------------------------------------------------------------------------

let second = Number.NaN
let secondText = ''

/** The ISO 8601 form in UTC. Only the milliseconds differ within a second, and dates are dear. */
function isoOf(wallMs: number): string {
  const ms = Math.floor(wallMs)
  const since = Math.floor(ms / 1000)
  if (since !== second) {
    second = since
    secondText = new Date(since * 1000).toISOString().slice(0, 20)
  }
  const rest = ms - since * 1000
  return `${secondText}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`
}

// --- text -------------------------------------------------------------------------------------

const PLAIN = /^[\x21\x23-\x5b\x5d-\x7e]*$/

/** The text with every byte outside visible ASCII, and what JSON escapes, percent-encoded. */
function ascii(text: string, maxChars: number): string {
  if (text.length <= maxChars && PLAIN.test(text)) return text
  const encoded = text.slice(0, maxChars).replace(/[^\x21\x23-\x5b\x5d-\x7e]/g, percentOf)
  if (encoded.length === text.length && text.length <= maxChars) return encoded
  return text.length > maxChars || encoded.length > maxChars
    ? encoded.slice(0, maxChars) + CUT
    : encoded
}

function percentOf(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

// --- secrets ----------------------------------------------------------------------------------

// Names as they are compared: lower case, letters and digits only. `api_key`, `api-key` and
// `apiKey` are one name.
const WELL_KNOWN =
  'token accesstoken idtoken refreshtoken authtoken bearertoken sessiontoken securitytoken ' +
  'usertoken apitoken resettoken logintoken invitetoken csrftoken xsrftoken csrf bearer ' +
  'key apikey accesskey secretkey privatekey authkey subscriptionkey sharedkey accountkey ' +
  'secret clientsecret appsecret sharedsecret password passwd passwort pwd pass passphrase ' +
  'passcode newpassword oldpassword currentpassword confirmpassword passwordconfirmation ' +
  'signature sig sign hmac xamzsignature xamzsecuritytoken xamzcredential xgoogsignature ' +
  'xgoogcredential awsaccesskeyid googleaccessid code codeverifier devicecode usercode authcode ' +
  'otp totp mfa pin cvv cvc session sessionid sessionkey sessid sid phpsessid jsessionid ' +
  'aspsessionid jwt auth authorization xauthorization oauthtoken oauthverifier oauthsignature ' +
  'credential credentials assertion clientassertion samlresponse samlrequest ticket magic'

/** The names whose values are not logged: the well-known ones and `more` of the config. */
export function secretNames(more: readonly string[]): ReadonlySet<string> {
  const names = new Set(WELL_KNOWN.split(' '))
  for (const name of more) {
    names.add(bare(name))
    names.add(name.toLowerCase()) // one of other letters than ours has no bare form
  }
  names.delete('')
  return names
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/**
 * The target as it may be logged: values of secret parameters replaced, user information gone,
 * plain ASCII, at most 2 KiB and a mark.
 *
 * @param target in any form, whether valid or not
 */
export function loggedPath(target: string, secrets: ReadonlySet<string>): string {
  // What is cut here cannot bring a secret back: a name without its value remains at most.
  const long = target.length > MAX_PATH_CHARS
  const text = redact(long ? target.slice(0, MAX_PATH_CHARS) : target, secrets)
  const path = ascii(text, MAX_PATH_CHARS)
  return long && !path.endsWith(CUT) ? path + CUT : path
}

function redact(target: string, secrets: ReadonlySet<string>): string {
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  const shown = withoutUser(path.includes(';') ? redactParts(path, /([;/])/, secrets) : path)
  if (query < 0) return shown
  return `${shown}?${redactParts(target.slice(query + 1), /([&;?])/, secrets)}`
}

/**
 * Absolute forms may hold `user:password@`; such a request is refused, but its refusal is logged.
 */
function withoutUser(path: string): string {
  if (path.charCodeAt(0) === 0x2f) return path
  return path.replace(/^([^/]*\/\/)?[^/]*@/, `$1${REDACTED}@`)
}

/** @param separator with one group, so that the separators are kept */
function redactParts(text: string, separator: RegExp, secrets: ReadonlySet<string>): string {
  const parts = text.split(separator)
  for (let i = 0; i < parts.length; i += 2) {
    const part = parts[i] as string
    const equals = part.indexOf('=')
    if (equals < 0) continue
    const hides = isSecret(part.slice(0, equals), secrets) || holds(part.slice(equals + 1), secrets)
    if (hides) parts[i] = `${part.slice(0, equals + 1)}${REDACTED}`
  }
  return parts.join('')
}

/**
 * Whether a value is an encoded address whose own query has a secret, such as
 * `next=%2Fa%3Ftoken%3D1`.
 */
function holds(value: string, secrets: ReadonlySet<string>): boolean {
  if (!value.includes('%')) return false
  const [, ...query] = decoded(value).split(/[?&;#]/)
  return query.some((part) => part.includes('=') && isSecret(part.split('=', 1)[0] ?? '', secrets))
}

/** What no name holds by chance: `reset_password_token`, `webhookSecret2`. */
const TELLING = /token(?!s)|secret|passw|pwd|passphrase|signature|credential|jwt|apikey/

/** Whether a parameter's name, or a part of it as in `user[password]`, is a secret's. */
function isSecret(raw: string, secrets: ReadonlySet<string>): boolean {
  const name = decoded(raw).toLowerCase()
  if (secrets.has(name) || secrets.has(bare(name)) || TELLING.test(bare(name))) return true
  if (!/[[\].:]/.test(name)) return false
  return name.split(/[[\].:]/).some((part) => secrets.has(part) || secrets.has(bare(part)))
}

/** Percent-decoded as far as possible, twice: some stand behind a second decoder. */
function decoded(text: string): string {
  let out = text
  for (let times = 0; times < 2 && out.includes('%'); times++) {
    out = out.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
  }
  return out
}
