// What the guard against regressions compares: the CPU of a small GET through Vertex as a share of
// that through http-proxy. Both run on the same Node and the same core in slices that take turns, so
// a slower machine, another clock rate or a busy neighbour is in both figures; the median over the
// rounds throws out the slices that were hit alone.

import { existsSync, readFileSync } from 'node:fs'
import { LOAD_CORE, PROXY_CORE, round, usualLoad } from './cpu-round.ts'
import { startOrigin } from './origin.ts'
import { type Machine, machine, progress, save } from './report.ts'
import { type Rival, startHttpProxy } from './rivals.ts'
import { type Spread, spread } from './statistics.ts'
import { labConfig, startVertex } from './vertex.ts'

const FILE = new URL('../results/guard.json', import.meta.url)

export interface GuardPlan {
  readonly rounds: number
  readonly warmUpSeconds: number
}

export interface GuardFigure {
  /** Of CPU a request, Vertex to http-proxy. */
  readonly ratio: Spread
  readonly vertexUs: Spread
  readonly httpProxyUs: Spread
}

interface Stored extends GuardFigure {
  readonly at: string
  readonly machine: Machine
}

/** By what made the load, as a slower generator leaves a proxy idle in between, which costs. */
type StoredFile = Partial<Record<'wrk' | 'autocannon', Stored>>

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
  for (const rival of [own, other]) await round(rival, { seconds: plan.warmUpSeconds })
  const ownUs: number[] = []
  const otherUs: number[] = []
  for (let n = 1; n <= plan.rounds; n++) {
    // Who comes first changes, so that neither always follows the other.
    const order = n % 2 === 0 ? [own, other] : [other, own]
    for (const rival of order) {
      const { us } = await round(rival, { seconds: 1 })
      if (rival === own) ownUs.push(us)
      else otherUs.push(us)
    }
    const [a, b] = [ownUs.at(-1) ?? Number.NaN, otherUs.at(-1) ?? Number.NaN]
    progress(`round ${n}: ${a.toFixed(1)} and ${b.toFixed(1)} µs, ${(a / b).toFixed(3)}`)
  }
  const ratios = ownUs.map((us, at) => us / (otherUs[at] ?? Number.NaN))
  return { ratio: spread(ratios), vertexUs: spread(ownUs), httpProxyUs: spread(otherUs) }
}

function readStored(): StoredFile {
  if (!existsSync(FILE)) return {}
  return (JSON.parse(readFileSync(FILE, 'utf8')) as { figures: StoredFile }).figures
}

/** The figure that a new one is held against, or null when there is none of this load. */
export function storedFigure(): GuardFigure | null {
  return readStored()[usualLoad().by] ?? null
}

/** From now on figures are held against this one. */
export function storeFigure(figure: GuardFigure): void {
  const mine: Stored = { ...figure, at: new Date().toISOString(), machine: machine() }
  const figures: StoredFile = { ...readStored(), [usualLoad().by]: mine }
  save(
    'guard',
    { name: 'guard', command: 'npm run bench:guard -- --store', figures },
    { digits: 4 },
  )
}
