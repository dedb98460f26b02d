// What a broken target can say: one row a kind, with the raw bytes and what a client must see of
// them. This file holds the words of the table, and the kinds that break in the head, where a GET
// is answered with a 502 and nothing of the target's own bytes may reach anybody.
//
// In the bytes, %NONCE% is the nonce of the request that is answered, and %BODY% the 32 bytes that
// are its right body: a reader who finds another nonce, or less than the body, has been lied to.

/** Something that a target does between two writes. */
export interface Act {
  readonly act: 'turn' | 'wait' | 'fin' | 'rst'
  readonly ms: number
}

/** Lets what was written go out: the next bytes come in a packet of their own. */
export const TURN: Act = { act: 'turn', ms: 0 }
export const FIN: Act = { act: 'fin', ms: 0 }
export const RST: Act = { act: 'rst', ms: 0 }
export const wait = (ms: number): Act => ({ act: 'wait', ms })

/** Bytes as latin1, or an act. */
export type Step = string | Act

/**
 * `answer`: the right one and nothing more; `reset`: the connection breaks in its midst; the
 * numbers are answers of ours.
 */
export type Sees = '502' | '504' | 'reset' | 'answer'

/** What the request counts as for the version. */
export type Cause = 'malformed' | 'reset' | 'timeout' | 'ok'

export interface Kind {
  readonly name: string
  readonly sees: Sees
  readonly cause: Cause
  /** What is done; it may be endless, for it stops when the connection is gone. */
  readonly steps: () => Iterable<Step>
  /** What a HEAD sees, when it is not what a GET does. */
  readonly toHead: Sees
  /** The status of an `answer`. */
  readonly status: number
  /** Whether the right `answer` to a GET has no body. */
  readonly empty: boolean
  /** Poison that comes later than the answer: no other client may use the target meanwhile. */
  readonly later: boolean
  /** Where each write is cut in two packets; 0: nowhere; EVERYWHERE: behind each byte. */
  readonly cutAt: number
}

export const EVERYWHERE = -1

type Extra = Partial<Pick<Kind, 'toHead' | 'status' | 'empty' | 'later'>>
type Steps = readonly Step[] | (() => Iterable<Step>)

function kind(name: string, sees: Sees, cause: Cause, steps: Steps, extra: Extra): Kind {
  // To a HEAD the answer ends with its head: what breaks behind it has not happened.
  const toHead = sees === 'reset' ? 'answer' : sees
  const play = typeof steps === 'function' ? steps : () => steps
  const common = { status: 200, empty: false, later: false, cutAt: 0 }
  return { name, sees, cause, steps: play, toHead, ...common, ...extra }
}

/** Breaks before the head is whole, or in it: the client gets a 502 that says so. */
export function malformed(name: string, steps: Steps, extra: Extra = {}): Kind {
  return kind(name, '502', 'malformed', steps, extra)
}

/** Ends before the head is whole. */
export function unanswered(name: string, steps: Steps, extra: Extra = {}): Kind {
  return kind(name, '502', 'reset', steps, extra)
}

/** Breaks the rules behind a good head. */
export function corrupt(name: string, steps: Steps, extra: Extra = {}): Kind {
  return kind(name, 'reset', 'malformed', steps, extra)
}

/** Ends behind a good head and before the end of the body. */
export function cut(name: string, steps: Steps, extra: Extra = {}): Kind {
  return kind(name, 'reset', 'reset', steps, extra)
}

/** Does not come to the end of its head in time. */
export function late(name: string, steps: Steps, extra: Extra = {}): Kind {
  return kind(name, '504', 'timeout', steps, extra)
}

/** Does not go on with its body in time. */
export function stalled(name: string, steps: Steps, extra: Extra = {}): Kind {
  return kind(name, 'reset', 'timeout', steps, extra)
}

/** A right answer, and with it something that nobody may take for one. */
export function poisoned(name: string, steps: Steps, extra: Extra = {}): Kind {
  return kind(name, 'answer', 'ok', steps, extra)
}

export const NONCED = 'X-Nonce: %NONCE%\r\n'
export const BY_LENGTH = `HTTP/1.1 200 OK\r\n${NONCED}Content-Length: 32\r\n\r\n`
export const BY_CHUNKS = `HTTP/1.1 200 OK\r\n${NONCED}Transfer-Encoding: chunked\r\n\r\n`
export const WHOLE = `${BY_LENGTH}%BODY%`
/** A second answer, whole in itself, that would be somebody else's. */
export const POISON = 'HTTP/1.1 200 OK\r\nX-Nonce: POISON\r\nContent-Length: 6\r\n\r\nPOISON'

/** The same bytes again and again, each time in a packet of its own, behind a beginning. */
export function endlessly(begin: string, again: string, pause: Act = TURN): () => Iterable<Step> {
  return function* () {
    yield begin
    for (;;) {
      yield pause
      yield again
    }
  }
}

type Row = readonly [name: string, bytes: string]

function statusLine([name, line]: Row): Kind {
  const rest = `${NONCED}Content-Length: 32\r\n\r\n%BODY%`
  return malformed(`status line: ${name}`, [`${line}\r\n${rest}`])
}

const STATUS_LINES: readonly Row[] = [
  ['none at all, as in HTTP/0.9', '<html>%BODY%</html>'],
  ['a header line in its place', 'Content-Type: text/html'],
  ['the request line, echoed', 'GET / HTTP/1.1'],
  ['HTTP/0.9', 'HTTP/0.9 200 OK'],
  ['HTTP/2', 'HTTP/2 200 OK'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK'],
  ['HTTP/3.0', 'HTTP/3.0 200 OK'],
  ['a minor version of two digits', 'HTTP/1.10 200 OK'],
  ['a major version of two digits', 'HTTP/11.1 200 OK'],
  ['a leading zero in the version', 'HTTP/01.1 200 OK'],
  ['no minor version', 'HTTP/1. 200 OK'],
  ['a comma in the version', 'HTTP/1,1 200 OK'],
  ['a letter in the version', 'HTTP/1.x 200 OK'],
  ['no slash', 'HTTP 1.1 200 OK'],
  ['lower case', 'http/1.1 200 OK'],
  ['HTTPS', 'HTTPS/1.1 200 OK'],
  ['ICY, as Shoutcast says', 'ICY 200 OK'],
  ['RTSP', 'RTSP/1.0 200 OK'],
  ['a leading space', ' HTTP/1.1 200 OK'],
  ['a leading empty line', '\r\nHTTP/1.1 200 OK'],
  ['a leading LF', '\nHTTP/1.1 200 OK'],
  ['a leading NUL', '\0HTTP/1.1 200 OK'],
  ['a byte order mark', '\xef\xbb\xbfHTTP/1.1 200 OK'],
  ['two spaces before the status', 'HTTP/1.1  200 OK'],
  ['a tab before the status', 'HTTP/1.1\t200 OK'],
  ['a tab behind the status', 'HTTP/1.1 200\tOK'],
  ['no space behind the status', 'HTTP/1.1 200OK'],
  ['no status', 'HTTP/1.1 OK'],
  ['nothing behind the version', 'HTTP/1.1'],
  ['a status of two digits', 'HTTP/1.1 20 OK'],
  ['a status of four digits', 'HTTP/1.1 2000 OK'],
  ['a status with a letter', 'HTTP/1.1 2O0 OK'],
  ['a negative status', 'HTTP/1.1 -20 OK'],
  ['a status with a sign', 'HTTP/1.1 +20 OK'],
  ['a status in hexadecimal', 'HTTP/1.1 0xC8 OK'],
  ['a status below 100', 'HTTP/1.1 099 OK'],
  ['status 000', 'HTTP/1.1 000 OK'],
  ['a status above 599', 'HTTP/1.1 600 OK'],
  ['status 999', 'HTTP/1.1 999 OK'],
  ['a NUL in the reason', 'HTTP/1.1 200 O\0K'],
  ['a bare CR in the reason', 'HTTP/1.1 200 O\rK'],
  ['an escape in the reason', 'HTTP/1.1 200 \x1b[2JOK'],
  ['a DEL in the reason', 'HTTP/1.1 200 O\x7fK'],
  ['a reason of 70,000 bytes', `HTTP/1.1 200 ${'O'.repeat(70_000)}`],
  ['a folded reason', 'HTTP/1.1 200 OK\r\n really'],
  ['two of them', 'HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK'],
]

function fieldLines([name, lines]: Row): Kind {
  return malformed(`field: ${name}`, [
    `HTTP/1.1 200 OK\r\n${NONCED}${lines}\r\nContent-Length: 32\r\n\r\n%BODY%`,
  ])
}

const FIELD_LINES: readonly Row[] = [
  ['folded with a space', 'X: a\r\n b'],
  ['folded with a tab', 'X: a\r\n\tb'],
  ['folded into nothing', 'X: a\r\n '],
  ['a line of white space', ' \t '],
  ['a space before the colon', 'X : a'],
  ['a tab before the colon', 'X\t: a'],
  ['no colon', 'X-Nothing'],
  ['no name', ': a'],
  ['a space in the name', 'X Y: a'],
  ['a NUL in the name', 'X\0Y: a'],
  ['a bracket in the name', 'X(Y): a'],
  ['a slash in the name', 'X/Y: a'],
  ['a quote in the name', '"X": a'],
  ['a name beyond ASCII', 'X\xe9: a'],
  ['a NUL in the value', 'X: a\0b'],
  ['a bell in the value', 'X: a\x07'],
  ['a vertical tab in the value', 'X: a\x0bb'],
  ['a DEL in the value', 'X: a\x7f'],
  ['a bare CR in the value', 'X: a\rb'],
  ['a bare CR that hides a field', 'X: a\rContent-Length: 0'],
  ['a bare LF that hides a field', 'X: a\nContent-Length: 0'],
  ['two CRs', 'X: a\r'],
  ['LF CR for CR LF', 'X: a\n\rY: b'],
  ['300 of them', 'X: a\r\n'.repeat(299).slice(0, -2)],
  ['one of 70,000 bytes', `X: ${'a'.repeat(70_000)}`],
  ['a name of 70,000 bytes', `${'X'.repeat(70_000)}: a`],
  ['70,000 spaces before the value', `X:${' '.repeat(70_000)}a`],
  ['more than 64 KiB in 200 lines', `X: ${'a'.repeat(400)}\r\n`.repeat(200).slice(0, -2)],
  ['Connection names 300 fields', `Connection: ${'a,'.repeat(300)}b`],
]

/** The Content-Length of an answer whose body is 32 bytes, written as it must not be. */
function length([name, value]: Row): Kind {
  return malformed(`Content-Length: ${name}`, [
    `HTTP/1.1 200 OK\r\n${NONCED}Content-Length:${value}\r\n\r\n%BODY%`,
  ])
}

const LENGTHS: readonly Row[] = [
  ['twice the same', ' 32\r\nContent-Length: 32'],
  ['twice, and not the same', ' 32\r\nContent-Length: 6'],
  ['twice, once in capitals', ' 32\r\nX: y\r\nCONTENT-LENGTH: 32'],
  ['a list of the same', ' 32, 32'],
  ['a list', ' 32, 6'],
  ['a comma behind', ' 32,'],
  ['a comma before', ' ,32'],
  ['empty', ''],
  ['white space', ' \t '],
  ['negative', ' -32'],
  ['with a plus', ' +32'],
  ['hexadecimal', ' 0x20'],
  ['with a letter', ' 32a'],
  ['with an exponent', ' 32e0'],
  ['with a fraction', ' 32.0'],
  ['with a space inside', ' 3 2'],
  ['with an underscore', ' 3_2'],
  ['with a semicolon', ' 32;'],
  ['quoted', ' "32"'],
  ['digits beyond ASCII', ' \xb3\xb2'],
  ['with a vertical tab', ' \x0b32'],
  ['2^53', ' 9007199254740992'],
  ['2^64 + 32', ' 18446744073709551648'],
  ['of 400 digits', ` ${'9'.repeat(400)}`],
  ['a word', ' chunked'],
]

/** A chunked answer whose coding is named as it must not be. */
function coding([name, lines]: Row): Kind {
  return malformed(`Transfer-Encoding: ${name}`, [
    `HTTP/1.1 200 OK\r\n${NONCED}${lines}\r\n\r\n20\r\n%BODY%\r\n0\r\n\r\n`,
  ])
}

const TE = 'Transfer-Encoding'
const CODINGS: readonly Row[] = [
  ['with a Content-Length behind', `${TE}: chunked\r\nContent-Length: 32`],
  ['with a Content-Length before', `Content-Length: 32\r\n${TE}: chunked`],
  ['with a Content-Length of 0', `${TE}: chunked\r\nContent-Length: 0`],
  ['twice', `${TE}: chunked\r\n${TE}: chunked`],
  ['twice in one line', `${TE}: chunked, chunked`],
  ['gzip', `${TE}: gzip`],
  ['identity', `${TE}: identity`],
  ['gzip, then chunked', `${TE}: gzip, chunked`],
  ['chunked, then gzip', `${TE}: chunked, gzip`],
  ['gzip, then chunked in a second line', `${TE}: gzip\r\n${TE}: chunked`],
  ['chunked, then identity in a second line', `${TE}: chunked\r\n${TE}: identity`],
  ['a comma behind', `${TE}: chunked,`],
  ['a parameter', `${TE}: chunked;q=1`],
  ['quoted', `${TE}: "chunked"`],
  ['cut short', `${TE}: chunke`],
  ['xchunked', `${TE}: xchunked`],
  ['with a vertical tab', `${TE}: \x0bchunked`],
  ['with a NUL', `${TE}: chunked\0`],
  ['empty', `${TE}:`],
  ['folded', `${TE}:\r\n chunked`],
  ['a space before the colon', `${TE} : chunked`],
]

/** Whole heads in which the status and the framing do not belong together. */
const WHOLE_HEADS: readonly Row[] = [
  [
    'HTTP/1.0 with chunks',
    `HTTP/1.0 200 OK\r\n${NONCED}${TE}: chunked\r\n\r\n20\r\n%BODY%\r\n0\r\n\r\n`,
  ],
  [
    '204 in chunks',
    `HTTP/1.1 204 No Content\r\n${NONCED}${TE}: chunked\r\n\r\n20\r\n%BODY%\r\n0\r\n\r\n`,
  ],
  ['204 with a length', `HTTP/1.1 204 No Content\r\n${NONCED}Content-Length: 32\r\n\r\n%BODY%`],
  ['100 in chunks', `HTTP/1.1 100 Continue\r\n${TE}: chunked\r\n\r\n0\r\n\r\n${WHOLE}`],
  ['103 with a length', `HTTP/1.1 103 Early Hints\r\nContent-Length: 6\r\n\r\nPOISON${WHOLE}`],
  ['103 with a broken field', `HTTP/1.1 103 Early Hints\r\nX : a\r\n\r\n${WHOLE}`],
  ['103 with a folded field', `HTTP/1.1 103 Early Hints\r\nX: a\r\n b\r\n\r\n${WHOLE}`],
  ['a good 103, then nonsense', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nnonsense\r\n\r\n'],
  ['a good 100, then HTTP/2', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/2 200 OK\r\n\r\n'],
  ['17 times 100', `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(17)}${WHOLE}`],
  ['10,000 times 103', `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(10_000)}${WHOLE}`],
  ['101 that nobody asked for', `HTTP/1.1 101 Switching Protocols\r\n\r\n${POISON}`],
  [
    '101 to websocket that nobody asked for',
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n${POISON}`,
  ],
  [
    '101 to h2c that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n\0\0\0\x04\0\0\0\0\0',
  ],
  ['100, then 101', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['bare LFs throughout', 'HTTP/1.1 200 OK\nContent-Length: 32\n\n%BODY%'],
  ['bare CRs throughout', 'HTTP/1.1 200 OK\rContent-Length: 32\r\r%BODY%'],
  ['a bare LF for the empty line', `HTTP/1.1 200 OK\r\n${NONCED}Content-Length: 32\r\n\n%BODY%`],
  ['a bare CR for the empty line', `HTTP/1.1 200 OK\r\n${NONCED}Content-Length: 32\r\n\r%BODY%`],
  ['no empty line', `HTTP/1.1 200 OK\r\n${NONCED}Content-Length: 32\r\n%BODY%\r\n\r\n`],
  ['a fold for the first field', `HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 32\r\n\r\n%BODY%`],
  ['UTF-16', Buffer.from('HTTP/1.1 200 OK\r\n\r\n', 'utf16le').toString('latin1')],
]

/** Targets that speak something else. */
const OTHER_TONGUES: readonly Row[] = [
  ['a TLS alert', '\x15\x03\x03\x00\x02\x02\x46'],
  ['a TLS hello', `\x16\x03\x01\x00\x7a\x01\x00\x00\x76\x03\x03${'\x5a'.repeat(112)}`],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['SETTINGS of HTTP/2', '\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64'],
  ['SSH', 'SSH-2.0-OpenSSH_9.9\r\n'],
  ['SMTP', '220 mail.example ESMTP\r\n'],
  ['Redis', "-ERR unknown command 'GET'\r\n"],
  ['MySQL', '\x4a\x00\x00\x00\x0a8.0.36\x00\x0b\x00\x00\x00'],
  ['FastCGI', '\x01\x06\x00\x01\x00\x20\x00\x00Status: 200 OK\r\n\r\n%BODY%'],
  ['a request of its own', 'GET /POISON HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['NULs', '\0'.repeat(4096)],
  ['every byte there is', Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('')],
  ['1 MB of noise', '\xa5\x5a\r\n'.repeat(250_000)],
]

const ENDLESS: readonly Kind[] = [
  malformed('a status line without an end', endlessly('HTTP/1.1 200 ', 'O'.repeat(1000))),
  malformed('field lines without an end', endlessly('HTTP/1.1 200 OK\r\n', 'X: a\r\n')),
  malformed('a field without an end', endlessly('HTTP/1.1 200 OK\r\nX: ', 'a'.repeat(1000))),
  malformed('a name without an end', endlessly('HTTP/1.1 200 OK\r\n', 'X'.repeat(1000))),
  malformed('white space without an end', endlessly('HTTP/1.1 200 OK\r\nX:', ' '.repeat(1000))),
  malformed('100s without an end', endlessly('', 'HTTP/1.1 100 Continue\r\n\r\n')),
  malformed('103s without an end', endlessly('', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')),
]

export const BROKEN_HEADS: readonly Kind[] = [
  ...STATUS_LINES.map(statusLine),
  ...FIELD_LINES.map(fieldLines),
  ...LENGTHS.map(length),
  ...CODINGS.map(coding),
  ...WHOLE_HEADS.map(([name, bytes]) => malformed(`head: ${name}`, [bytes])),
  ...OTHER_TONGUES.map(([name, bytes]) => malformed(`instead of HTTP: ${name}`, [bytes])),
  ...ENDLESS,
]
