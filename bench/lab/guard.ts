// What the guard against regressions compares: the CPU of a small GET through Vertex as a share of
// that through http-proxy. Both run on the same Node and the same core in slices that take turns,
// so a slower machine, another clock rate or a busy neighbour is in both figures; the median over
// the rounds throws out the slices that were hit alone.

import { existsSync, readFileSync } from 'node:fs'
import { LOAD_CORE, PROXY_CORE, round } from './cpu-round.ts'
import { startOrigin } from './origin.ts'
import { type Machine, machine, progress, save } from './report.ts'
import { type Rival, startHttpProxy } from './rivals.ts'
import { paired, type Spread, spread } from './statistics.ts'
import { labConfig, startVertex } from './vertex.ts'
import type { Closed } from './wrk.ts'

const FILE = new URL('../results/guard.json', import.meta.url)

export interface GuardPlan {
  readonly rounds: number
  readonly warmUpSeconds: number
  readonly load: Closed
}

export interface GuardFigure {
  /** Of CPU a request, Vertex to http-proxy. */
  readonly ratio: Spread
  readonly vertexUs: Spread
  readonly httpProxyUs: Spread
  /** The share of its core that Vertex used. */
  readonly busy: Spread
}

export interface Stored extends GuardFigure {
  readonly at: string
  readonly machine: Machine
}

/** By what made the load, as a slower generator leaves a proxy idle in between, which costs. */
type StoredFile = Partial<Record<Closed['by'], Stored>>

/** Starts the two and an app server, which go on until this process ends. */
export async function startGuarded(): Promise<readonly [Rival, Rival]> {
  const origin = await startOrigin({ version: 'v1', record: false, core: LOAD_CORE })
  const config = labConfig({ versions: { v1: [origin.url] }, stable: 'v1' })
  const { port, pid } = await startVertex(config, { core: PROXY_CORE })
  const other = await startHttpProxy({ originPort: origin.port, core: PROXY_CORE })
  return [{ name: 'vertex', port, pid }, other]
}

export async function measureGuarded(
  [own, other]: readonly [Rival, Rival],
  plan: GuardPlan,
): Promise<GuardFigure> {
  const { load, rounds, warmUpSeconds } = plan
  for (const rival of [own, other]) await round(rival, { seconds: warmUpSeconds, load })
  const ownUs: number[] = []
  const otherUs: number[] = []
  const busy: number[] = []
  for (let n = 1; n <= rounds; n++) {
    // Who comes first changes, so that neither always follows the other.
    for (const rival of n % 2 === 0 ? [own, other] : [other, own]) {
      const one = await round(rival, { seconds: 1, load })
      if (rival === own) busy.push(one.busy)
      ;(rival === own ? ownUs : otherUs).push(one.us)
    }
    const [a, b] = [ownUs.at(-1) ?? Number.NaN, otherUs.at(-1) ?? Number.NaN]
    progress(`round ${n}: ${a.toFixed(1)} and ${b.toFixed(1)} µs, ${(a / b).toFixed(3)}`)
  }
  return {
    ratio: spread(paired(ownUs, otherUs)),
    vertexUs: spread(ownUs),
    httpProxyUs: spread(otherUs),
    busy: spread(busy),
  }
}

function readStored(): StoredFile {
  if (!existsSync(FILE)) return {}
  return (JSON.parse(readFileSync(FILE, 'utf8')) as { figures: StoredFile }).figures
}

/** The figure that a new one is held against, or null when there is none of this load. */
export function storedFigure(by: Closed['by']): Stored | null {
  return readStored()[by] ?? null
}

/** From now on figures are held against this one. */
export function storeFigure(figure: GuardFigure, by: Closed['by']): void {
  const mine: Stored = { ...figure, at: new Date().toISOString(), machine: machine() }
  const figures: StoredFile = { ...readStored(), [by]: mine }
  save(
    'guard',
    { name: 'guard', command: 'npm run bench:guard -- --store', figures },
    { digits: 4 },
  )
}
