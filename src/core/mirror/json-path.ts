// Paths into a JSON value, as an operator writes them and as differences are told:
// `$.order.total`, `$.items[*].id`, `$["odd name"]`. An index is always `[*]`, since what is said
// of one item of a list is meant of all of them. The subset of RFC 9535 that names one place in
// each of many answers.

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/
const PATH = /^\$(?:\.[A-Za-z_][A-Za-z0-9_-]*|\[\*\]|\["(?:[^"\\\p{Cc}]|\\["\\])*"\])*$/u

/** Longer paths are cut: a path that is told is a label, not data. */
const MAX_PATH_CHARS = 256

/** Whether a text is such a path. */
export function isJsonPath(text: string): boolean {
  return text.length <= MAX_PATH_CHARS && PATH.test(text)
}

/** The path of a member of the object at `path`. */
export function memberPath(path: string, name: string): string {
  if (NAME.test(name)) return cut(`${path}.${name}`)
  return cut(`${path}[${JSON.stringify(name)}]`)
}

/** A member as it stands in a path. */
const MEMBER = /\.([A-Za-z_][A-Za-z0-9_-]*)|\["(?:[^"\\]|\\.)*(?:"\]?)?/g
/** Words of letters, with at most one digit behind each: `unit_price`, `line2`. */
const PLAIN = /^(?:[A-Za-z]*[0-9]?[_-])*[A-Za-z]*[0-9]?$/
const MAX_PLAIN_CHARS = 32

/**
 * A path as it is told. A map may be keyed by session tokens or addresses, and what answers hold
 * of customers is nobody's business; so a name that is no plain short word is told as `[*]`, like
 * an index.
 */
export function toldPath(path: string): string {
  const told = path.replace(MEMBER, (member, name?: string) => {
    const isPlain = name !== undefined && name.length <= MAX_PLAIN_CHARS && PLAIN.test(name)
    return isPlain ? member : '[*]'
  })
  // The end of one that was cut may be the beginning of anything.
  return path.length < MAX_PATH_CHARS ? told : `${told.slice(0, lastSegment(told))}[*]`
}

function lastSegment(path: string): number {
  return Math.max(1, path.lastIndexOf('.'), path.lastIndexOf('['))
}

/** The path of the items of the list at `path`. */
export function itemPath(path: string): string {
  return cut(`${path}[*]`)
}

function cut(path: string): string {
  return path.length > MAX_PATH_CHARS ? path.slice(0, MAX_PATH_CHARS) : path
}

/** Whether `path` is the place `other`, or lies within it. */
export function isWithin(path: string, other: string): boolean {
  if (!path.startsWith(other)) return false
  const next = path[other.length]
  return next === undefined || next === '.' || next === '['
}
