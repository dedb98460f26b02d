// Request heads as raw bytes, each with what the parser must make of it: the facts, or the fault.
// One row a rule of the wire; the tests read the same rows whole, cut at every byte, and
// forwarded.

import type { Fault } from '../../src/http1/fault.ts'
import type { RequestHead, RequestLimits } from '../../src/http1/request-head.ts'
import { BY_LENGTH, CHUNKED, NO_BODY } from '../../src/http1/request-head.ts'

export const LIMITS: RequestLimits = { headBytes: 32_768, targetBytes: 16_384, headerLines: 100 }

export type Facts = Partial<
  Pick<
    RequestHead,
    | 'method'
    | 'target'
    | 'host'
    | 'minor'
    | 'framing'
    | 'contentLength'
    | 'keepAlive'
    | 'upgrade'
    | 'expectsContinue'
    | 'acceptsTrailers'
    | 'maxForwards'
    | 'named'
  >
> & {
  /** Bytes behind the head that belong to the body or to the next request. */
  readonly rest?: number
}

export interface RequestCase {
  readonly name: string
  /** One character a byte. */
  readonly raw: string
  readonly expected: Facts | Fault
  /** Limits and permissions that differ from the defaults. */
  readonly limits?: Partial<RequestLimits>
}

const cases: RequestCase[] = []

function row(name: string, raw: string, expected: Facts | Fault): void {
  cases.push({ name, raw, expected })
}

/** A request line with an option switched on. */
function allowing(option: Partial<RequestLimits>, text: string, expected: Facts | Fault): void {
  const name = `${JSON.stringify(text)} with ${Object.keys(option).join(', ')}`
  cases.push({ name, raw: `${text}\r\nHost: a\r\n\r\n`, expected, limits: option })
}

/** A request line, with a good head behind it. */
function line(name: string, text: string, expected: Facts | Fault): void {
  row(name, `${text}\r\nHost: a\r\n\r\n`, expected)
}

/** Field lines in a good GET. */
function fields(name: string, text: string, expected: Facts | Fault): void {
  row(name, `GET / HTTP/1.1\r\nHost: a\r\n${text}\r\n\r\n`, expected)
}

/** The same in an HTTP/1.0 request. */
function old(name: string, text: string, expected: Facts | Fault): void {
  row(name, `GET / HTTP/1.0\r\n${text}\r\n`, expected)
}

function host(value: string, expected: Facts | Fault): void {
  row(`host ${JSON.stringify(value)}`, `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`, expected)
}

// --- line ends --------------------------------------------------------------------------------

row('plain', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', {
  method: 'GET',
  target: '/',
  host: 'a',
  minor: 1,
  framing: NO_BODY,
  keepAlive: true,
  upgrade: '',
  expectsContinue: false,
  acceptsTrailers: false,
  maxForwards: -1,
  named: [],
})
row('bytes behind the head stay', 'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2', { rest: 6 })
row('LF after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 'bad-line-end')
row('CR alone after the request line', 'GET / HTTP/1.1\rHost: a\r\n\r\n', 'bad-line-end')
row('LF after a field', 'GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n', 'bad-line-end')
row('CR alone after a field', 'GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n', 'bad-line-end')
row('LF as the empty line', 'GET / HTTP/1.1\r\nHost: a\r\n\n', 'bad-line-end')
row('CR CR as the empty line', 'GET / HTTP/1.1\r\nHost: a\r\n\r\r\n', 'bad-line-end')
row('LF in a name', 'GET / HTTP/1.1\r\nHo\nst: a\r\n\r\n', 'bad-line-end')
row('one empty line before', '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'GET' })
row('two empty lines before', '\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', 'bad-method')
row('LF before', '\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', 'bad-method')
row('CR without LF before', '\rGET / HTTP/1.1\r\nHost: a\r\n\r\n', 'bad-line-end')

// --- the request line -------------------------------------------------------------------------

for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'M-SEARCH', 'X_9']) {
  line(`method ${method}`, `${method} / HTTP/1.1`, { method })
}
line('lower-case method', 'get / HTTP/1.1', 'method-unknown')
line('mixed-case method', 'GeT / HTTP/1.1', 'method-unknown')
line('odd token as method', 'GET! / HTTP/1.1', 'method-unknown')
line('method of 64 bytes', `${'A'.repeat(64)} / HTTP/1.1`, { method: 'A'.repeat(64) })
line('method of 65 bytes', `${'A'.repeat(65)} / HTTP/1.1`, 'bad-method')
line('no token as method', 'G@T / HTTP/1.1', 'bad-method')
line('no method', ' / HTTP/1.1', 'bad-method')
line('HTAB after the method', 'GET\t/ HTTP/1.1', 'bad-method')
line('two spaces after the method', 'GET  / HTTP/1.1', 'bad-target')
line('two spaces before the version', 'GET /  HTTP/1.1', 'bad-version')
line('HTAB before the version', 'GET /\tHTTP/1.1', 'bad-target')
line('space in the target', 'GET /a b HTTP/1.1', 'bad-version')
line('no target', 'GET HTTP/1.1', 'bad-version')
line('TLS hello', '\x16\x03\x01\x02\x00', 'bad-method')
line('HTTP/1.0', 'GET / HTTP/1.0', { minor: 0, keepAlive: false })
line('HTTP/1.2 is read as 1.1', 'GET / HTTP/1.2', { minor: 1 })
line('HTTP/1.9', 'GET / HTTP/1.9', { minor: 1, keepAlive: true })
line('HTTP/0.9 by name', 'GET / HTTP/0.9', 'version-unsupported')
line('HTTP/2.0', 'GET / HTTP/2.0', 'version-unsupported')
line('the HTTP/2 preface', 'PRI * HTTP/2.0', 'version-unsupported')
line('HTTP/0.9 without a version', 'GET /', 'bad-version')
line('lower-case version', 'GET / http/1.1', 'bad-version')
line('no minor', 'GET / HTTP/1', 'bad-version')
line('two digits', 'GET / HTTP/1.10', 'bad-version')
line('leading zeros', 'GET / HTTP/01.1', 'bad-version')
line('space in the version', 'GET / HTTP/ 1.1', 'bad-version')
line('space after the version', 'GET / HTTP/1.1 ', 'bad-version')
line('letter as major', 'GET / HTTP/x.1', 'bad-version')
line('letter as minor', 'GET / HTTP/1.x', 'bad-version')

// --- targets ----------------------------------------------------------------------------------

line('query', 'GET /a?b=c&d=%20 HTTP/1.1', { target: '/a?b=c&d=%20' })
line('odd bytes pass as they came', 'GET /a%2Fb\\c|{}"<>^` HTTP/1.1', {
  target: '/a%2Fb\\c|{}"<>^`',
})
line('two slashes are a path', 'GET //evil/x HTTP/1.1', { target: '//evil/x', host: 'a' })
line('fragment', 'GET /a#b HTTP/1.1', 'bad-target')
line('NUL in the target', 'GET /\0 HTTP/1.1', 'bad-target')
line('DEL in the target', 'GET /\x7f HTTP/1.1', 'bad-target')
line('non-ASCII in the target', 'GET /caf\xe9 HTTP/1.1', 'bad-target')
line('neither path nor URL', 'GET a HTTP/1.1', 'bad-target')
line('query alone', 'GET ?a HTTP/1.1', 'bad-target')
line('target of 16,384 bytes', `GET /${'a'.repeat(16_383)} HTTP/1.1`, {
  target: `/${'a'.repeat(16_383)}`,
})
line('target of 16,385 bytes', `GET /${'a'.repeat(16_384)} HTTP/1.1`, 'target-too-long')
line('asterisk with OPTIONS', 'OPTIONS * HTTP/1.1', { target: '*', host: 'a' })
line('asterisk with GET', 'GET * HTTP/1.1', 'bad-target')
line('two asterisks', 'OPTIONS ** HTTP/1.1', 'bad-target')
line('absolute form', 'GET http://b:81/x?y HTTP/1.1', { target: '/x?y', host: 'b:81' })
line('absolute form, https', 'GET HTTPS://b/x HTTP/1.1', { target: '/x', host: 'b' })
line('absolute form without path', 'GET http://b HTTP/1.1', { target: '/', host: 'b' })
line('absolute form, query alone', 'GET http://b?x=/y HTTP/1.1', { target: '/?x=/y', host: 'b' })
line('absolute form, OPTIONS', 'OPTIONS http://b HTTP/1.1', { target: '*', host: 'b' })
line('absolute form, OPTIONS with path', 'OPTIONS http://b/ HTTP/1.1', { target: '/' })
line('absolute form, OPTIONS with query', 'OPTIONS http://b?q HTTP/1.1', { target: '/?q' })
line('absolute form, no authority', 'GET http:///x HTTP/1.1', 'bad-target')
line('absolute form, userinfo', 'GET http://u@b/x HTTP/1.1', 'bad-target')
line('absolute form, backslash', 'GET http://b\\x/ HTTP/1.1', 'bad-target')
line('absolute form, bad port', 'GET http://b:x/ HTTP/1.1', 'bad-target')
line('absolute form, other scheme', 'GET ftp://b/x HTTP/1.1', 'bad-target')
line('absolute form, one slash', 'GET http:/b/x HTTP/1.1', 'bad-target')
line('authority form with GET', 'GET b:443 HTTP/1.1', 'bad-target')
line('absolute form, empty port', 'GET http://b:/x HTTP/1.1', { target: '/x', host: 'b:' })
line('absolute form, port alone', 'GET http://:80/x HTTP/1.1', 'bad-target')
line('absolute form, comma in the authority', 'GET http://b,c/x HTTP/1.1', 'bad-target')
line('absolute form, IPv6', 'GET http://[::1]:81/x HTTP/1.1', { target: '/x', host: '[::1]:81' })
line('absolute form, asterisk behind the authority', 'GET http://b* HTTP/1.1', {
  target: '/',
  host: 'b*',
})
line('a query that begins with a question mark', 'GET /a??b=c HTTP/1.1', 'bad-target')
line('a query that is a question mark', 'GET /?? HTTP/1.1', 'bad-target')
line('absolute form, two question marks', 'GET http://b??x HTTP/1.1', 'bad-target')
line('a later question mark', 'GET /a?b?c?? HTTP/1.1', { target: '/a?b?c??' })
line('an empty query', 'GET /a? HTTP/1.1', { target: '/a?' })
allowing({ doubleQuestionMark: true }, 'GET /a??b=c HTTP/1.1', { target: '/a??b=c' })
allowing({ doubleQuestionMark: true }, 'GET /caf\xe9 HTTP/1.1', 'bad-target')
allowing({ nonAsciiTarget: true }, 'GET /caf\xc3\xa9?\x80=\xff HTTP/1.1', {
  target: '/caf\xc3\xa9?\x80=\xff',
})
allowing({ nonAsciiTarget: true }, 'GET /\x7f HTTP/1.1', 'bad-target')
allowing({ nonAsciiTarget: true }, 'GET /a#\xe9 HTTP/1.1', 'bad-target')
allowing({ nonAsciiTarget: true }, 'GET /a??b HTTP/1.1', 'bad-target')
allowing({ nonAsciiTarget: true }, 'GET \xe9 HTTP/1.1', 'bad-target')
allowing({ nonAsciiTarget: true }, 'GET http://caf\xe9/ HTTP/1.1', 'bad-target')
allowing({ nonAsciiTarget: true }, 'GE\xe9 / HTTP/1.1', 'bad-method')
line('CONNECT', 'CONNECT b:443 HTTP/1.1', 'method-not-allowed')
line('TRACE', 'TRACE / HTTP/1.1', 'method-not-allowed')
line('the method of the HTTP/2 preface', 'PRI / HTTP/1.1', 'method-not-allowed')
line('the HTTP/2 preface as HTTP/1.1', 'PRI * HTTP/1.1', 'method-not-allowed')
row('absolute form needs Host too', 'GET http://b/ HTTP/1.1\r\n\r\n', 'bad-host')

// --- Host -------------------------------------------------------------------------------------

for (const good of [
  'a',
  'A.example.ORG',
  'a.example.org.',
  'a:80',
  'a:',
  'a:65535',
  '127.0.0.1:8080',
  'a_b',
  'a%20b',
  '[::1]',
  '[::1]:8080',
  '[::]',
  '[1:2:3:4:5:6:7:8]',
  '[1::8]',
  '[::ffff:192.0.2.1]',
  '[1:2:3:4:5:6:192.0.2.1]',
]) {
  host(good, { host: good })
}
for (const bad of [
  '',
  ':80',
  'a b',
  'a,b',
  'a, b',
  'a/b',
  'a?b',
  'a#b',
  'a\\b',
  'u@a',
  'a:b',
  'a:80:80',
  'a:65536',
  'a:123456',
  'a:-1',
  'a%',
  'a%2',
  'a%zz',
  'caf\xe9',
  '\xa0a',
  'a\tb',
  'a\t:80',
  ':',
  '::1',
  'a:80,b:80',
  'http://a',
  'a"b',
  '[::1',
  '[::1]x',
  '[::1]:x',
  '[]',
  '[:]',
  '[:::]',
  '[1::2::3]',
  '[1:2:3:4:5:6:7]',
  '[1:2:3:4:5:6:7:8:9]',
  '[1:2:3:4:5:6:7::8]',
  '[12345::]',
  '[::g]',
  '[::256.0.0.1]',
  '[....]',
  '[fe80::1%25eth0]',
  'a'.repeat(256),
]) {
  host(bad, 'bad-host')
}
for (const blank of ['a ', '\ta', '\t a\t ']) host(blank, { host: 'a' })
row('no Host', 'GET / HTTP/1.1\r\n\r\n', 'bad-host')
for (const name of ['Content_Length', 'transfer_encoding', 'X_Forwarded_For', 'X-Request_Id']) {
  fields(`a known name with underscores: ${name}`, `${name}: 1`, 'lookalike-field')
}
fields('other names with underscores', 'x_tenant: 1\r\nHo_st: 2\r\n_: 3', {})
fields('two Hosts, equal', 'Host: a', 'bad-host')
fields('two Hosts, different', 'hOST: b', 'bad-host')
old('HTTP/1.0 without Host', '', { host: '', minor: 0 })
old('HTTP/1.0 with Host', 'Host: b\r\n', { host: 'b' })
old('HTTP/1.0 with an empty Host', 'Host:\r\n', 'bad-host')
row(
  'a bad Host beside a good absolute form',
  'GET http://b/ HTTP/1.1\r\nHost: a,b\r\n\r\n',
  'bad-host',
)
row(
  'two Hosts beside an absolute form',
  'GET http://b/ HTTP/1.1\r\nHost: b\r\nHost: b\r\n\r\n',
  'bad-host',
)
old('HTTP/1.0 with a bad Host', 'Host: b/c\r\n', 'bad-host')
old('HTTP/1.0 with two Hosts', 'Host: b\r\nHost: b\r\n', 'bad-host')

// --- fields -----------------------------------------------------------------------------------

fields('space before the colon', 'X : y', 'bad-field-name')
fields('HTAB before the colon', 'X\t: y', 'bad-field-name')
fields('no colon', 'Xyz', 'bad-field-name')
fields('empty name', ': y', 'bad-field-name')
fields('no token as name', 'X[: y', 'bad-field-name')
fields('non-ASCII name', 'X\xe9: y', 'bad-field-name')
fields('NUL in a name', 'X\0: y', 'bad-field-name')
fields('folded with a space', 'X: y\r\n z', 'folded-field')
fields('folded with an HTAB', 'X: y\r\n\tz', 'folded-field')
row('space before the first field', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 'folded-field')
fields('empty value', 'X:', {})
fields('blank value', 'X: \t ', {})
fields('obs-text value', 'X: \x80\xff', {})
fields('HTAB in a value', 'X: a\tb', {})
fields('NUL in a value', 'X: a\0b', 'bad-field-value')
fields('VT in a value', 'X: a\x0bb', 'bad-field-value')
fields('DEL in a value', 'X: a\x7fb', 'bad-field-value')
fields('CR in a value', 'X: a\rb', 'bad-line-end')
fields('__proto__ is a name like others', '__proto__: x\r\nconstructor: y', {})
const numbered = (count: number): string =>
  Array.from({ length: count }, (_, i) => `X-${i}: ${i}`).join('\r\n')
fields('100 lines', numbered(99), {})
fields('101 lines', numbered(100), 'too-many-fields')
const HEAD_FRAME = 'GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n'.length
fields('a head of 32,768 bytes', `X: ${'y'.repeat(LIMITS.headBytes - HEAD_FRAME)}`, {})
fields(
  'a head of 32,769 bytes',
  `X: ${'y'.repeat(LIMITS.headBytes + 1 - HEAD_FRAME)}`,
  'head-too-large',
)
fields('an endless name', 'x'.repeat(LIMITS.headBytes), 'head-too-large')

// --- Content-Length ---------------------------------------------------------------------------

fields('length', 'Content-Length: 5', { framing: BY_LENGTH, contentLength: 5 })
fields('length 0', 'CONTENT-LENGTH:0', { framing: BY_LENGTH, contentLength: 0 })
fields('leading zeros', 'Content-Length: 005', { framing: BY_LENGTH, contentLength: 5 })
fields('zeros alone', 'Content-Length: 000', { framing: BY_LENGTH, contentLength: 0 })
fields('400 leading zeros', `Content-Length: ${'0'.repeat(400)}12`, { contentLength: 12 })
fields('blanks around a length', 'Content-Length: \t 5 \t', { contentLength: 5 })
fields('2^53 − 1', 'Content-Length: 9007199254740991', { contentLength: 2 ** 53 - 1 })
for (const bad of [
  '',
  '9007199254740992',
  '9007199254740993',
  '9'.repeat(400),
  '+5',
  '-5',
  '-0',
  '5.0',
  '5e1',
  '0x5',
  '0o5',
  '1_0',
  '5, 5',
  '5,',
  '5 5',
  '5\t5',
  '5;5',
  '\xa05',
  '\xff',
  '"5"',
  '\xb2',
  'five',
]) {
  fields(
    `length ${JSON.stringify(bad.slice(0, 20))}`,
    `Content-Length: ${bad}`,
    'bad-content-length',
  )
}
fields('two lengths, equal', 'Content-Length: 5\r\nContent-Length: 5', 'bad-content-length')
fields(
  'two lengths, different',
  'Content-Length: 5\r\nX: y\r\ncontent-length: 6',
  'bad-content-length',
)

// --- Transfer-Encoding ------------------------------------------------------------------------

fields('chunked', 'Transfer-Encoding: chunked', { framing: CHUNKED })
fields('chunked in any case', 'transfer-ENCODING:\tChunKed ', { framing: CHUNKED })
for (const bad of [
  '',
  'gzip',
  'identity',
  'xchunked',
  'chunkedx',
  'gzip, chunked',
  'chunked, gzip',
  'chunked, chunked',
  ', chunked',
  'chunked,',
  'chunked;a=b',
  '"chunked"',
  '\xa0chunked',
  'chun\xffed',
]) {
  fields(`coding ${JSON.stringify(bad)}`, `Transfer-Encoding: ${bad}`, 'encoding-unsupported')
}
fields(
  'chunked twice',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'encoding-unsupported',
)
fields(
  'length and coding',
  'Content-Length: 5\r\nTransfer-Encoding: chunked',
  'length-and-encoding',
)
fields(
  'coding and length',
  'Transfer-Encoding: chunked\r\nContent-Length: 5',
  'length-and-encoding',
)
fields(
  'another coding and a length: the contradiction is what counts',
  'Transfer-Encoding: gzip\r\nContent-Length: 5',
  'length-and-encoding',
)
fields(
  'a length and another coding',
  'Content-Length: 5\r\nTransfer-Encoding: gzip',
  'length-and-encoding',
)
fields(
  'an empty coding and chunked',
  'Transfer-Encoding:\r\nTransfer-Encoding: chunked',
  'encoding-unsupported',
)
fields(
  'chunked and identity',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'encoding-unsupported',
)
fields('coding before a VT', 'Transfer-Encoding: \x0bchunked', 'bad-field-value')
fields('coding with a space before the colon', 'Transfer-Encoding : chunked', 'bad-field-name')
fields('coding on a folded line', 'Transfer-Encoding:\r\n chunked', 'folded-field')
old('chunked in HTTP/1.0', 'Transfer-Encoding: chunked\r\n', 'encoding-in-1.0')
old('another coding in HTTP/1.0', 'Transfer-Encoding: gzip\r\n', 'encoding-in-1.0')
line('a length in HTTP/1.0', 'POST / HTTP/1.0\r\nContent-Length: 5', { contentLength: 5 })

// --- Connection, Upgrade ----------------------------------------------------------------------

fields('close', 'Connection: close', { keepAlive: false })
fields('Close in a list', 'Connection: x, Close ,', { keepAlive: false, named: ['x'] })
fields('HTAB around a member', 'Connection: x\t,\tclose\t,', { keepAlive: false, named: ['x'] })
fields('close wins', 'Connection: close\r\nConnection: keep-alive', { keepAlive: false })
fields('keep-alive', 'Connection: keep-alive', { keepAlive: true, named: [] })
fields('names', 'Connection: X-One, x-two\r\nConnection: x-THREE', {
  named: ['x-one', 'x-two', 'x-three'],
})
fields('obs-text is no white space', 'Connection: \xa0close', { keepAlive: true })
fields('TE is handled apart', 'Connection: TE', { named: [] })
for (const name of [
  'Host',
  'content-length',
  'Transfer-Encoding',
  'X-Forwarded-For',
  'x-forwarded-proto',
  'x-forwarded-host',
  'Forwarded',
  'Via',
  'X-Request-Id',
  'Expect',
  'Max-Forwards',
  'Cookie',
  'Authorization',
]) {
  fields(`Connection names ${name}`, `Connection: close, ${name}`, 'bad-connection')
}
fields('16 names', `Connection: ${'x,'.repeat(16)}`, { named: Array(16).fill('x') })
fields('17 names', `Connection: ${'x,'.repeat(17)}`, 'bad-connection')
old('HTTP/1.0 keep-alive', 'Connection: Keep-Alive\r\n', { keepAlive: true })
old('HTTP/1.0 keep-alive and close', 'Connection: keep-alive, close\r\n', { keepAlive: false })
fields('upgrade', 'Connection: Upgrade\r\nUpgrade: WebSocket', { upgrade: 'websocket' })
fields('upgrade before Connection', 'Upgrade: websocket\r\nConnection: keep-alive, upgrade', {
  upgrade: 'websocket',
  keepAlive: true,
})
fields('Upgrade without Connection', 'Upgrade: websocket', { upgrade: '' })
fields('Connection without Upgrade', 'Connection: upgrade', { upgrade: '', named: [] })
fields('two protocols are not one', 'Connection: Upgrade\r\nUpgrade: websocket, h2c', {
  upgrade: 'websocket, h2c',
})
fields('two protocols on two lines', 'Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket', {
  upgrade: 'h2c, websocket',
})
fields('upgrade and close', 'Connection: close, upgrade\r\nUpgrade: websocket', {
  upgrade: 'websocket',
  keepAlive: false,
})
fields(
  'the prior knowledge of HTTP/2',
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A',
  {
    upgrade: 'h2c',
    named: ['http2-settings'],
  },
)
old('no upgrade in HTTP/1.0', 'Connection: Upgrade\r\nUpgrade: websocket\r\n', { upgrade: '' })

// --- Expect, TE -------------------------------------------------------------------------------

fields('100-continue', 'Expect: 100-Continue', { expectsContinue: true })
fields(
  'an expectation twice is a list',
  'Expect: 100-continue\r\nExpect: 100-continue',
  'expectation-failed',
)
fields('another expectation', 'Expect: 200-ok', 'expectation-failed')
fields('a list of expectations', 'Expect: 100-continue, x', 'expectation-failed')
fields('an empty expectation', 'Expect:', 'expectation-failed')
old('HTTP/1.0 expects nothing', 'Expect: 100-continue\r\n', { expectsContinue: false })
old('HTTP/1.0 expects nothing else either', 'Expect: 200-ok\r\n', { expectsContinue: false })
fields('trailers', 'TE: trailers', { acceptsTrailers: true })
fields('trailers in a list', 'TE: deflate;q=0.5, Trailers', { acceptsTrailers: true })
fields('trailers on a second line', 'TE: deflate\r\nTE: trailers', { acceptsTrailers: true })
fields('no trailers', 'TE: x-trailers, trailers-x', { acceptsTrailers: false })

// --- Max-Forwards -----------------------------------------------------------------------------

const options = (text: string): string => `OPTIONS / HTTP/1.1\r\n${text}`
line('Max-Forwards', options('Max-Forwards: 0'), { maxForwards: 0 })
line('Max-Forwards, any spelling', options('MAX-forwards:\t010 '), { maxForwards: 10 })
line('Max-Forwards of an asterisk', 'OPTIONS * HTTP/1.1\r\nMax-Forwards: 1', { maxForwards: 1 })
line('no Max-Forwards', options('X: y'), { maxForwards: -1 })
for (const bad of ['', '-1', '+1', '1.5', '1, 1', 'x', '1 1', '9007199254740992']) {
  line(`Max-Forwards ${JSON.stringify(bad)}`, options(`Max-Forwards: ${bad}`), 'bad-max-forwards')
}
line(
  'Max-Forwards twice',
  options('Max-Forwards: 1\r\nX: y\r\nmax-forwards: 1'),
  'bad-max-forwards',
)
fields('Max-Forwards means nothing to GET', 'Max-Forwards: x\r\nMax-Forwards: 1', {
  maxForwards: -1,
})

export const REQUEST_CASES: readonly RequestCase[] = cases
