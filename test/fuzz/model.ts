// What a reader would expect who knows the tables of the wire but not our code: a message that was
// accepted is taken apart with string functions alone, and what must come of it is written down
// from the tables. It may be naive because it is only asked about messages that our strict parser
// has let through.

export type Field = readonly [name: string, value: string]

export interface Message {
  readonly start: string
  readonly fields: readonly Field[]
  /** Without its framing. */
  readonly body: string
  readonly trailers: readonly Field[]
  /** The offset behind it. */
  readonly end: number
}

export function valuesOf(fields: readonly Field[], lowerName: string): string[] {
  const values: string[] = []
  for (const [name, value] of fields) if (name.toLowerCase() === lowerName) values.push(value)
  return values
}

function fieldOf(line: string): Field {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
}

/** The members of all lists under a name, in lower case. */
export function membersOf(fields: readonly Field[], lowerName: string): string[] {
  const list = valuesOf(fields, lowerName).join(',').toLowerCase()
  return list.split(/[ \t]*,[ \t]*/).filter((member) => member !== '')
}

const SIZE_LINE = /([0-9a-f]+)(?:;[^\r]*)?\r\n/iy

function chunks(text: string, from: number): Pick<Message, 'body' | 'end' | 'trailers'> {
  let at = from
  let body = ''
  for (;;) {
    SIZE_LINE.lastIndex = at
    const size = Number.parseInt(SIZE_LINE.exec(text)?.[1] ?? 'x', 16)
    if (Number.isNaN(size)) throw new Error(`There is no chunk at ${at}`)
    at = SIZE_LINE.lastIndex
    if (size === 0) break
    body += text.slice(at, at + size)
    at += size + 2
  }
  const trailers: Field[] = []
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    const line = text.slice(at, lineEnd)
    at = lineEnd + 2
    if (line === '') return { body, end: at, trailers }
    trailers.push(fieldOf(line))
  }
}

/**
 * Takes apart the message that begins at `from`.
 *
 * @param bodiless whether it has no body whatever its head says
 * @param untilClose whether a body without framing lasts until the end
 */
export function readNaively(
  text: string,
  from: number,
  { bodiless, untilClose }: { readonly bodiless: boolean; readonly untilClose: boolean },
): Message {
  const at = text.startsWith('\r\n', from) ? from + 2 : from
  const headEnd = text.indexOf('\r\n\r\n', at)
  const [start = '', ...lines] = text.slice(at, headEnd).split('\r\n')
  const fields = lines.map(fieldOf)
  const bodyAt = headEnd + 4
  if (bodiless) return { start, fields, body: '', trailers: [], end: bodyAt }
  if (valuesOf(fields, 'transfer-encoding').length > 0) {
    return { start, fields, ...chunks(text, bodyAt) }
  }
  const [length] = valuesOf(fields, 'content-length')
  const end = length !== undefined ? bodyAt + Number(length) : untilClose ? text.length : bodyAt
  return { start, fields, body: text.slice(bodyAt, end), trailers: [], end }
}

/** Hop-by-hop fields of the table "Requests out", and those that are written anew. */
const NOT_COPIED = [
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'],
  ...['http2-settings', 'content-length'],
]
/** Ours in requests: compared by name, wherever they stand. */
export const REQUEST_OWN: ReadonlySet<string> = new Set([
  ...NOT_COPIED,
  ...['host', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded', 'via'],
  ...['x-request-id', 'max-forwards', 'proxy-authorization', 'trailer', 'expect'],
])
export const ANSWER_OWN: ReadonlySet<string> = new Set([
  ...NOT_COPIED,
  ...['proxy-authenticate', 'date', 'trailer'],
])

export type Own = Readonly<Record<string, readonly string[]>>

export interface Expected {
  readonly method: string
  readonly target: string
  /** The fields that are compared in their order. */
  readonly copied: readonly Field[]
  readonly own: Own
}

export interface Peer {
  readonly address: string
  readonly proto: string
  readonly trusted: boolean
  readonly via: string
  readonly forwarded: boolean
  readonly proxyAuthorization: boolean
}

/** The fields that pass as they are. */
export function copiedOf(fields: readonly Field[], own: ReadonlySet<string>): Field[] {
  const named = new Set(membersOf(fields, 'connection'))
  return fields.filter(([name]) => {
    const lower = name.toLowerCase()
    return !own.has(lower) && !named.has(lower)
  })
}

/** What must go to the target for this request, by the tables "Requests in" and "Requests out". */
export function expectedRequest(message: Message, peer: Peer, upgrade: boolean): Expected {
  const { fields, start } = message
  const [method = '', came = '', version = ''] = start.split(' ')
  const absolute = /^https?:\/\/([^/?]*)(.*)$/i.exec(came)
  const rest = absolute?.[2] ?? ''
  const asterisk =
    rest === '' && method === 'OPTIONS' ? '*' : rest.startsWith('/') ? rest : `/${rest}`
  const host = absolute?.[1] ?? valuesOf(fields, 'host')[0] ?? ''
  return {
    method,
    target: absolute === null ? came : asterisk,
    copied: copiedOf(fields, REQUEST_OWN),
    own: {
      host: [host],
      ...forwardingFields(fields, peer, { host, old: version === 'HTTP/1.0' }),
      ...hopFields(fields, upgrade, { method, old: version === 'HTTP/1.0', peer }),
    },
  }
}

function forwardingFields(
  fields: readonly Field[],
  peer: Peer,
  { host, old }: { readonly host: string; readonly old: boolean },
): Own {
  const { address, proto, trusted } = peer
  const believed = (name: string): string[] => (trusted ? valuesOf(fields, name) : [])
  const first = (name: string, ours: readonly string[]): readonly string[] => {
    const theirs = believed(name)
    return theirs.length > 0 ? theirs : ours
  }
  const node = address.includes(':') ? `"[${address}]"` : address
  const element = `for=${node};proto=${proto}${host === '' ? '' : `;host="${host}"`}`
  return {
    'x-forwarded-for': [[...believed('x-forwarded-for'), address].join(', ')],
    'x-forwarded-proto': first('x-forwarded-proto', [proto]),
    'x-forwarded-host': first('x-forwarded-host', host === '' ? [] : [host]),
    'x-request-id': first('x-request-id', ['id']),
    forwarded: [...believed('forwarded'), ...(peer.forwarded ? [element] : [])],
    via: [...valuesOf(fields, 'via'), `${old ? '1.0' : '1.1'} ${peer.via}`],
  }
}

interface HopFacts {
  readonly method: string
  readonly old: boolean
  readonly peer: Peer
}

function hopFields(fields: readonly Field[], upgrade: boolean, facts: HopFacts): Own {
  const { method, old, peer } = facts
  const named = new Set(membersOf(fields, 'connection'))
  const passing = (name: string): string[] => (named.has(name) ? [] : valuesOf(fields, name))
  const chunked = valuesOf(fields, 'transfer-encoding').length > 0
  const trailers = !upgrade && membersOf(fields, 'te').includes('trailers')
  const [times] = method === 'OPTIONS' ? valuesOf(fields, 'max-forwards') : []
  return {
    'transfer-encoding': chunked ? ['chunked'] : [],
    'content-length': valuesOf(fields, 'content-length').map((length) => String(Number(length))),
    te: trailers ? ['trailers'] : [],
    upgrade: upgrade ? ['websocket'] : [],
    connection: upgrade ? ['Upgrade'] : trailers ? ['TE'] : [],
    trailer: chunked ? passing('trailer') : [],
    expect: old ? [] : valuesOf(fields, 'expect'),
    'max-forwards': times === undefined ? passing('max-forwards') : [String(Number(times) - 1)],
    'proxy-authorization': peer.proxyAuthorization ? passing('proxy-authorization') : [],
    'keep-alive': [],
    'proxy-connection': [],
    'http2-settings': [],
  }
}

/** Trailers that no recipient may be made to believe (RFC 9110 section 6.5.1). */
const NEVER_TRAILERS: ReadonlySet<string> = new Set([
  ...['content-length', 'transfer-encoding', 'host', 'connection', 'te', 'upgrade', 'trailer'],
  ...['authorization', 'cookie', 'set-cookie', 'content-type', 'content-encoding', 'keep-alive'],
  ...['x-forwarded-for', 'forwarded', 'via', 'max-forwards', 'expect', 'proxy-authorization'],
])

/** Nothing speaks against these. */
const HARMLESS = /^(x-sum|x-a|__proto__)$/i

/** Whether the trailers that went on are those that came, without some that must not. */
export function trailersAgree(came: Message, went: readonly Field[]): boolean {
  const never = new Set([...NEVER_TRAILERS, ...membersOf(came.fields, 'connection')])
  if (went.some(([name]) => never.has(name.toLowerCase()))) return false
  let at = 0
  for (const [name, value] of came.trailers) {
    if (went[at]?.[0] === name && went[at]?.[1] === value) at++
    else if (HARMLESS.test(name) && !never.has(name.toLowerCase())) return false
  }
  return at === went.length
}

const UNRESERVED = /^[A-Za-z0-9._~-]$/

/** The path that routes are matched against, or null, by the words of the table. */
export function expectedPath(target: string): string | null {
  if (target === '*') return '/'
  const raw = target.replace(/\?.*$/s, '').replace(/[\x80-\xff]/g, escaped)
  if (/%(00|0d|0a)/i.test(raw)) return null
  const plain = raw.replace(/%[0-9a-f]{2}/gi, (code) => {
    const char = String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return UNRESERVED.test(char) ? char : code.toUpperCase()
  })
  const kept: string[] = []
  for (const segment of plain.split('/')) {
    if (segment === '..' && kept.pop() === undefined) return null
    if (segment !== '' && segment !== '.' && segment !== '..') kept.push(segment)
  }
  const directory = /\/\.{0,2}$/.test(plain) && kept.length > 0
  return `/${kept.join('/')}${directory ? '/' : ''}`
}

function escaped(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`
}
