// The header fields that a proxy must understand, by number, so that the rest of the engine
// compares integers and never strings. A name is looked up by its length and then byte by byte;
// names are tokens by then, so setting bit 0x20 folds letters to lower case and confuses nothing
// else.

const NAMES = [
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'proxy-authorization',
  'proxy-authenticate',
  'http2-settings',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'forwarded',
  'via',
  'x-request-id',
  'cookie',
  'accept',
  'date',
  'max-forwards',
] as const

export type FieldName = (typeof NAMES)[number]

/** The number of a known field, from 1. */
export const FIELD: Readonly<Record<FieldName, number>> = Object.freeze(
  Object.fromEntries(NAMES.map((name, index) => [name, index + 1])),
) as Readonly<Record<FieldName, number>>

/** The number of any other field. */
export const OTHER = 0

interface Known {
  readonly id: number
  readonly bytes: Uint8Array
}

function buildByLength(): Known[][] {
  const byLength: Known[][] = Array.from({ length: 32 }, () => [])
  for (const name of NAMES) {
    const bytes = Uint8Array.from(name, (char) => char.charCodeAt(0))
    byLength[name.length]?.push({ id: FIELD[name], bytes })
  }
  return byLength
}

const BY_LENGTH = buildByLength()

/** The number of the field whose name stands at [from, to), or OTHER. */
export function fieldAt(bytes: Uint8Array, from: number, to: number): number {
  const known = BY_LENGTH[to - from]
  if (known === undefined) return OTHER
  for (let k = 0; k < known.length; k++) {
    const row = known[k] as Known
    let i = 0
    while (i < row.bytes.length && ((bytes[from + i] as number) | 0x20) === row.bytes[i]) i++
    if (i === row.bytes.length) return row.id
  }
  return OTHER
}

/** Whether the bytes at [from, to) are `lower`, whatever their case; `lower` must be lower case. */
export function equalsIgnoringCase(
  bytes: Uint8Array,
  from: number,
  to: number,
  lower: string,
): boolean {
  if (to - from !== lower.length) return false
  for (let i = 0; i < lower.length; i++) {
    const byte = bytes[from + i] as number
    const folded = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    if (folded !== lower.charCodeAt(i)) return false
  }
  return true
}
