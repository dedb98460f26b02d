// The grammar of the messages: requests and answers that are mostly right, with a preference for
// what framing, routing and identity hang on, and with every odd spelling that somebody has once
// been fooled by. What is right comes out of here; what is broken in random places comes from
// mutate.ts.

import type { Random } from './random.ts'

/** The lines of a head without their ends, and what stands behind the empty line. */
export interface Draft {
  readonly lines: string[]
  readonly body: string
}

const METHODS = [
  ...['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS', 'OPTIONS'],
  ...['PROPFIND', 'M-SEARCH', 'QUERY', 'SOURCE', 'X_9'],
]
const ODD_METHODS = ['GUT', 'GEX', 'CONNECT', 'TRACE', 'PRI', 'get', 'GET!', '']
const TARGETS = [
  ...['/', '/', '/', '/a', '/a/b?c=d', '/a?b?c', '/?', 'http://b', 'http://b:81/x?y', 'HTTPS://b/'],
  ...[
    'http://b?x',
    '//b/x',
    'http://[::1]:81/',
    '/a%2Fb%5c..',
    '/a/./b/../c',
    '/a//b/',
    '/.',
    '/%',
  ],
  ...['/%z1', '/%61%7e%41', '/%C3%a9', '/a/..', '/...', '/a/.', '/?/..', '/%2e%2Ex', '/a/%2e%2E/b'],
]
const ODD_TARGETS = [
  ...['/??', '/a??b=c', '/a#b', '*', 'a', 'http://u@b/', 'http:///x', 'b:443', '/%2e%2E/x', '/..'],
  ...[
    '/a/../../b',
    '/%00',
    '/%0d',
    '/%0A',
    '/caf\xc3\xa9',
    '/\xff?\x80',
    '/\xe9??',
    'ftp://b/',
    '?a',
  ],
  '',
]
const VERSIONS = [
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/1.0',
]
const ODD_VERSIONS = [
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1',
  'HTTP/1.10',
  'HTTP/x.1',
]
const HOSTS = [
  ...['a', 'a', 'a', 'a.example:8080', 'A.Example.', 'a:', '127.0.0.1', '[::1]', '[::1]:80', 'x_y'],
  ...['[1:2:3:4:5:6:7:8]', '[::ffff:192.0.2.1]:1', 'a%20b', 'a*b'],
]
const ODD_HOSTS = [
  ...['', ':80', 'a,b', 'a b', 'u@a', 'a/b', 'a:b', 'a:65536', 'a:1234567', '[::1', '[]', '[::1]x'],
  ...['[1::2::3]', '[::256.1.1.1]', '[1:2]', '[1:2:3:4:5:6:7::8]', 'a%', 'a%2', '[:::]', 'caf\xe9'],
]
const PLAIN = ['X', 'x-a', 'X-One', 'Accept', 'Cookie', 'Authorization', '__proto__', 'constructor']
const LONG_NAME = 'X-A-Name-That-Is-Longer-Than-Any-Known-One'
const SPECIAL = [
  ...['Via', 'Via', 'Forwarded', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host'],
  ...['X-Request-Id', 'TE', 'TE', 'Trailer', 'Keep-Alive', 'Proxy-Connection', 'Upgrade', 'Expect'],
  ...[
    'Proxy-Authorization',
    'HTTP2-Settings',
    'Max-Forwards',
    'Max-Forwards',
    'Date',
    'Connection',
  ],
  ...['Proxy-Authenticate', 'Set-Cookie', 'Server', 'Content-Type'],
]
const FRAMING = ['Content-Length', 'Transfer-Encoding', 'Host', 'Connection']
const DATES = ['Thu, 01 Jan 1970 00:00:00 GMT']
const VALUES: Readonly<Record<string, readonly string[]>> = {
  via: [
    '1.1 other',
    '1.1 vertex',
    '1.0 fred, 1.1 vertex',
    'HTTP/1.1 vertex, 2 vertex',
    '1.1 vertex\xa0',
  ],
  te: ['trailers', 'gzip, Trailers', 'deflate;q=0.5', 'x-trailers', ''],
  upgrade: ['websocket', 'WebSocket', 'h2c', 'websocket, h2c', ''],
  expect: ['100-continue', '100-Continue', '100-continue, x', 'miracle', ''],
  'keep-alive': [
    'timeout=5',
    'timeout=5, max=9',
    'max=9, TIMEOUT=7',
    'timeout=',
    'timeout=1234567',
    'x',
  ],
  'max-forwards': ['0', '1', '10', '007', '-1', 'x', '', '9007199254740992'],
  connection: [
    ...[
      'close',
      'close',
      'keep-alive',
      'Keep-Alive',
      'Upgrade',
      'keep-alive, Upgrade',
      'TE',
      'x-a',
    ],
    ...['x-a, close', 'X-One,x-a', 'close, keep-alive', 'Host', 'content-length', 'close, Via', ''],
    ...['x-forwarded-for', 'Transfer-Encoding', ',', 'close\t,\tx-a', '\xa0close', 'x,'.repeat(17)],
    ...[
      'Max-Forwards',
      'expect',
      'trailer',
      'keep-alive,Upgrade,x-a',
      'Cookie',
      'date',
      'te, upgrade',
    ],
  ],
  'content-length': [
    ...[
      '0',
      '1',
      '5',
      '05',
      '0012',
      '+5',
      '-1',
      '5, 5',
      '5,',
      '',
      '0x5',
      '5 5',
      '1e1',
      '\xb2',
      '5.0',
    ],
    ...['9007199254740991', '9007199254740992', '18446744073709551617', '4294967301', '00'],
  ],
  'transfer-encoding': [
    ...[
      'chunked',
      'chunked',
      'Chunked',
      'CHUNKED',
      'gzip',
      'identity',
      'gzip, chunked',
      'chunked, gzip',
    ],
    ...[
      'xchunked',
      'chunked;a=b',
      '"chunked"',
      '',
      ',chunked',
      'chunked,',
      '\xa0chunked',
      'chunked, chunked',
    ],
  ],
  date: DATES,
}
const BLANKS = ['', ' ', ' ', ' ', ' ', ' ', '\t', '  ', ' \t ']
const BODIES = [
  '',
  'x',
  'hello',
  'a\r\nb',
  '0\r\n\r\n',
  'GET /in HTTP/1.1\r\nHost: i\r\n\r\n',
  '\0\xff',
  '\n',
]

const VALUE_BYTES = ' abcxyz0189,;:="\\/\t\x80\xa0\xe9\xff()<>@[]{}%'

function text(random: Random, maxChars: number): string {
  let out = ''
  for (let left = random.below(maxChars + 1); left > 0; left--) {
    out += VALUE_BYTES.charAt(random.below(VALUE_BYTES.length))
  }
  return out
}

/** A field name as somebody might spell it to be understood by one reader only. */
function spelt(random: Random, name: string): string {
  if (!random.oneIn(3)) return name
  switch (random.below(random.oneIn(20) ? 7 : 2)) {
    case 0:
      return name.toLowerCase()
    case 1:
      return name.toUpperCase()
    case 2:
      return `${name}${random.pick([' ', '\t', '\0', 'x', '\x0b', '\xa0'])}`
    case 3:
      return `${random.pick([' ', '\t', '\0', 'x', '\r', '\xa0', '"'])}${name}`
    case 4:
      return name.replace('-', random.pick(['_', '--', '', ' ', '\u00ad', '.']))
    case 5:
      return name.slice(random.below(2), name.length - random.below(2))
    default:
      return name.replace(/[a-z]/, (char) => String.fromCharCode(char.charCodeAt(0) ^ 0x20))
  }
}

function fieldLine(random: Random, name: string, value: string): string {
  return `${spelt(random, name)}:${random.pick(BLANKS)}${value}${random.oneIn(6) ? random.pick(BLANKS) : ''}`
}

function valueFor(random: Random, name: string): string {
  const known = VALUES[name.toLowerCase()]
  return known !== undefined && !random.oneIn(8) ? random.pick(known) : text(random, 20)
}

/** Field lines that do not belong to the framing. */
function otherLines(random: Random): string[] {
  const lines: string[] = []
  for (let left = random.below(5); left > 0; left--) {
    const name = random.oneIn(100) ? LONG_NAME : random.pick(random.oneIn(2) ? SPECIAL : PLAIN)
    // Most messages must be good ones, so what is mostly refused comes seldom.
    const value = name === 'Expect' && !random.oneIn(4) ? '100-continue' : valueFor(random, name)
    lines.push(fieldLine(random, name, value))
  }
  if (random.oneIn(8)) lines.push(fieldLine(random, 'Connection', valueFor(random, 'connection')))
  if (random.oneIn(20)) {
    lines.push(
      fieldLine(random, 'Connection', 'Upgrade'),
      fieldLine(random, 'Upgrade', 'websocket'),
    )
  }
  if (random.oneIn(20)) {
    const name = random.pick(FRAMING)
    lines.push(fieldLine(random, name, valueFor(random, name)))
  }
  if (random.oneIn(200)) for (let i = random.below(140); i > 0; i--) lines.push(`X-${i}: ${i}`)
  if (random.oneIn(200)) lines.push(`X-Long: ${'y'.repeat(random.below(700))}`)
  return lines
}

const EXTENSIONS = [
  ...[
    ';a',
    ';name=value',
    ';a=b;second',
    ';a="b"',
    ';a="b\\"c;d"',
    ';a;b=c;d',
    ';a=""',
    ';a="\t\x80"',
    ';',
    ' ;a',
    ';a =b',
  ],
  ...[';a="b', ';a=b"', ';a=', ';a="\\', ';a,b', ';\xe9', ';a="b"c', ' ', '\t'],
]
const TRAILERS = [
  ...[
    'X-Sum: 1',
    'x-a:',
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
    'Host: evil',
    'Cookie: a',
  ],
  ...['X-Sum:\t\x80 ', 'Set-Cookie: a=b', 'Authorization: x', 'Content-Type: x', '__proto__: 1'],
]
const ODD_TRAILERS = ['X-Sum', ': x', ' X: y', 'X : y', 'X: \0', 'X\xe9: y', '\tfolded', 'X: y\rz']

/** A body in the chunked coding, mostly right. */
function chunkedBody(random: Random): string {
  let out = ''
  for (let left = random.below(4); left > 0; left--) {
    const data = random.pick(BODIES)
    if (data === '') continue
    out += `${sizeLine(random, data.length)}\r\n${data}\r\n`
  }
  out += `${sizeLine(random, 0)}\r\n`
  if (random.oneIn(4)) {
    for (let left = random.below(4); left > 0; left--) {
      out += `${random.oneIn(12) ? random.pick(ODD_TRAILERS) : random.pick(TRAILERS)}\r\n`
    }
  }
  if (random.oneIn(2000)) out += `X-Long: ${'z'.repeat(8192)}\r\n`
  return `${out}\r\n`
}

function sizeLine(random: Random, size: number): string {
  let out = size.toString(16)
  if (random.oneIn(8)) out = out.toUpperCase()
  if (random.oneIn(8)) out = `${'0'.repeat(random.below(18))}${out}`
  if (random.oneIn(100))
    out = random.pick(['', '-1', '0x1', '1g', '20000000000000', 'fffffffffffffffff'])
  if (random.oneIn(5)) out += random.pick(EXTENSIONS)
  if (random.oneIn(300)) out += `;a=${'b'.repeat(random.pick([252, 253, 254, 400]))}`
  return out
}

function lineOrder(random: Random, lines: string[]): string[] {
  for (let i = lines.length - 1; i > 0; i--) {
    const other = random.below(i + 1)
    const kept = lines[i] as string
    lines[i] = lines[other] as string
    lines[other] = kept
  }
  return lines
}

/** The framing lines and the body that they promise, or now and then do not. */
function framed(random: Random, old: boolean): Draft {
  const kind = random.below(20)
  if (kind < 8) return { lines: [], body: random.oneIn(30) ? random.pick(BODIES) : '' }
  if (kind < 13 || (old && kind < 19)) {
    const body = random.pick(BODIES)
    const length = random.oneIn(8) ? `00${body.length}` : `${body.length}`
    return { lines: [fieldLine(random, 'Content-Length', length)], body }
  }
  const body = chunkedBody(random)
  const coding = random.oneIn(8) ? 'CHUNKED' : 'chunked'
  const lines = [fieldLine(random, 'Transfer-Encoding', coding)]
  if (kind === 19 && random.oneIn(4))
    lines.push(fieldLine(random, 'Content-Length', `${body.length}`))
  return { lines, body }
}

function targetFor(random: Random, method: string): string {
  if (method === 'OPTIONS' && random.oneIn(3)) return '*'
  return random.pick(random.oneIn(15) ? ODD_TARGETS : TARGETS)
}

/** One request. */
export function draftRequest(random: Random): Draft {
  const method = random.oneIn(600)
    ? 'A'.repeat(60 + random.below(10))
    : random.pick(random.oneIn(30) ? ODD_METHODS : METHODS)
  const target = random.oneIn(300)
    ? `/${random.pick(['x', '%61', '/a', '..'])}`.repeat(random.below(90))
    : targetFor(random, method)
  const version = random.oneIn(30) ? random.pick(ODD_VERSIONS) : random.pick(VERSIONS)
  const { body, lines } = framed(random, version === 'HTTP/1.0')
  const host = random.oneIn(25) ? random.pick(ODD_HOSTS) : random.pick(HOSTS)
  if (!random.oneIn(version === 'HTTP/1.0' ? 3 : 60)) lines.push(fieldLine(random, 'Host', host))
  const all = lineOrder(random, [...lines, ...otherLines(random)])
  const start = `${method} ${target} ${version}`
  return { lines: [...(random.oneIn(60) ? [''] : []), start, ...all], body }
}

const STATUSES = [200, 200, 200, 200, 201, 204, 205, 206, 301, 304, 404, 500, 503, 599]
const REASONS = ['OK', 'OK', '', 'Not Found', 'No\tway \xe9', ' OK ']
const STATUS_VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.5']

function statusLine(random: Random, status: number): string {
  const version = random.oneIn(40) ? random.pick(ODD_VERSIONS) : random.pick(STATUS_VERSIONS)
  const reason = random.pick(REASONS)
  return `${version} ${status}${reason === '' && random.oneIn(2) ? '' : ` ${reason}`}`
}

/** One interim answer. */
export function draftInterim(random: Random): Draft {
  const status = random.pick([100, 100, 103, 102, 101, 199])
  const lines = [statusLine(random, status), ...(random.oneIn(2) ? [] : otherLines(random))]
  if (status === 101 && !random.oneIn(4)) {
    lines.push(fieldLine(random, 'Connection', 'Upgrade'))
    lines.push(fieldLine(random, 'Upgrade', valueFor(random, 'upgrade')))
  }
  return { lines, body: '' }
}

/** One final answer. */
export function draftAnswer(random: Random): Draft {
  const status = random.oneIn(25) ? random.pick([99, 600]) : random.pick(STATUSES)
  const start = statusLine(random, status)
  if (random.oneIn(4)) {
    // Until the connection closes.
    return { lines: [start, ...otherLines(random)], body: random.pick(BODIES) }
  }
  const bodiless = (status === 204 || status === 304) && !random.oneIn(4)
  const { body, lines } = bodiless
    ? { body: '', lines: [] }
    : framed(random, start.startsWith('HTTP/1.0'))
  if (random.oneIn(3)) lines.push(fieldLine(random, 'Date', random.pick(DATES)))
  return { lines: [start, ...lineOrder(random, [...lines, ...otherLines(random)])], body }
}
