// The small part of JSONPath (RFC 9535) that names exactly one place: `$`, `.key`, `['key']`,
// `[0]`. Wildcards, filters, slices and descents name many places at once, and what should hold
// for many is better said of each; they are refused by name.

/** A value as JSON.parse gives it. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

export interface JsonPath {
  /** As it was written. */
  readonly text: string
  readonly segments: readonly (string | number)[]
}

const SEGMENT = new RegExp(
  [
    /^\.(?<word>[A-Za-z_][A-Za-z0-9_-]*)/,
    /^\[(?<index>\d{1,9})\]/,
    /^\['(?<single>[^'\\]*)'\]/,
    /^\["(?<double>[^"\\]*)"\]/,
  ]
    .map(({ source }) => source)
    .join('|'),
)

/** A path, or the end of «Cannot read … as it …». */
export function readJsonPath(text: string): JsonPath | { readonly complaint: string } {
  if (!text.startsWith('$')) return { complaint: 'a path begins with $, such as $.order.id' }
  const segments: (string | number)[] = []
  let rest = text.slice(1)
  while (rest !== '') {
    const found = SEGMENT.exec(rest)
    if (found === null) return { complaint: complaintAbout(rest) }
    const { double, index, single, word } = found.groups ?? {}
    segments.push(index === undefined ? (word ?? single ?? double ?? '') : Number(index))
    rest = rest.slice(found[0].length)
  }
  return { text, segments }
}

function complaintAbout(rest: string): string {
  const many = /^(?:\.\.|\.?\*|\[[*?:]|\[-?\d*:|\[[^\]]*,)/.test(rest)
  if (many) return `a path names one place, without wildcards, filters and slices: see ${rest}`
  return `a path is made of .key, ['key'] and [0]: see ${rest}`
}

/** What stands at the path; undefined when nothing does. */
export function jsonAt(value: Json, { segments }: JsonPath): Json | undefined {
  let at: Json | undefined = value
  for (const segment of segments) {
    if (typeof at !== 'object' || at === null) return undefined
    if (Array.isArray(at)) {
      at = typeof segment === 'number' ? (at as readonly Json[])[segment] : undefined
    } else {
      const mapping = at as { readonly [key: string]: Json }
      at = Object.hasOwn(mapping, segment) ? mapping[segment] : undefined
    }
  }
  return at
}

/** Whether two values are the same JSON, whatever the order of keys. */
export function sameJson(one: Json, other: Json): boolean {
  if (typeof one !== 'object' || typeof other !== 'object') return one === other
  if (one === null || other === null) return one === other
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const [ones, others] = [Object.entries(one), new Map(Object.entries(other))]
  if (ones.length !== others.size) return false
  return ones.every(([key, value]) => {
    const counterpart = others.get(key) as Json | undefined
    return counterpart !== undefined && sameJson(value as Json, counterpart)
  })
}
