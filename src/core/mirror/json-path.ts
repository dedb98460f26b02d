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
