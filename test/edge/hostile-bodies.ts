// The kinds of broken answers whose head is good: chunks that lie, bodies that end too early or
// not at all, time that passes, and bytes behind the end that nobody asked for. Once a head has
// gone on, the client must see its connection reset: no short body may look whole.

import {
  type Act,
  BY_CHUNKS,
  BY_LENGTH,
  corrupt,
  cut,
  endlessly,
  FIN,
  type Kind,
  late,
  malformed,
  NONCED,
  POISON,
  poisoned,
  RST,
  type Step,
  stalled,
  TURN,
  unanswered,
  WHOLE,
  wait,
} from './hostile-kinds.ts'

type Row = readonly [name: string, bytes: string]

const LAST = '0\r\n\r\n'
const CHUNK = '20\r\n%BODY%\r\n'
const IN_CHUNKS = `${BY_CHUNKS}${CHUNK}${LAST}`

// --- chunks
// ---------------------------------------------------------------------------------------

const CHUNKS: readonly Row[] = [
  ['no size', `\r\n%BODY%\r\n${LAST}`],
  ['a body without chunks', `%BODY%${LAST}`],
  ['a negative size', `-20\r\n%BODY%\r\n${LAST}`],
  ['a size with a plus', `+20\r\n%BODY%\r\n${LAST}`],
  ['a size with 0x', `0x20\r\n%BODY%\r\n${LAST}`],
  ['a size that is no number', `zz\r\n%BODY%\r\n${LAST}`],
  ['a space before the size', ` 20\r\n%BODY%\r\n${LAST}`],
  ['a space behind the size', `20 \r\n%BODY%\r\n${LAST}`],
  ['a tab behind the size', `20\t\r\n%BODY%\r\n${LAST}`],
  ['a comma behind the size', `20,20\r\n%BODY%\r\n${LAST}`],
  ['a size of 17 digits', `00000000000000020\r\n%BODY%\r\n${LAST}`],
  ['a size of 2^53', `20000000000000\r\n%BODY%\r\n${LAST}`],
  ['a size of 2^64 − 1', `ffffffffffffffff\r\n%BODY%\r\n${LAST}`],
  ['a size of 2^64 + 32', `10000000000000020\r\n%BODY%\r\n${LAST}`],
  ['a size beyond ASCII', `\xb2\xb0\r\n%BODY%\r\n${LAST}`],
  ['a bare LF behind the size', `20\n%BODY%\r\n${LAST}`],
  ['a bare CR behind the size', `20\r%BODY%\r\n${LAST}`],
  ['two CRs behind the size', `20\r\r\n%BODY%\r\n${LAST}`],
  ['a bare LF behind the data', `20\r\n%BODY%\n${LAST}`],
  ['nothing behind the data', `20\r\n%BODY%${LAST}`],
  ['other bytes behind the data', `20\r\n%BODY%xx${LAST}`],
  ['CR and another byte behind the data', `20\r\n%BODY%\rx${LAST}`],
  ['more data than the size says', `1f\r\n%BODY%\r\n${LAST}`],
  ['less data than the size says', `21\r\n%BODY%\r\n${LAST}`],
  ['an empty extension', `20;\r\n%BODY%\r\n${LAST}`],
  ['white space before an extension', `20 ;a=b\r\n%BODY%\r\n${LAST}`],
  ['white space in an extension', `20; a = b\r\n%BODY%\r\n${LAST}`],
  ['a bare LF in an extension', `20;a\n%BODY%\r\n${LAST}`],
  ['a bare CR in an extension', `20;a\rb\r\n%BODY%\r\n${LAST}`],
  ['a NUL in an extension', `20;a=\0\r\n%BODY%\r\n${LAST}`],
  ['an extension without its value', `20;a=\r\n%BODY%\r\n${LAST}`],
  ['an open quote in an extension', `20;a="b\r\n%BODY%\r\n${LAST}`],
  ['a line end in a quoted extension', `20;a="\r\n"\r\n%BODY%\r\n${LAST}`],
  ['an extension of 300 bytes', `20;${'a'.repeat(300)}\r\n%BODY%\r\n${LAST}`],
  ['a chunk instead of the last one that is an answer', `${CHUNK}${POISON}`],
  ['a last chunk of 17 zeros', `${CHUNK}00000000000000000\r\n\r\n`],
  ['a bare LF behind the last chunk', `${CHUNK}0\n\r\n`],
  ['a bare LF at the very end', `${CHUNK}0\r\n\n`],
  ['a bare CR at the very end', `${CHUNK}0\r\n\rX`],
  ['a space behind the last chunk', `${CHUNK}0 \r\n\r\n`],
  ['an answer in place of the trailers', `${CHUNK}0\r\n${POISON}`],
  ['a trailer without a colon', `${CHUNK}0\r\nX\r\n\r\n`],
  ['a trailer without a name', `${CHUNK}0\r\n: a\r\n\r\n`],
  ['a trailer with a space before its colon', `${CHUNK}0\r\nX : a\r\n\r\n`],
  ['a folded trailer', `${CHUNK}0\r\nX: a\r\n b\r\n\r\n`],
  ['a bare LF in a trailer', `${CHUNK}0\r\nX: a\nY: b\r\n\r\n`],
  ['a bare CR in a trailer', `${CHUNK}0\r\nX: a\rY: b\r\n\r\n`],
  ['a NUL in a trailer', `${CHUNK}0\r\nX: \0\r\n\r\n`],
  ['trailers of 70,000 bytes', `${CHUNK}0\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`],
  ['10,000 trailers', `${CHUNK}0\r\n${'X: a\r\n'.repeat(10_000)}\r\n`],
]

const ENDLESS_CHUNKS: readonly Kind[] = [
  corrupt('chunks: a size without an end', endlessly(BY_CHUNKS, '0')),
  corrupt('chunks: an extension without an end', endlessly(`${BY_CHUNKS}20`, ';a=b')),
  corrupt('chunks: trailers without an end', endlessly(`${BY_CHUNKS}${CHUNK}0\r\n`, 'X: a\r\n')),
  corrupt('chunks: a trailer without an end', endlessly(`${BY_CHUNKS}0\r\nX: `, 'a'.repeat(100))),
]

// --- ends too early
// -------------------------------------------------------------------------------

/** What was said before the end, each followed by a FIN and, as another kind, by an RST. */
const BEFORE_THE_HEAD: readonly Row[] = [
  ['before the first byte', ''],
  ['behind the first byte', 'H'],
  ['in the version', 'HTTP/1.'],
  ['in the status', 'HTTP/1.1 20'],
  ['in the reason', 'HTTP/1.1 200 O'],
  ['behind the status line', 'HTTP/1.1 200 OK\r\n'],
  ['in a name', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ['in a value', 'HTTP/1.1 200 OK\r\nContent-Length: 3'],
  ['behind a field', 'HTTP/1.1 200 OK\r\nContent-Length: 32\r\n'],
  ['before the last LF of the head', 'HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r'],
  ['behind a 100', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['in a 103', 'HTTP/1.1 103 Early Hints\r\nLink: </a'],
  ['behind 16 times 103', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(16)],
  ['in the status line behind a 103', 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 2'],
]

const BEHIND_THE_HEAD: readonly Row[] = [
  ['before a body by length', BY_LENGTH],
  ['behind the first byte of a body', `${BY_LENGTH}x`],
  [
    'a byte before the end of a body',
    `HTTP/1.1 200 OK\r\n${NONCED}Content-Length: 33\r\n\r\n%BODY%`,
  ],
  [
    'long before a length of 2^53 − 1',
    `HTTP/1.1 200 OK\r\n${NONCED}Content-Length: 9007199254740991\r\n\r\n%BODY%`,
  ],
  [
    'in a body of an HTTP/1.0 target',
    `HTTP/1.0 200 OK\r\n${NONCED}Content-Length: 99\r\n\r\n%BODY%`,
  ],
  [
    'in a body that Connection: close announced',
    `HTTP/1.1 200 OK\r\n${NONCED}Content-Length: 99\r\nConnection: close\r\n\r\n%BODY%`,
  ],
  ['before the first chunk', BY_CHUNKS],
  ['in a chunk’s size', `${BY_CHUNKS}2`],
  ['in a chunk’s extension', `${BY_CHUNKS}20;a`],
  ['behind the CR of a chunk’s size', `${BY_CHUNKS}20\r`],
  ['before a chunk’s data', `${BY_CHUNKS}20\r\n`],
  ['in a chunk’s data', `${BY_CHUNKS}40\r\n%BODY%`],
  ['behind a chunk’s data', `${BY_CHUNKS}20\r\n%BODY%`],
  ['in the line end of a chunk', `${BY_CHUNKS}20\r\n%BODY%\r`],
  ['before the last chunk', `${BY_CHUNKS}${CHUNK}`],
  ['in the last chunk', `${BY_CHUNKS}${CHUNK}0`],
  ['before the trailers', `${BY_CHUNKS}${CHUNK}0\r\n`],
  ['in a trailer', `${BY_CHUNKS}${CHUNK}0\r\nX: `],
  ['behind a trailer', `${BY_CHUNKS}${CHUNK}0\r\nX: a\r\n`],
  ['before the very last LF', `${BY_CHUNKS}${CHUNK}0\r\n\r`],
]

function* ending(how: string, end: Act): Iterable<Kind> {
  for (const [where, bytes] of BEFORE_THE_HEAD) {
    yield unanswered(`${how} ${where}`, bytes === '' ? [end] : [bytes, TURN, end])
  }
  for (const [where, bytes] of BEHIND_THE_HEAD) yield cut(`${how} ${where}`, [bytes, TURN, end])
}

const UNTIL_CLOSE = `HTTP/1.1 200 OK\r\n${NONCED}\r\n`
const OLD_UNTIL_CLOSE = `HTTP/1.0 200 OK\r\n${NONCED}\r\n`

const ENDS: readonly Kind[] = [
  ...ending('FIN', FIN),
  ...ending('RST', RST),
  // A FIN would be the right end of these two.
  cut('RST in a body until close', [`${UNTIL_CLOSE}%BODY%`, TURN, RST]),
  cut('RST in a body until close of an HTTP/1.0 target', [`${OLD_UNTIL_CLOSE}%BODY%`, TURN, RST]),
]

// --- time
// -----------------------------------------------------------------------------------------

const SLOW = wait(50)

/** Their time limits must be short; see the test. */
export const SLOW_KINDS: readonly Kind[] = [
  late('silence', []),
  late('silence in the status line', ['HTTP/1.1 2']),
  late('silence in a field', ['HTTP/1.1 200 OK\r\nX: ']),
  late('silence before the last LF of the head', ['HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r']),
  late('silence behind a 100', ['HTTP/1.1 100 Continue\r\n\r\n']),
  late('silence behind a 103', ['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n']),
  late('a status line byte by byte, without an end', endlessly('HTTP/1.1 200 ', 'O', SLOW)),
  late('a field every 50 ms, without an end', endlessly('HTTP/1.1 200 OK\r\n', 'X: a\r\n', SLOW)),
  late('a 103 every 50 ms', endlessly('', 'HTTP/1.1 103 Early Hints\r\n\r\n', SLOW)),
  stalled('silence behind the head', [BY_LENGTH]),
  stalled('silence in a body', [`${BY_LENGTH}x`]),
  stalled('silence in a body until close', [`${UNTIL_CLOSE}%BODY%`]),
  stalled('silence before the first chunk', [BY_CHUNKS]),
  stalled('silence in a chunk’s size', [`${BY_CHUNKS}2`]),
  stalled('silence in a chunk’s data', [`${BY_CHUNKS}20\r\nx`]),
  stalled('silence before the last chunk', [`${BY_CHUNKS}${CHUNK}`]),
  stalled('silence in the trailers', [`${BY_CHUNKS}${CHUNK}0\r\nX: a\r\n`]),
  stalled('a body that slows down until it stands', function* () {
    yield BY_LENGTH
    for (const ms of [5, 10, 20, 40, 5000]) {
      yield 'x'
      yield wait(ms)
    }
  }),
]

// --- behind the end
// -------------------------------------------------------------------------------

const NO_CONTENT = `HTTP/1.1 204 No Content\r\n${NONCED}\r\n`
const NOT_MODIFIED = `HTTP/1.1 304 Not Modified\r\n${NONCED}Content-Length: 32\r\n\r\n`
const RESET_CONTENT = `HTTP/1.1 200 OK\r\n${NONCED}Content-Length: 0\r\n\r\n`
const BODILESS = { status: 204, empty: true }

/** In the same packet as the answer. */
const BEHIND: readonly Kind[] = [
  poisoned('a second answer behind the first', [WHOLE + POISON]),
  poisoned('a second answer behind chunks', [IN_CHUNKS + POISON]),
  poisoned('a second answer behind a 204', [NO_CONTENT + POISON], BODILESS),
  poisoned('a second answer behind a 304', [NOT_MODIFIED + POISON], { status: 304, empty: true }),
  poisoned('a second answer behind an empty one', [RESET_CONTENT + POISON], { empty: true }),
  poisoned('a hundred answers behind the first', [WHOLE + POISON.repeat(100)]),
  poisoned('half an answer behind the first', [WHOLE + POISON.slice(0, 20)]),
  poisoned('a 100 behind the answer', [`${WHOLE}HTTP/1.1 100 Continue\r\n\r\n`]),
  poisoned('a 408 behind the answer', [`${WHOLE}HTTP/1.1 408 Request Timeout\r\n\r\n`]),
  poisoned('an empty line behind the answer', [`${WHOLE}\r\n`]),
  poisoned('an LF behind the answer', [`${WHOLE}\n`]),
  poisoned('a NUL behind the answer', [`${WHOLE}\0`]),
  poisoned('a space behind the answer', [`${WHOLE} `]),
  poisoned('a byte more than the length says', [`${WHOLE}x`]),
  poisoned('1 MB more than the length says', [WHOLE + 'x'.repeat(1_000_000)]),
  poisoned('an empty line behind the chunks', [`${IN_CHUNKS}\r\n`]),
  poisoned('a second last chunk', [IN_CHUNKS + LAST]),
  poisoned('more chunks behind the last one', [IN_CHUNKS + CHUNK + LAST]),
  poisoned('a 204 with a body', [`${NO_CONTENT}%BODY%`], BODILESS),
  poisoned('a 304 with its body', [`${NOT_MODIFIED}%BODY%`], { status: 304, empty: true }),
  poisoned('a body though the length is 0', [`${RESET_CONTENT}%BODY%`], { empty: true }),
  poisoned('a TLS alert behind the answer', [`${WHOLE}\x15\x03\x03\x00\x02\x01\x00`]),
  poisoned('a second answer, then FIN', [WHOLE + POISON, TURN, FIN]),
  poisoned('a second answer, then RST', [WHOLE + POISON, TURN, RST]),
]

/** The same, in a packet of their own: a turn of the target's loop later, or some time. */
function* afterwards(how: string, pause: Act): Iterable<Kind> {
  const behind = (name: string, first: string, then: Step, extra = {}): Kind =>
    poisoned(`${name} ${how}`, [first, pause, then], { ...extra, later: true })
  yield behind('a second answer', WHOLE, POISON)
  yield behind('a second answer behind chunks', IN_CHUNKS, POISON)
  yield behind('a second answer behind a 204', NO_CONTENT, POISON, BODILESS)
  yield behind('a body behind a 204', NO_CONTENT, '%BODY%', BODILESS)
  yield behind('half an answer', WHOLE, POISON.slice(0, 20))
  yield behind('an empty line', WHOLE, '\r\n')
  yield behind('a 100', WHOLE, 'HTTP/1.1 100 Continue\r\n\r\n')
  yield behind('a 408', WHOLE, 'HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n')
  yield behind('a second last chunk', IN_CHUNKS, LAST)
  yield behind('1 MB of noise', WHOLE, '\0'.repeat(1_000_000))
}

/** Poison that is on its way before a client can ask again. */
export const NEXT_TURN_KINDS: readonly Kind[] = [
  ...afterwards('in the next turn', TURN),
  poisoned('FIN in the packet of the answer', [WHOLE, FIN], { later: true }),
  poisoned('FIN in the next turn', [WHOLE, TURN, FIN], { later: true }),
  poisoned('RST in the next turn', [WHOLE, TURN, RST], { later: true }),
]

/** Poison that comes to a connection that waits. */
export const IDLE_KINDS: readonly Kind[] = [...afterwards('after 5 ms', wait(5))]

export const BROKEN_BODIES: readonly Kind[] = [
  ...CHUNKS.map(([name, bytes]) => corrupt(`chunks: ${name}`, [`${BY_CHUNKS}${bytes}`])),
  ...ENDLESS_CHUNKS,
  ...ENDS,
  malformed('103s, then an answer in part and nonsense', [
    'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n',
    TURN,
    'nonsense\r\n\r\n',
  ]),
  ...BEHIND,
]
