// The usual cast of a measurement: two origins, Vertex in front of them, and a receiver of pages.
// Origins stand for versions: as a version may be deployed only once after a rollback, each run
// gives its candidate a new name with the same origin behind it.

import type { ServiceView } from '../../src/core/command.ts'
import type { JournalEntry } from '../../src/core/journal.ts'
import type { Pin } from './children.ts'
import { sleep, until } from './clock.ts'
import { type Behaviour, type Origin, startOrigin } from './origin.ts'
import { type LabConfig, labConfig, startVertex, type Vertex } from './vertex.ts'
import { startWebhook, type Webhook } from './webhook.ts'

export interface Pair {
  readonly stable: Origin
  readonly candidate: Origin
  readonly vertex: Vertex
  readonly webhook: Webhook
  end(): Promise<void>
}

export async function startPair(
  options: Omit<LabConfig, 'versions' | 'stable' | 'page' | 'candidate'> & {
    behaviour?: Behaviour
    /** Puts the candidate in the file's routing, at this weight in percent. */
    weight?: number
    /** Keep no record of each request. */
    record?: boolean
    core?: Pin['core']
  } = {},
): Promise<Pair> {
  const { behaviour = {}, weight, record = true, core, ...lab } = options
  const [stable, candidate, webhook] = await Promise.all([
    startOrigin({ version: 'v1', behaviour, record }),
    startOrigin({ version: 'v2', behaviour, record }),
    startWebhook(),
  ])
  const config = labConfig({
    ...lab,
    versions: { v1: [stable.url], v2: [candidate.url] },
    stable: 'v1',
    ...(weight === undefined ? {} : { candidate: { version: 'v2', weight } }),
    page: webhook.url,
  })
  const vertex = await startVertex(config, { core })
  const end = async (): Promise<void> => {
    await Promise.all([vertex.end(), stable.end(), candidate.end(), webhook.end()])
  }
  return { stable, candidate, vertex, webhook, end }
}

/** Deploys a version onto the candidate's origin and waits until it has this weight (percent). */
export async function deployAt(pair: Pair, version: string, weight: number): Promise<ServiceView> {
  await pair.vertex.deploy(version, [pair.candidate.url])
  return until(
    async () => {
      const view = await pair.vertex.service()
      return view.candidate?.version === version && view.candidate.weight === weight ? view : null
    },
    { what: `${version} gets ${weight} %`, withinMs: 20_000 },
  )
}

/** What happened in one run with a candidate that turned bad. */
export interface BadRun {
  /** When the candidate turned bad, on the monotonic clock. */
  readonly turnedMs: number
  readonly view: ServiceView
  /** The journal's entry of the rollback. */
  readonly entry: JournalEntry
}

/** Deploys, waits for healthy traffic, lets the candidate turn bad and waits for the rollback. */
export async function turnBad(
  pair: Pair,
  version: string,
  options: { weight: number; healthyMs: number; behaviour: Behaviour; withinMs: number },
): Promise<BadRun> {
  await deployAt(pair, version, options.weight)
  await sleep(options.healthyMs)
  await pair.candidate.reset()
  const turnedMs = await pair.candidate.behave(options.behaviour)
  const view = await pair.vertex.ended(version, options.withinMs)
  if (view.ended?.ending !== 'rolled-back') {
    throw new Error(`Cannot measure a rollback as ${version} ended ${view.ended?.ending}`)
  }
  // The entry is written after the weight was stored, and after the ledger.
  const mine = (line: JournalEntry): boolean =>
    line.kind === 'rolled-back' && line.text.startsWith(`${version} `)
  const entry = await until(() => pair.vertex.journal().findLast(mine) ?? null, {
    what: `the journal tells of the rollback of ${version}`,
    withinMs: 5000,
  })
  return { turnedMs, view, entry }
}
