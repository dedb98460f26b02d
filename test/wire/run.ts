// Runs the tables in one of three ways: each write whole; every byte in a packet of its own; cut
// in two at every position. Cases with the same settings run at the same time, each on a lane of
// its own, and a case that leaves its connections open plays all its positions on the same ones.
//
// What a table cannot say yet because the engine does not do it stands in pending.ts.

import { HOST } from './end.ts'
import { type Lane, NO_SETTINGS, type Place } from './place.ts'
import { type Cut, Player, WHOLE } from './play.ts'
import { readTable, readWords, tableFiles, type WireCase } from './table.ts'

export type Way = 'whole' | 'bytes' | 'splits'

export interface Result {
  readonly case: WireCase
  /** In how many ways the bytes were cut. */
  readonly runs: number
  /** What differed, with where the bytes were cut; at most a few. */
  readonly differences: readonly string[]
}

/** Positions on the same connections before new ones are opened: the lanes share the work. */
const POSITIONS_AT_ONCE = 24
/** Of longer bytes only the beginning, the end and the sizes of buffers are cut. */
const LONG_BYTES = 700
const MARGIN_BYTES = 60
const MAX_DIFFERENCES = 4

/** Where these bytes are cut: everywhere, or where it may matter. */
function positionsOf(bytes: string): number[] {
  const all = Array.from({ length: Math.max(0, bytes.length - 1) }, (_byte, at) => at + 1)
  if (bytes.length <= LONG_BYTES) return all
  return all.filter(
    (at) =>
      at <= MARGIN_BYTES ||
      at >= bytes.length - MARGIN_BYTES ||
      (at + 1) % 8192 < 3 ||
      bytes.slice(at - 2, at + 2).includes('\n'),
  )
}

const EVERY_BYTE: Cut = (bytes) => {
  const pieces: string[] = []
  let from = 0
  for (const at of positionsOf(bytes)) {
    pieces.push(bytes.slice(from, at))
    from = at
  }
  return [...pieces, bytes.slice(from)]
}

interface Job {
  readonly case: WireCase
  readonly cuts: readonly { readonly cut: Cut; readonly name: string }[]
}

/**
 * Tells where a case has been cut already in the shape of another one of its table: in the same
 * place of the same line (a short one behind the same line). The Host line of a hundred requests is
 * cut a hundred times only with WIRE_ALL=1.
 */
class Seen {
  readonly #cuts = new Set<string>()
  readonly #all = process.env.WIRE_ALL === '1'

  /** Whether nothing has been cut here; notes it. */
  isNew({ file }: WireCase, who: string, bytes: string, at: number): boolean {
    if (this.#all) return true
    const start = bytes.lastIndexOf('\n', at - 1) + 1
    const end = bytes.indexOf('\n', at)
    const line = bytes.slice(start, end < 0 ? bytes.length : end + 1)
    const before = line.length < SHORT_LINE ? bytes.lastIndexOf('\n', start - 2) + 1 : start
    const key = JSON.stringify([file, who, at - start, line, bytes.slice(before, start)])
    if (this.#cuts.has(key)) return false
    this.#cuts.add(key)
    return true
  }
}

/** A line as short as those of chunk framing, whose meaning hangs on the line before. */
const SHORT_LINE = 12

function jobsOf(wireCase: WireCase, way: Way, seen: Seen): Job[] {
  const { needs, steps } = wireCase
  if (way === 'whole') return [{ case: wireCase, cuts: [{ cut: WHOLE, name: 'whole' }] }]
  if (needs.whole === true) return []
  if (way === 'bytes') return [{ case: wireCase, cuts: [{ cut: EVERY_BYTE, name: 'bytes' }] }]
  const cuts = steps.flatMap((step, number) =>
    step.do !== 'send'
      ? []
      : positionsOf(step.bytes)
          .filter((at) => seen.isNew(wireCase, step.who, step.bytes, at))
          .map((at) => ({ cut: cutAt(number, at), name: `step ${number + 1} cut at ${at}` })),
  )
  const jobs: Job[] = []
  const atOnce = leavesAllOpen(wireCase) ? POSITIONS_AT_ONCE : 1
  for (let at = 0; at < cuts.length; at += atOnce) {
    jobs.push({ case: wireCase, cuts: cuts.slice(at, at + atOnce) })
  }
  return jobs
}

function cutAt(number: number, at: number): Cut {
  return (bytes, step) => (step === number ? [bytes.slice(0, at), bytes.slice(at)] : [bytes])
}

/** What a case says to an origin must reach its own lane, whatever host it names. */
function needsDefaultLane({ ends, steps }: WireCase): boolean {
  if (ends.endsWith('untouched')) return false
  return !steps.some((step) => step.do === 'send' && step.bytes.includes(HOST))
}

const TABLE: ReadonlySet<string> = new Set(['origin', 'default'])

function groupOf({ needs }: WireCase): string {
  // The edge is told of `origin` and `default` too; the other words are the runner's alone.
  const names = Object.keys(needs).filter((name) => !NO_SETTINGS.has(name) || TABLE.has(name))
  return JSON.stringify(names.sort().map((name) => [name, needs[name]]))
}

export class Run {
  readonly #place: Place
  readonly #way: Way
  readonly #seen = new Seen()
  readonly #results = new Map<WireCase, { runs: number; differences: string[] }>()

  constructor(place: Place, way: Way) {
    this.#place = place
    this.#way = way
  }

  async play(cases: readonly WireCase[]): Promise<readonly Result[]> {
    const groups = Map.groupBy(cases, groupOf)
    for (const group of groups.values()) {
      const [first] = group
      if (first === undefined) continue
      await this.#place.use(first.needs)
      await this.#playGroup(group)
    }
    return cases.map((wireCase) => ({
      case: wireCase,
      ...(this.#results.get(wireCase) ?? { runs: 0, differences: [] }),
    }))
  }

  async #playGroup(group: readonly WireCase[]): Promise<void> {
    const jobs = group.flatMap((wireCase) => jobsOf(wireCase, this.#way, this.#seen))
    const ofDefault = jobs.filter((job) => needsDefaultLane(job.case))
    const ofAny = jobs.filter((job) => !needsDefaultLane(job.case))
    const [defaultLane, ...lanes] = this.#place.lanes
    if (defaultLane === undefined) throw new Error('There are no lanes')
    const work = async (lane: Lane, queue: Job[]): Promise<void> => {
      for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
        await this.#playJob(lane, job)
      }
    }
    await Promise.all([work(defaultLane, ofDefault), ...lanes.map((lane) => work(lane, ofAny))])
  }

  async #playJob(lane: Lane, job: Job): Promise<void> {
    const result = this.#results.get(job.case) ?? { runs: 0, differences: [] }
    this.#results.set(job.case, result)
    const isReusable = leavesAllOpen(job.case)
    let player = new Player(this.#place, lane, job.case)
    for (const { cut, name } of job.cuts) {
      if (result.differences.length >= MAX_DIFFERENCES) break
      const { differences } = await player.play(cut)
      result.runs++
      for (const text of differences) result.differences.push(`${name}: ${text}`)
      if (isReusable && differences.length === 0) continue
      await player.clear()
      if (job.case.needs.unasked === true) await this.#place.renew(lane)
      player = new Player(this.#place, lane, job.case)
    }
    await player.clear()
  }
}

/** Whether the connections are as before when a case is over: open, and no tunnels. */
function leavesAllOpen({ ends, steps }: WireCase): boolean {
  if (ends !== 'client open, origin open') return false
  return !steps.some((step) => step.do === 'send' && step.bytes.includes(' 101 '))
}

/** All cases of all tables, or of one of them. */
export function readTables(only?: string): readonly WireCase[] {
  const words = readWords()
  return tableFiles()
    .filter((file) => only === undefined || file.startsWith(only))
    .flatMap((file) => readTable(file, words))
}
