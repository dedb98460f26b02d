// Does a drain lose requests? A client sends 2,000 req/s over kept connections, closes one when it
// is told `Connection: close`, and opens another. SIGTERM goes to a Vertex that shares its port
// with a second one (a handover), or that is alone. With a second one nothing may fail; alone,
// nothing that was sent before `drain_delay` was over; and the process is gone within the drain
// time.
//
// The kernel resets connections that wait in the queue of a listener at the moment it closes,
// unless net.ipv4.tcp_migrate_req is 1 and another listener shares the port. The client "kept" has
// few new connections at that moment, "4 each" closes each connection after 4 requests (500 new
// ones a second), "1 each" opens one for each request. `--migrate` sets the sysctl to 1 for the
// time of the measurement (as root); without it the present value is measured and stands in the
// result.

import { readFileSync, writeFileSync } from 'node:fs'
import { onExit } from './lab/children.ts'
import { monotonicMs, sleep } from './lab/clock.ts'
import { type DrainResult, type DrainSpec, startDrainClient } from './lab/drain.ts'
import { type Origin, startOrigin } from './lab/origin.ts'
import { bench, type Check, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'
import { labConfig, startVertex, type Vertex } from './lab/vertex.ts'

const SYSCTL = '/proc/sys/net/ipv4/tcp_migrate_req'
const RATE = 2000
const BEFORE_MS = 2000
const DELAY_MS = 1000
const DRAIN_MS = 3000
const AFTER_MS = 400
/** For what a process does besides draining: journal, admin API, its own end. */
const EXIT_SLACK_MS = 1000

const CLIENTS = [
  { client: 'kept', connections: 100, perConnection: Number.POSITIVE_INFINITY },
  { client: '4 each', connections: 100, perConnection: 4 },
  { client: '1 each', connections: 100, perConnection: 1 },
] as const

type Client = (typeof CLIENTS)[number]

interface Drain {
  readonly client: string
  readonly alone: boolean
  readonly threads: number
  readonly requests: number
  /** Requests a second, in the second before the signal. */
  readonly perSecond: number
  readonly toldToClose: number
  /** Requests that must not have failed, and did. */
  readonly lost: number
  readonly causes: Readonly<Record<string, number>>
  /** Requests that were refused after the delay, as they should be when the node is alone. */
  readonly refusedLater: number
  readonly exitCode: number | null
  readonly exitMs: number
}

function config(origin: Origin, at: { threads: number; port: number }): unknown {
  return labConfig({
    versions: { v1: [origin.url] },
    stable: 'v1',
    threads: at.threads,
    more: {
      listen: `127.0.0.1:${at.port}`,
      timeouts: { drain_delay: `${DELAY_MS}ms`, drain: `${DRAIN_MS}ms` },
    },
  })
}

function judge(
  result: DrainResult,
  at: { signalMs: number; alone: boolean },
): {
  lost: number
  causes: Record<string, number>
  refusedLater: number
} {
  const causes: Record<string, number> = {}
  let lost = 0
  let refusedLater = 0
  for (const { sentMs, cause } of result.failed) {
    if (at.alone && sentMs >= at.signalMs + DELAY_MS) {
      if (cause.startsWith('ECONNREFUSED')) refusedLater++
      continue
    }
    lost++
    causes[cause] = (causes[cause] ?? 0) + 1
  }
  return { lost, causes, refusedLater }
}

async function drainOnce(
  origin: Origin,
  given: { client: Client; alone: boolean; threads: number },
): Promise<Drain> {
  const { alone, threads } = given
  const { client, connections, perConnection } = given.client
  const first = await startVertex(config(origin, { threads, port: 0 }))
  const { port } = first
  const second: Vertex | null = alone ? null : await startVertex(config(origin, { threads, port }))
  const spec: DrainSpec = { port, rate: RATE, connections, perConnection }
  const load = await startDrainClient(spec)
  await sleep(BEFORE_MS)
  const signalMs = monotonicMs()
  const exitCode = await first.end('SIGTERM')
  const exitMs = monotonicMs() - signalMs
  await sleep(AFTER_MS)
  const result = await load.stop()
  await second?.end('SIGKILL')
  const { requests, sentMs, toldToClose } = result
  const perSecond = sentMs.filter((ms) => ms > signalMs - 1000 && ms <= signalMs).length
  const judged = judge(result, { signalMs, alone })
  return { client, alone, threads, requests, perSecond, toldToClose, exitCode, exitMs, ...judged }
}

/** Sets the sysctl for the time of this process. Returns the value in force. */
function migrate(wanted: boolean): string {
  const before = readFileSync(SYSCTL, 'utf8').trim()
  if (!wanted || before === '1') return before
  writeFileSync(SYSCTL, '1')
  onExit(() => writeFileSync(SYSCTL, before))
  return readFileSync(SYSCTL, 'utf8').trim()
}

/** Whether `--migrate` was given; it is taken out, as the frame of a bench knows only `--runs`. */
function takeFlag(): boolean {
  const at = process.argv.indexOf('--migrate')
  if (at >= 0) process.argv.splice(at, 1)
  return at >= 0
}

function sum(drains: readonly Drain[], of: (drain: Drain) => number): number {
  return drains.reduce((all, drain) => all + of(drain), 0)
}

function checksOf(drains: readonly Drain[], migrates: boolean): Check[] {
  const shared = drains.filter(({ alone }) => !alone)
  // Without migration the kernel resets what waits. Vertex closes when nobody does, but between its
  // look and the closing somebody may come: rarely, and only from a client with many new
  // connections. That figure is shown, and no bar is held against the kernel's rule.
  const judged = shared.filter(({ client }) => migrates || client === 'kept')
  const alone = drains.filter((drain) => drain.alone)
  const lostOf = (some: readonly Drain[]): string =>
    `${sum(some, ({ lost }) => lost)} of ${sum(some, ({ requests }) => requests)}`
  const perSecond = spread(drains.map((drain) => drain.perSecond)).median
  const latest = Math.max(...drains.map(({ exitMs }) => exitMs))
  const aloneJudged = alone.filter(({ client }) => client === 'kept')
  return [
    {
      what: `0 failed requests beside a second process (${migrates ? 'all clients' : 'kept'})`,
      value: lostOf(judged),
      pass: judged.length > 0 && sum(judged, ({ lost }) => lost) === 0,
    },
    {
      what: 'alone, 0 failed of those that were sent within the delay (kept)',
      value: lostOf(aloneJudged),
      pass: aloneJudged.length > 0 && sum(aloneJudged, ({ lost }) => lost) === 0,
    },
    {
      what: 'alone, new connections are refused after the delay',
      value: `${sum(alone, ({ refusedLater }) => refusedLater)} were`,
      pass: alone.every(({ refusedLater }) => refusedLater > 0),
    },
    {
      what: 'exit code 0 within the drain time',
      value: `${(latest / 1000).toFixed(2)} s at the latest`,
      pass:
        latest < DELAY_MS + DRAIN_MS + EXIT_SLACK_MS &&
        drains.every(({ exitCode }) => exitCode === 0),
    },
    {
      what: `the client sent ${RATE} req/s before the signal (median, at least 90 % of it)`,
      value: `${perSecond.toFixed(0)} req/s`,
      pass: perSecond >= RATE * 0.9,
    },
    {
      what: 'the client was told to close connections',
      value: `${sum(drains, ({ toldToClose }) => toldToClose)} times`,
      pass: drains.every(({ toldToClose }) => toldToClose > 0),
    },
  ]
}

const wanted = takeFlag()
await bench(
  'drain',
  {
    title: `SIGTERM under ${RATE} req/s, with a second process on the port and alone`,
    runs: 5,
    limitMs: 900_000,
  },
  async (runs) => {
    const value = migrate(wanted)
    const latency = { kind: 'exponential', floorMs: 1, meanMs: 4 } as const
    const origin = await startOrigin({ version: 'v1', record: false, behaviour: { latency } })
    const drains: Drain[] = []
    const series: Record<string, number[]> = {}
    for (let run = 1; run <= runs; run++) {
      for (const alone of [false, true]) {
        for (const client of CLIENTS) {
          const threads = run % 2 === 0 ? 2 : 1
          const drain = await drainOnce(origin, { client, alone, threads })
          drains.push(drain)
          const name = `${alone ? 'alone' : 'beside a second'}, ${client.client}`
          add(series, `${name}: lost`, drain.lost)
          add(series, `${name}: req/s before the signal`, drain.perSecond)
          add(series, `${name}: exit after, ms`, drain.exitMs)
          progress(
            `run ${run}, ${threads} threads, ${name}: ${drain.lost} of ${drain.requests} lost ` +
              `${JSON.stringify(drain.causes)}, exit ${drain.exitCode} after ` +
              `${drain.exitMs.toFixed(0)} ms`,
          )
        }
      }
    }
    return {
      series,
      notes: [`net.ipv4.tcp_migrate_req was ${value}`],
      data: { tcpMigrateReq: value, drains },
      checks: checksOf(drains, value === '1'),
    }
  },
)
