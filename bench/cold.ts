// Does a cold arm lose requests? 200 services get one POST every few seconds each, and their
// targets close idle connections after 2 s (as gunicorn) or 5 s (as uvicorn) without a word, or
// after 2 or 5 s with a hint. A POST that is sent on a connection which the target is closing is
// lost, as nobody may repeat it. Most POSTs here aim at that very moment; some follow sooner, so
// that connections are reused at all. nginx and HAProxy (where installed) serve the same arms at
// the same times from the same seed, each in front of an origin process of its own.

import {
  type Arm,
  type ColdOrigin,
  type ColdResult,
  type OriginCounts,
  startColdLoad,
  startColdOrigin,
} from './lab/cold.ts'
import { startColdHaproxy, startColdNginx } from './lab/cold-rivals.ts'
import { bench, progress } from './lab/report.ts'
import { isInstalled } from './lab/rivals.ts'
import { add } from './lab/statistics.ts'
import { startVertex } from './lab/vertex.ts'

/** An app that computes so long for each answer sees neither timers nor sockets meanwhile. */
const COMPUTE_MS = 3
const SEED = 20_261_123
/** Together 200 arms and 2,000 POSTs, which take about 45 s. */
const KINDS = [
  { kind: 'silent-2s', arms: 90, posts: 12, closesAfterMs: 2000, hints: false },
  { kind: 'silent-5s', arms: 80, posts: 8, closesAfterMs: 5000, hints: false },
  { kind: 'hint-2s', arms: 10, posts: 12, closesAfterMs: 2000, hints: true },
  { kind: 'hint-5s', arms: 20, posts: 8, closesAfterMs: 5000, hints: true },
] as const
const ARMS: readonly Arm[] = KINDS.flatMap(({ kind, arms, ...rest }) =>
  Array.from({ length: arms }, (_, i) => ({ name: `${kind}-${i}`, ...rest })),
)

interface Contestant {
  readonly name: string
  readonly port: number
  readonly origin: ColdOrigin
}

function vertexConfig(ports: readonly number[]): unknown {
  const service = (port: number | undefined, host: string): unknown => ({
    match: { host },
    versions: { v1: { targets: [`http://127.0.0.1:${port}`] } },
    routing: { stable: 'v1 @ 100%' },
  })
  return {
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    threads: 1, // the connections of a thread are its own: with one, all POSTs could share them
    services: Object.fromEntries(ARMS.map(({ name }, i) => [name, service(ports[i], name)])),
    timeouts: { drain_delay: '0', drain: '1s' },
  }
}

async function contestants(): Promise<Contestant[]> {
  const stage = async (): Promise<{ arms: readonly Arm[]; origin: ColdOrigin }> => ({
    arms: ARMS,
    origin: await startColdOrigin(ARMS, { computeMs: COMPUTE_MS }),
  })
  const { origin } = await stage()
  const vertex = await startVertex(vertexConfig(origin.ports))
  const all: Contestant[] = [{ name: 'vertex', port: vertex.port, origin }]
  const join = async (
    name: string,
    start: (on: { arms: readonly Arm[]; ports: readonly number[] }) => Promise<{ port: number }>,
  ): Promise<void> => {
    const { arms, origin } = await stage()
    const { port } = await start({ arms, ports: origin.ports })
    all.push({ name, port, origin })
  }
  if (isInstalled('nginx')) await join('nginx', startColdNginx)
  if (isInstalled('haproxy')) {
    await join('haproxy, http-reuse safe', (on) => startColdHaproxy(on, 'safe'))
    await join('haproxy, http-reuse always', (on) => startColdHaproxy(on, 'always'))
  }
  return all
}

interface Outcome {
  readonly name: string
  readonly result: ColdResult
  readonly seen: OriginCounts
}

function causesOf({ failures }: ColdResult): Record<string, number> {
  const causes: Record<string, number> = {}
  for (const { cause } of failures) causes[cause] = (causes[cause] ?? 0) + 1
  return causes
}

async function runOnce(all: readonly Contestant[], seed: number): Promise<Outcome[]> {
  const load = startColdLoad()
  const before = await Promise.all(all.map(({ origin }) => origin.counts()))
  const results = await Promise.all(all.map(({ port }) => load.run({ port, arms: ARMS, seed })))
  const after = await Promise.all(all.map(({ origin }) => origin.counts()))
  await load.end()
  return all.map(({ name }, i) => {
    const [from, to, result] = [before[i], after[i], results[i]]
    if (!from || !to || !result) throw new Error('Cannot count as a contestant is missing')
    const seen = {
      posts: to.posts - from.posts,
      repeated: to.repeated - from.repeated,
      connections: to.connections - from.connections,
      closedIdle: to.closedIdle - from.closedIdle,
    }
    return { name, result, seen }
  })
}

await bench(
  'cold',
  { title: '200 cold arms, POSTs at the moment their targets close', runs: 1, limitMs: 150_000 },
  async (runs) => {
    const all = await contestants()
    const series: Record<string, number[]> = {}
    const outcomes: Outcome[] = []
    for (let run = 1; run <= runs; run++) {
      for (const outcome of await runOnce(all, SEED + run * 1000)) {
        const { name, result, seen } = outcome
        outcomes.push(outcome)
        add(series, `${name}: failed POSTs of ${result.posts}`, result.failures.length)
        add(series, `${name}: on a reused connection`, seen.posts - seen.connections)
        progress(
          `run ${run}, ${name}: ${result.failures.length} failed of ${result.posts} in ` +
            `${result.seconds.toFixed(0)} s ${JSON.stringify(causesOf(result))}`,
        )
      }
    }
    const own = outcomes.filter(({ name }) => name === 'vertex')
    const failed = own.flatMap(({ result }) => result.failures)
    const posts = own.reduce((sum, { result }) => sum + result.posts, 0)
    const reused = own.reduce((sum, { seen }) => sum + seen.posts - seen.connections, 0)
    const repeated = own.reduce((sum, { seen }) => sum + seen.repeated, 0)
    return {
      series,
      data: { failures: failed, seen: outcomes.map(({ name, seen }) => ({ name, ...seen })) },
      checks: [
        {
          what: '0 failed POSTs in 2,000',
          value: `${failed.length} of ${posts}`,
          pass: failed.length === 0 && posts >= 2000,
        },
        {
          what: 'connections were reused, so that there was something to lose',
          value: `${reused} POSTs came on a connection that had carried one before`,
          pass: reused > 0,
        },
        { what: 'no POST came twice', value: `${repeated} did`, pass: repeated === 0 },
      ],
    }
  },
)
