// The second half of the soak: edge threads are killed under load, and nobody else misbehaves. Each
// thread gives its requests ids of its own, and the targets echo them, so the client knows which
// thread serves each of its connections: exactly those of the killed one may be lost.

import { monotonicMs, until } from './clock.ts'
import { type Gauges, gaugesAtRest, nodeOf, type Stage, startStage } from './soak.ts'
import {
  type Census,
  type ClientReport,
  type Failure,
  type SoakClient,
  startSoakClient,
} from './soak-client.ts'
import type { TargetsReport } from './soak-targets.ts'
import type { Vertex } from './vertex.ts'

/** The requests of the two halves have different numbers. */
const FIRST_NUMBER = 1_000_000_000
const REPLACED_MS = 15_000
/** A thread without a fair part of the connections would not be worth killing. */
const FAIR_SHARE = 0.1

/** One kill of a thread, and what the client lost by it. */
export interface Kill {
  /** The prefix of the killed thread's request ids. */
  readonly thread: string
  /** The connections that the killed thread served. */
  readonly owned: number
  /** How many of them were lost. */
  readonly lost: number
  /** Lost connections of the other threads. */
  readonly others: number
  /** Connections that the dying thread had not taken yet: they had no answer before. */
  readonly unknown: number
  /** From the kill until all connections were served again. */
  readonly recoveredMs: number
}

export interface KillsRun {
  readonly kills: readonly Kill[]
  readonly client: ClientReport
  /** Failures on connections of threads that were not killed. */
  readonly astray: readonly Failure[]
  /** Failures on connections of killed threads. */
  readonly taken: number
  readonly gauges: Gauges
  /** Threads that the node has replaced. */
  readonly restarts: number
}

export interface KillsReport extends KillsRun {
  readonly targets: TargetsReport
}

async function restartsOf(vertex: Vertex): Promise<number> {
  const { threads } = await nodeOf(vertex)
  return threads.reduce((sum, { restarts }) => sum + restarts, 0)
}

/** Waits until every connection is served and two threads share them; then says how. */
async function shared(client: SoakClient, connections: number): Promise<Census> {
  const least = connections * FAIR_SHARE
  let shuffledMs = monotonicMs()
  return until(
    async () => {
      const census = await client.census()
      if (census.unknown > 0) return null
      const counts = Object.values(census.byThread)
      if (counts.length === 2 && Math.min(...counts) >= least) return census
      if (monotonicMs() - shuffledMs > 500) {
        shuffledMs = monotonicMs()
        await client.reshuffle()
      }
      return null
    },
    { what: 'two threads share the connections', withinMs: REPLACED_MS, everyMs: 50 },
  )
}

/**
 * Waits until the client knows of one thread's end and every connection has had an answer, and says
 * what it sees when that takes too long.
 */
async function servedAgain(
  { client, vertex }: { client: SoakClient; vertex: Vertex },
  before: Census,
): Promise<void> {
  const threads = Object.keys(before.byThread)
  let census: Census | null = null
  const look = async (): Promise<true | null> => {
    census = await client.census()
    const { byThread, unknown } = census
    return unknown === 0 && threads.some((thread) => !(thread in byThread)) ? true : null
  }
  try {
    await until(look, { what: 'all connections are served again', withinMs: REPLACED_MS })
  } catch (error) {
    const { threads } = await nodeOf(vertex)
    const seen = JSON.stringify({ census, threads, progress: await client.progress() })
    throw new Error(`${String(error)}; seen at last: ${seen}`, { cause: error })
  }
}

/** Kills the oldest thread and waits until all connections are served again. */
async function killOne(vertex: Vertex, client: SoakClient, connections: number): Promise<Kill> {
  const census = await shared(client, connections)
  const before = (await client.losses()).length
  const restarts = await restartsOf(vertex)
  const killedMs = monotonicMs()
  process.kill(vertex.pid, 'SIGUSR2')
  await until(async () => ((await restartsOf(vertex)) > restarts ? true : null), {
    what: 'the thread is replaced',
    withinMs: REPLACED_MS,
  })
  await servedAgain({ client, vertex }, census)
  const recoveredMs = monotonicMs() - killedMs
  const losses = (await client.losses()).slice(before)
  const byLoss = new Map<string, number>()
  for (const { thread } of losses) byLoss.set(thread, (byLoss.get(thread) ?? 0) + 1)
  const unknown = byLoss.get('') ?? 0
  byLoss.delete('')
  const [killed = '', lost = 0] = [...byLoss].toSorted(([, a], [, b]) => b - a)[0] ?? []
  const others = [...byLoss.values()].reduce((sum, count) => sum + count, 0) - lost
  return { thread: killed, owned: census.byThread[killed] ?? 0, lost, others, unknown, recoveredMs }
}

export interface KillsSpec {
  readonly kills: number
  readonly connections: number
  readonly seed: number
  readonly onProgress?: (text: string) => void
}

/** Kills so many edge threads of a killable stage under load. */
export async function killThreadsOn(stage: Stage, spec: KillsSpec): Promise<KillsRun> {
  const { vertex } = stage
  const { connections, seed } = spec
  const client = await startSoakClient({
    port: vertex.port,
    connections,
    requests: Number.MAX_SAFE_INTEGER,
    seed,
    profile: 'calm',
    firstNumber: FIRST_NUMBER,
  })
  const kills: Kill[] = []
  for (let i = 1; i <= spec.kills; i++) {
    const kill = await killOne(vertex, client, connections)
    kills.push(kill)
    spec.onProgress?.(
      `thread ${i} killed: ${kill.lost} of its ${kill.owned} connections lost, ` +
        `${kill.others} of others; all served again after ${kill.recoveredMs.toFixed(0)} ms`,
    )
  }
  const restarts = await restartsOf(vertex)
  const report = await client.finish()
  const { gauges } = await gaugesAtRest(vertex)
  const killed = new Set(['', ...kills.map(({ thread }) => thread)])
  const astray = report.failures.filter((failure) => !isTaken(failure, killed))
  const taken = report.failures.length - astray.length
  return { kills, client: report, astray, taken, gauges, restarts }
}

/** Kills edge threads on a stage of its own. */
export async function runThreadKills(spec: KillsSpec): Promise<KillsReport> {
  const stage = await startStage({ killable: true })
  const run = await killThreadsOn(stage, spec)
  return { ...run, targets: await stage.end() }
}

/**
 * Whether a request was lost with its connection, on a thread that was killed or that had not yet
 * taken the connection from its queue.
 */
function isTaken({ error, thread }: Failure, killed: ReadonlySet<string>): boolean {
  return error.startsWith('cut') && killed.has(thread)
}
