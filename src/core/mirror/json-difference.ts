// Where two JSON values differ, as paths. The order of an object's members does not matter, that of
// a list's items does. A list of another length differs as a whole, besides the items that both
// have. Bounded: so many paths at most, and a text that is nested deeper than a limit is not taken
// for JSON at all, so that no answer can exhaust the stack.

import { itemPath, memberPath } from './json-path.ts'

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json }

/** Deeper texts are compared as bytes. */
const MAX_DEPTH = 64
/** Answers that differ in more places are told by so many of them. */
export const MAX_PATHS = 64

/** The value of a JSON text; undefined when it is none, or too deep. */
export function readJson(text: string): Json | undefined {
  if (depthOf(text) > MAX_DEPTH) return undefined
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined // it is compared as bytes then
  }
}

/** The deepest nesting of brackets outside strings; of JSON and of anything else. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (inString) {
      if (char === 0x5c) i++
      else if (char === 0x22) inString = false
    } else if (char === 0x22) inString = true
    else if (char === 0x7b || char === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (char === 0x7d || char === 0x5d) depth--
  }
  return deepest
}

/** The paths at which two values differ, each once; empty when they are the same. */
export function jsonDifferences(one: Json, other: Json): readonly string[] {
  const paths = new Set<string>()
  compare(one, other, { path: '$', paths })
  return [...paths]
}

interface At {
  readonly path: string
  readonly paths: Set<string>
}

function compare(one: Json, other: Json, at: At): void {
  if (one === other || at.paths.size >= MAX_PATHS) return
  if (isList(one) && isList(other)) return compareLists(one, other, at)
  if (isObject(one) && isObject(other)) return compareObjects(one, other, at)
  at.paths.add(at.path)
}

function compareLists(one: readonly Json[], other: readonly Json[], at: At): void {
  if (one.length !== other.length) at.paths.add(at.path)
  const path = itemPath(at.path)
  const both = Math.min(one.length, other.length)
  for (let i = 0; i < both; i++) {
    compare(one[i] as Json, other[i] as Json, { path, paths: at.paths })
  }
}

type Members = { readonly [name: string]: Json }

function compareObjects(one: Members, other: Members, { path, paths }: At): void {
  for (const name of new Set([...Object.keys(one), ...Object.keys(other)])) {
    if (paths.size >= MAX_PATHS) return
    const within = memberPath(path, name)
    if (!Object.hasOwn(one, name) || !Object.hasOwn(other, name)) paths.add(within)
    else compare(one[name] as Json, other[name] as Json, { path: within, paths })
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function isObject(value: Json): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
