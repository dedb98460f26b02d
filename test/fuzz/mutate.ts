// What goes wrong on a wire, or is made to: bytes changed, put in and taken out, lines doubled,
// dropped and swapped, two messages spliced, requests one behind the other.

import { type Draft, draftAnswer, draftInterim, draftRequest } from './generate.ts'
import type { Random } from './random.ts'

const INSERTS = [
  ...['\r', '\n', '\r\n', '\0', ' ', '\t', ';', ',', ':', '=', '0', '1', '9', 'f', '\x80', '\xff'],
  ...[
    '\x0b',
    '\x0c',
    '\x7f',
    '\x85',
    '\xa0',
    '"',
    '\\',
    '/',
    '?',
    '#',
    '%',
    '%0',
    '@',
    '[',
    ']',
    '*',
  ],
  ...[
    '\r\n\r\n',
    '\n\n',
    '\r\r\n',
    '\r\n ',
    '\r\n\t',
    'chunked',
    'Host: b\r\n',
    '0\r\n\r\n',
    ' HTTP/1.1',
  ],
  ...[
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    'http://b',
  ],
  ...[
    'Content-Length: 0\r\n',
    'X: y\r\n',
    'GET / HTTP/1.1\r\n',
    '1\r\nx\r\n',
    ';a=b',
    '-',
    '+',
    '.',
    '..',
  ],
]
const LINE_ENDS = ['\n', '\r', '\r\r\n', '\n\r', '', ' \r\n', '\t\r\n', '\r\n ', '\0\r\n']

/** Lines doubled, dropped and swapped. */
function shuffled(random: Random, lines: string[]): void {
  if (lines.length < 2) return
  const line = random.below(lines.length)
  const other = random.below(lines.length)
  const text = lines[line] as string
  const kind = random.below(4)
  if (kind === 0) lines.splice(other, 0, text)
  else if (kind === 1) lines.splice(line, 1)
  else {
    lines[line] = lines[other] as string
    lines[other] = text
  }
}

function joined(random: Random, { body, lines }: Draft): string {
  if (random.oneIn(10)) shuffled(random, lines)
  if (!random.oneIn(16)) return `${lines.join('\r\n')}\r\n\r\n${body}`
  let out = ''
  for (const line of [...lines, '']) {
    out += line + (random.oneIn(lines.length + 1) ? random.pick(LINE_ENDS) : '\r\n')
  }
  return out + body
}

function changed(random: Random, text: string): string {
  const at = random.below(text.length + 1)
  switch (random.below(8)) {
    case 0: {
      const flipped = (text.charCodeAt(at) || 0) ^ (1 << random.below(8))
      return text.slice(0, at) + String.fromCharCode(flipped & 0xff) + text.slice(at + 1)
    }
    case 1:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1)
    case 2:
      return text.slice(0, at) + text.slice(at + 1 + random.below(4))
    case 3: {
      const length = random.below(12)
      return text.slice(0, at + length) + text.slice(at)
    }
    case 4:
      return atLineEnd(random, text)
    default:
      return text.slice(0, at) + random.pick(INSERTS) + text.slice(at)
  }
}

/** Most of what two readers disagree about happens where a line begins, ends or has its colon. */
function atLineEnd(random: Random, text: string): string {
  const mark = random.pick(['\r\n', '\r\n', ':', ' '])
  const at = text.indexOf(mark, random.below(text.length + 1))
  if (at < 0) return text
  const place = random.pick([at, at, at + 1, at + mark.length])
  return text.slice(0, place) + random.pick(INSERTS) + text.slice(place + random.below(2))
}

function mutated(random: Random, text: string, other: () => string): string {
  let out = text
  // Half of the messages stay as they are: only what is accepted can be read wrongly.
  if (random.oneIn(2))
    for (let left = random.oneIn(4) ? 2 : 1; left > 0; left--) out = changed(random, out)
  if (random.oneIn(40)) {
    const second = other()
    out = out.slice(0, random.below(out.length + 1)) + second.slice(random.below(second.length + 1))
  }
  // The first bytes alone: every prefix of a head is more to wait for, or refused already.
  if (random.oneIn(150)) return out.slice(0, 1 + random.below(16))
  if (random.oneIn(300)) return `\r${out.slice(0, random.below(2))}`
  if (random.oneIn(25)) out = out.slice(0, random.below(out.length + 1))
  return out
}

/** What a client sends over one connection: mostly one request, sometimes several. */
export function randomRequests(random: Random): string {
  const one = (): string => joined(random, draftRequest(random))
  let out = one()
  while (random.oneIn(5)) out += one()
  return mutated(random, out, one)
}

/** What a target sends for one request: interim answers, mostly none, and an answer. */
export function randomAnswer(random: Random): string {
  const one = (): string => joined(random, draftAnswer(random))
  let out = ''
  while (random.oneIn(8)) out += joined(random, draftInterim(random))
  out += one()
  return mutated(random, out, one)
}
