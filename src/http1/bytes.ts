// Which bytes may stand where (RFC 9110 section 5.6, RFC 9112 sections 3 and 5), as one table
// lookup a byte. Everything not listed is refused, so a byte that two parsers could read
// differently never gets past the head.

export const HTAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SP = 0x20
export const COLON = 0x3a

/** Bytes of a method, a field name or another token. */
export const TOKEN = 1
/** Bytes of a request target: visible ASCII without `#`, which belongs to no target. */
export const TARGET = 2
/** Bytes of a field value or a reason phrase: HTAB, SP, visible ASCII and obs-text. */
export const VALUE = 4
/** Bytes of a host without brackets: letters, digits, `-._~`, sub-delims without the comma, `%`. */
export const HOST = 8
/** Bytes of a method as they are in use: capital letters, digits, `-` and `_`. */
export const METHOD = 16
/** Bytes outside ASCII, which an option lets into a target. */
export const HIGH = 32
// What may make a path need work (path.ts); SLASH and DOT stand side by side, see request-line.ts.
export const SLASH = 64
export const DOT = 128
export const PERCENT = 256
export const QUERY = 512

function buildClasses(): Uint16Array {
  const classes = new Uint16Array(256)
  const mark = (bits: number, bytes: string): void => {
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes.charCodeAt(i)
      classes[byte] = (classes[byte] as number) | bits
    }
  }
  const alphanumeric = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
  mark(TOKEN, `${alphanumeric}!#$%&'*+-.^_\`|~`)
  mark(METHOD, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_')
  mark(HOST, `${alphanumeric}-._~!$&'()*+;=%`)
  for (let byte = 0x21; byte <= 0x7e; byte++) {
    classes[byte] = (classes[byte] as number) | VALUE | (byte === 0x23 ? 0 : TARGET)
  }
  for (let byte = 0x80; byte <= 0xff; byte++) classes[byte] = VALUE | HIGH
  mark(SLASH, '/')
  mark(DOT, '.')
  mark(PERCENT, '%')
  mark(QUERY, '?')
  classes[HTAB] = VALUE
  classes[SP] = VALUE
  return classes
}

/** The classes of each byte, as a sum of the constants above. */
export const CLASSES: Uint16Array = buildClasses()

/** The value of a hex digit, or −1. */
export function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
