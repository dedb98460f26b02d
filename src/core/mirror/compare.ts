// Two answers to the same request, and in what they differ: the status always, the chosen headers,
// and the body: by its bytes, or for JSON by its values, so that other white space or another order
// of members is no difference. What an operator ignores is left out; what is noise is decided by
// noise.ts. When the status differs nothing else is told, since all the rest follows from it.

import { isWithin, toldPath } from './json-path.ts'
import { jsonDifferences, readJson } from './json-difference.ts'
import type { MirrorRules } from './order.ts'

/** What is known of a body. */
export type AnswerBody =
  /** Its bytes as latin1, without framing and coding. */
  | { readonly is: 'whole'; readonly bytes: string }
  /** Longer than is kept. */
  | { readonly is: 'long' }
  /** Not kept. */
  | { readonly is: 'unknown' }
  /** In a coding that cannot be undone. */
  | { readonly is: 'undecodable' }

export interface MirrorAnswer {
  readonly status: number
  /** In the order of the rules' headers; null: absent. */
  readonly headers: readonly (string | null)[]
  readonly body: AnswerBody
}

/** A place at which two answers differ. */
export interface Difference {
  /** `status`, `header NAME` or a JSON path; `$` is the whole body. */
  readonly place: string
  /** In words, without names that may be of customers (`toldPath`). */
  readonly text: string
}

export type CompareRules = Pick<MirrorRules, 'headers' | 'compareBody' | 'ignore'>

/**
 * Whether two answers can be compared. A client that asks whether something has changed is told so
 * by the one that made what the client has: the other need not know it. A 304 to who did not ask
 * is an answer like any other.
 *
 * @param isConditional whether the request came with If-None-Match or If-Modified-Since
 */
export function areComparable(
  { candidate, stable }: { readonly stable: MirrorAnswer; readonly candidate: MirrorAnswer },
  isConditional: boolean,
): boolean {
  return !isConditional || (stable.status === 304) === (candidate.status === 304)
}

/** In what the second answer differs from the first. */
export function differences(
  answers: { readonly stable: MirrorAnswer; readonly candidate: MirrorAnswer },
  rules: CompareRules,
): readonly Difference[] {
  const { candidate, stable } = answers
  if (stable.status !== candidate.status) {
    const text = `status ${candidate.status} instead of ${stable.status}`
    return [{ place: 'status', text }]
  }
  const found: Difference[] = []
  rules.headers.forEach((name, i) => {
    if (stable.headers[i] === candidate.headers[i]) return
    found.push({ place: `header ${name}`, text: `header ${name} differs` })
  })
  if (!rules.compareBody) return found
  for (const difference of bodyDifferences(stable.body, candidate.body)) {
    // As it is, and as it was told: who copies what was told must have named it.
    const { place } = difference
    const isIgnored = (path: string): boolean =>
      isWithin(place, path) || isWithin(toldPath(place), path)
    if (rules.ignore.some(isIgnored)) continue
    found.push(difference)
  }
  return found
}

function bodyDifferences(stable: AnswerBody, candidate: AnswerBody): readonly Difference[] {
  if (stable.is === 'whole' && candidate.is === 'long') {
    return [{ place: '$', text: 'body is longer than what is compared' }]
  }
  if (stable.is === 'long' && candidate.is === 'whole') {
    return [{ place: '$', text: 'body is shorter' }]
  }
  if (stable.is === 'whole' && candidate.is === 'undecodable') {
    return [{ place: '$', text: 'body cannot be decoded' }]
  }
  if (stable.is !== 'whole' || candidate.is !== 'whole') return [] // nothing is known
  if (stable.bytes === candidate.bytes) return []
  const one = jsonOf(stable.bytes)
  const other = jsonOf(candidate.bytes)
  if (one === undefined) return [{ place: '$', text: 'body differs' }]
  if (other === undefined) return [{ place: '$', text: 'body is no JSON' }]
  return jsonDifferences(one, other).map((path) => ({
    place: path,
    text: path === '$' ? 'body differs' : `body differs at ${toldPath(path)}`,
  }))
}

/** The value of a body; undefined when it is no JSON. */
function jsonOf(bytes: string): ReturnType<typeof readJson> {
  if (!/^[\s\u00ef\u00bb\u00bf]*[[{"\-0-9tfn]/.test(bytes)) return undefined
  return readJson(utf8Of(bytes))
}

const ASCII = /^[\0-\x7f]*$/
const UTF8 = new TextDecoder()

/** JSON is UTF-8, and so are the paths that an operator writes. */
function utf8Of(bytes: string): string {
  return ASCII.test(bytes) ? bytes : UTF8.decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0)))
}
