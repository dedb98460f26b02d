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

/** The number of a known field, from 1 to 30: a set of them has 32 bits (FieldSet). */
export const FIELD: Readonly<Record<FieldName, number>> = Object.freeze(
  Object.fromEntries(NAMES.map((name, index) => [name, index + 1])),
) as Readonly<Record<FieldName, number>>

/** The number of any other field. */
export const OTHER = 0
/**
 * A known name spelled with underscores. CGI and its heirs (WSGI, Rack, PHP) make one variable of
 * `X_Forwarded_For` and `X-Forwarded-For`, so it could pass for a field that we set or strip.
 */
export const LOOKALIKE = 31

/** A set of fields: the bit of each one's number. */
export type FieldSet = number

export function fieldSet(fields: readonly number[]): FieldSet {
  let set = 0
  for (const field of fields) set |= 1 << field
  return set
}

export function isIn(set: FieldSet, field: number): boolean {
  return ((set >>> field) & 1) === 1
}

interface Known {
  readonly id: number
  readonly bytes: Uint8Array
}

/** Names of up to 31 bytes, by length and the five bits of the first letter that its case keeps. */
function buildKnown(): (Known[] | null)[] {
  const rows = Array.from<Known[] | null>({ length: 1024 }).fill(null)
  for (const name of NAMES) {
    const bytes = Uint8Array.from(name, (char) => char.charCodeAt(0))
    const at = name.length * 32 + (name.charCodeAt(0) & 31)
    const row = rows[at] ?? []
    row.push({ id: FIELD[name], bytes })
    rows[at] = row
  }
  return rows
}

const KNOWN = buildKnown()

/** The number of the field whose name stands at [from, to), LOOKALIKE, or OTHER. */
export function fieldAt(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > 31) return OTHER
  const known = KNOWN[(to - from) * 32 + ((bytes[from] as number) & 31)]
  return known ? fieldAmong(known, bytes, from, to) : OTHER
}

function fieldAmong(known: readonly Known[], bytes: Uint8Array, from: number, to: number): number {
  const table = FOLDED // see lines.ts
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
