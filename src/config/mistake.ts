// A mistake in a config file is a value: where it stands and one sentence about it. All mistakes of
// a file are collected before any is shown, so that an operator mends them in one go. Places inside
// a document are JSON pointers (`/services/shop/routing`) until they are turned into line and
// column.

export interface Mistake {
  /** The file as the operator named it. */
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based, in UTF-16 code units. */
  readonly column: number
  readonly message: string
}

/**
 * What the parts of the loader call for each mistake; `part` says which half of `key: value` it is.
 */
export type Report = (pointer: string, message: string, part?: 'key' | 'value') => void

/** `file:line:column: message`, the form that editors and terminals turn into a link. */
export function formatMistake(mistake: Mistake): string {
  return `${mistake.file}:${mistake.line}:${mistake.column}: ${mistake.message}`
}

/** Appends one segment to a JSON pointer. */
export function under(pointer: string, segment: string | number): string {
  return `${pointer}/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** The segments of a JSON pointer. */
export function segmentsOf(pointer: string): string[] {
  if (pointer === '') return []
  return pointer
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** A pointer as people write it: `/services/shop/match/0` becomes `services.shop.match[0]`. */
export function nameOf(pointer: string): string {
  let name = ''
  for (const segment of segmentsOf(pointer)) {
    if (/^\d+$/.test(segment) && name !== '') name += `[${segment}]`
    else name += name === '' ? segment : `.${segment}`
  }
  return name
}

/**
 * Keeps the user and password of a URL out of terminals and logs: all up to the last `@`, as a
 * password may itself hold any sign when the URL is written wrongly.
 */
function withoutPassword(text: string): string {
  return text.replace(/\/\/.*@/s, '//…@')
}

/** The current value as it appears at the end of a sentence, cut so that a line stays a line. */
export function quote(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null || value === '') return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  const text =
    typeof value === 'string'
      ? JSON.stringify(withoutPassword(value))
      : `${value as number | boolean}`
  return text.length > 80 ? `${text.slice(0, 79)}…"` : text
}
