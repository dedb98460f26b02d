// Which service a request belongs to: the exact host first, then the most specific wildcard, then
// matches for any host; within a host the longest path prefix that ends at a segment boundary. The
// cost grows with the length of the longest route, not with the number of routes nor with the path.

import type { Match } from './table.ts'

/** The routes of one host, by their prefix. */
class Paths<T> {
  readonly routes = new Map<string, T>()
  longestChars = 0
}

export class Router<T> {
  readonly #exact = new Map<string, Paths<T>>()
  readonly #wildcard = new Map<string, Paths<T>>()
  readonly #any = new Paths<T>()

  /** Adds a route. The first of two equal matches stays; the config refuses such pairs. */
  add(match: Match, target: T): void {
    const paths = this.#pathsOf(match.host)
    const path = prefixOf(match.path)
    if (!paths.routes.has(path)) paths.routes.set(path, target)
    paths.longestChars = Math.max(paths.longestChars, path.length)
  }

  #pathsOf(host: string | null): Paths<T> {
    if (host === null) return this.#any
    const wildcard = host.startsWith('*.')
    const map = wildcard ? this.#wildcard : this.#exact
    const key = wildcard ? host.slice(2) : host
    let paths = map.get(key)
    if (paths === undefined) {
      paths = new Paths()
      map.set(key, paths)
    }
    return paths
  }

  /**
   * Finds the route for a host (lower case, no port; '' when unknown) and a normalised path.
   */
  find(host: string, path: string): T | null {
    if (this.#exact.size > 0) {
      const found = longest(this.#exact.get(host), path)
      if (found !== null) return found
    }
    if (this.#wildcard.size > 0) {
      for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
        const found = longest(this.#wildcard.get(host.slice(dot + 1)), path)
        if (found !== null) return found
      }
    }
    return longest(this.#any, path)
  }
}

/** `/` becomes '', `/api/` becomes `/api`: the form that `longest` looks up. */
function prefixOf(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

function longest<T>(paths: Paths<T> | undefined, path: string): T | null {
  if (paths === undefined) return null
  const { longestChars, routes } = paths
  if (longestChars === 0) return routes.get('') ?? null
  // What is longer than every route needs no look: a path of thousands of segments would cost a
  // slice and a hash for each of them.
  let end = path.length <= longestChars ? path.length : path.lastIndexOf('/', longestChars)
  while (end >= 0) {
    const found = routes.get(path.slice(0, end))
    if (found !== undefined) return found
    end = end === 0 ? -1 : path.lastIndexOf('/', end - 1)
  }
  return null
}
