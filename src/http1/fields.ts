// The header fields that a proxy must understand, by number, so that the rest of the engine
// compares integers and never strings. A name is looked up by its length and then byte by byte.

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
  'x-vertex-mirror',
] as const

export type FieldName = (typeof NAMES)[number]

/** The number of a known field, from 1. */
export const FIELD: Readonly<Record<FieldName, number>> = Object.freeze(
  Object.fromEntries(NAMES.map((name, index) => [name, index + 1])),
) as Readonly<Record<FieldName, number>>

/** The number of any other field. */
export const OTHER = 0
/**
 * A known name spelled with underscores. CGI and its heirs (WSGI, Rack, PHP) make one variable of
 * `X_Forwarded_For` and `X-Forwarded-For`, so it could pass for a field that we set or strip.
 */
export const LOOKALIKE = 63

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

/** The number of the field whose name stands at [from, to), LOOKALIKE, or OTHER. */
export function fieldAt(bytes: Uint8Array, from: number, to: number): number {
  const known = BY_LENGTH[to - from]
  if (known === undefined) return OTHER
  const table = FOLDED // see request-head.ts
  for (let k = 0; k < known.length; k++) {
    const row = known[k] as Known
    let i = 0
    while (i < row.bytes.length && table[bytes[from + i] as number] === row.bytes[i]) i++
    if (i < row.bytes.length) continue
    for (let at = from; at < to; at++) if (bytes[at] === UNDERSCORE) return LOOKALIKE
    return row.id
  }
  return OTHER
}

const UNDERSCORE = 0x5f
/** Letters in lower case, and an underscore as the hyphen that it may be read as. */
const FOLDED = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === UNDERSCORE) return 0x2d
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
})

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
