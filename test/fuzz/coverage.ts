// Which branches of the parser a run has reached, from V8's own block counters. It must be started
// before the parser is loaded, since V8 counts only what it compiles afterwards. Types are stripped
// in place, so V8's offsets are those of the source files.

import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Branch, branchesOf } from './branches.ts'

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}
interface ScriptCoverage {
  readonly url: string
  readonly functions: readonly {
    readonly functionName: string
    readonly ranges: readonly Range[]
  }[]
}

/** One way through a branch, or a function, with where it stands. */
interface Way {
  readonly place: string
  readonly reached: (ranges: readonly Range[]) => boolean
}

export interface Coverage {
  readonly total: number
  /** `file:line what` of each that was not reached. */
  readonly unreached: readonly string[]
}

/** How often the code at an offset has run: the count of the innermost range around it. */
function countAt(ranges: readonly Range[], offset: number): number {
  let count = 0
  let width = Number.POSITIVE_INFINITY
  for (const { count: found, endOffset, startOffset } of ranges) {
    const size = endOffset - startOffset
    // Of two equal ranges the later one, which is nested in the other, counts.
    if (startOffset <= offset && offset < endOffset && size <= width) {
      count = found
      width = size
    }
  }
  return count
}

function wayOf(file: string, { at, line, moreThan, way }: Branch): Way {
  return {
    place: `${file}:${line} ${way}`.trimEnd(),
    reached: (ranges) => {
      const times = at.reduce((sum, offset) => sum + countAt(ranges, offset), 0)
      return times > (moreThan === null ? 0 : countAt(ranges, moreThan))
    },
  }
}

export class BranchCoverage {
  readonly #session = new Session()
  readonly #folder: string
  readonly #files: ReadonlySet<string>
  readonly #ways = new Map<string, Map<string, Way>>()
  readonly #reached = new Set<string>()

  /** @param files names within the folder, which is a URL that ends with a slash */
  constructor(folder: string, files: readonly string[]) {
    this.#folder = folder
    this.#files = new Set(files)
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Takes what was counted since the last time into account; the counters begin anew. */
  take(): void {
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error
      for (const script of result as readonly ScriptCoverage[]) this.#add(script)
    })
  }

  #add({ functions, url }: ScriptCoverage): void {
    const file = basename(url)
    if (!url.startsWith(this.#folder) || !this.#files.has(file)) return
    const ways = this.#ways.get(file) ?? this.#waysOf(file, url)
    const ranges = functions.flatMap((found) => found.ranges)
    for (const { functionName, ranges: own } of functions) {
      const [outer] = own
      if (outer === undefined || functionName === '') continue
      const key = `${outer.startOffset} ${functionName}`
      if (ways.has(key)) continue
      const place = `${file} function ${functionName}`
      ways.set(key, { place, reached: (now) => countAt(now, outer.startOffset) > 0 })
    }
    for (const [key, way] of ways) {
      if (!this.#reached.has(`${file} ${key}`) && way.reached(ranges)) {
        this.#reached.add(`${file} ${key}`)
      }
    }
  }

  #waysOf(file: string, url: string): Map<string, Way> {
    const source = readFileSync(fileURLToPath(url), 'utf8')
    const branches = branchesOf(source)
    const ways = new Map(branches.map((branch, i) => [`${i}`, wayOf(file, branch)]))
    this.#ways.set(file, ways)
    return ways
  }

  report(): Coverage {
    this.take()
    let total = 0
    const unreached: string[] = []
    for (const file of this.#files) {
      if (!this.#ways.has(file)) unreached.push(`${file} was not loaded`)
      for (const [key, way] of this.#ways.get(file) ?? []) {
        total++
        if (!this.#reached.has(`${file} ${key}`)) unreached.push(way.place)
      }
    }
    return { total, unreached }
  }

  close(): void {
    this.#session.disconnect()
  }
}
