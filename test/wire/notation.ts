// How raw bytes are written in the tables of this folder. A line stands for its bytes and CR LF; a
// backslash at its end says that nothing follows, not even a line end. Control bytes, bytes above
// 0x7E and a space at the end of a line are escaped: \r \n \t \x00. `${a*300}` repeats, and a line
// that is nothing but `${name}` stands for the bytes that words.txt gives that name.
//
// Bytes are strings of latin1 characters here, as everywhere in the tests. Nothing in this file
// knows HTTP.

/** The texts of words.txt by name. */
export type Words = ReadonlyMap<string, string>

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '\\': '\\' }

function charsOf(text: string): string {
  return text.replace(/\\(x[0-9a-f]{2}|.)/gi, (whole, code: string) => {
    if (code.startsWith('x') && code.length === 3) {
      return String.fromCharCode(Number.parseInt(code.slice(1), 16))
    }
    const char = ESCAPES[code]
    if (char === undefined) throw new Error(`Cannot read ${whole} in a table: no such escape`)
    return char
  })
}

/** The bytes of one line of the notation. */
export function bytesOfLine(line: string, words: Words): string {
  const name = /^\$\{([^}]+)\}$/.exec(line)?.[1] ?? ''
  const word = words.get(name)
  if (word !== undefined) return word
  const open = /(^|[^\\])(\\\\)*\\$/.test(line)
  const text = (open ? line.slice(0, -1) : line).replace(
    /\$\{([^}]+)\*(\d+)\}/g,
    (_whole, unit: string, times: string) => unit.repeat(Number(times)),
  )
  if (/\$\{/.test(text)) throw new Error(`Cannot read ${line} in a table: no such word`)
  return charsOf(text) + (open ? '' : '\r\n')
}

export function bytesOfLines(lines: readonly string[], words: Words): string {
  return lines.map((line) => bytesOfLine(line, words)).join('')
}

/** So many equal characters are written as a repetition. */
const RUN = /([^\\])\1{31,}/g

function escapeLine(text: string): string {
  const escaped = text
    .replace(/\\/g, '\\\\')
    .replace(/\$\{/g, '\\x24{')
    .replace(/\r/g, '\\r')
    .replace(/\n/g, '\\n')
    .replace(/\t/g, '\\t')
    .replace(/[^\x20-\x7e]/g, (char) => `\\x${hex(char)}`)
    .replace(/ $/, '\\x20')
  return escaped.replace(RUN, (run, char: string) => `\${${char}*${run.length}}`)
}

function hex(char: string): string {
  return char.charCodeAt(0).toString(16).padStart(2, '0')
}

/** The lines that stand for these bytes, with words wherever one fits. */
export function linesOfBytes(bytes: string, words: Words): string[] {
  const longestFirst = [...words].sort(([, a], [, b]) => b.length - a.length)
  const lines: string[] = []
  let at = 0
  while (at < bytes.length) {
    const word = longestFirst.find(([, text]) => bytes.startsWith(text, at))
    if (word !== undefined) {
      lines.push(`\${${word[0]}}`)
      at += word[1].length
      continue
    }
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) lines.push(`${escapeLine(bytes.slice(at))}\\`)
    else lines.push(escapeLine(bytes.slice(at, end)))
    at = end < 0 ? bytes.length : end + 2
  }
  return lines
}
