// Slow attacks: a thousand connections that keep a server busy with as little as they can. Heads,
// bodies and reading that crawl (Debian's slowhttptest), and what that program lacks: long heads
// that grow byte by byte, one-byte chunks, requests sent ahead whose answers nobody reads, answers
// read one byte a second, and connections that stop in the middle (lab/slow-attacks.ts).
//
// Vertex runs with two threads and its default limits and times. Meanwhile ordinary requests come,
// 200 a second on kept connections and 50 a second on a new one each, and must all succeed, soon;
// their time runs from the moment when they were due. Resident memory may grow by what Vertex keeps
// of a connection at most: 64 KiB each way, and on both sides one read of 64 KiB that goes beyond.
// What an attack has taken is not given back to the system (the allocator keeps it), so the worst
// attack comes three times: it must not take more the third time. Descriptors must be back each
// time.

import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { sleep, until } from './lab/clock.ts'
import { startLoad, summarise } from './lab/load.ts'
import { cpuSeconds, memoryBytes } from './lab/proc.ts'
import { bench, type Check, type Findings, progress } from './lab/report.ts'
import { isInstalled } from './lab/rivals.ts'
import { startNewcomers, startSlowOrigin } from './lab/slow.ts'
import { type Attack, CONNECTIONS, ownAttacks, TOOL_ATTACKS } from './lab/slow-attacks.ts'
import { enterOwnNetwork } from './lab/slow-network.ts'
import { add } from './lab/statistics.ts'
import { labConfig, startVertex } from './lab/vertex.ts'

const MIB = 1024 * 1024
const RATE = 200
const KEPT_CONNECTIONS = 16
const NEWCOMERS = 50
const P99_MAX_MS = 100
const EACH_MAX_KIB = 256
const GROWTH_MAX_MIB = (CONNECTIONS * EACH_MAX_KIB) / 1024
/** How much more the same attack may take when it comes again. */
const AGAIN_MAX_MIB = 32
const BACK_MS = 20_000
/** Longer than connections to the origin stay in the pool. */
const POOL_MS = 5000
/** A pool may have grown by a few connections: ordinary requests need more when they are slowed. */
const SPARE_DESCRIPTORS = 64

interface Place {
  readonly pid: number
  readonly url: URL
}

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

/** Watches a process for as long as something goes on. */
function watch(pid: number): () => { peakBytes: number; peakDescriptors: number; cores: number } {
  const cpuBefore = cpuSeconds(pid)
  const began = performance.now()
  let peakBytes = 0
  let peakDescriptors = 0
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, memoryBytes(pid).rss)
    peakDescriptors = Math.max(peakDescriptors, descriptors(pid))
  }, 100)
  return () => {
    clearInterval(timer)
    const seconds = (performance.now() - began) / 1000
    return { peakBytes, peakDescriptors, cores: (cpuSeconds(pid) - cpuBefore) / seconds }
  }
}

interface Seen {
  readonly requests: number
  readonly failed: number
  readonly p99Ms: number
  readonly newcomersP99Ms: number
  readonly peakBytes: number
  readonly peakDescriptors: number
  /** CPU seconds of Vertex a second. */
  readonly cores: number
  /** Descriptors when the attack was about to end, beyond those without it. */
  readonly held: number
  readonly backSeconds: number
  readonly said: string
  readonly messages: readonly string[]
}

function p99(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.NaN
}

/** Ordinary requests for some seconds, with an attack meanwhile or none. */
async function under(attack: Attack | null, at: Place & { seconds: number }): Promise<Seen> {
  const { pid, url } = at
  const port = Number(url.port)
  const before = descriptors(pid)
  const unwatch = watch(pid)
  const load = await startLoad({ port, rate: RATE, connections: KEPT_CONNECTIONS })
  const newcomers = startNewcomers(port, NEWCOMERS)
  const end = await attack?.begin(url)
  await sleep(at.seconds * 1000)
  const held = descriptors(pid) - before - KEPT_CONNECTIONS
  const watched = unwatch()
  const result = await load.stop()
  const came = await newcomers()
  const said = (await end?.()) ?? ''
  const backSeconds = await secondsUntilBack(pid, before)
  const { requests, failed, p99Ms } = summarise(result)
  return {
    ...watched,
    requests: requests + came.latencyMs.length + came.failed,
    failed: failed + came.failed,
    p99Ms,
    newcomersP99Ms: p99(came.latencyMs),
    held,
    backSeconds,
    said,
    messages: result.messages,
  }
}

/** How long it takes until as few descriptors are open as before, in seconds; NaN if never. */
function secondsUntilBack(pid: number, before: number): Promise<number> {
  const began = performance.now()
  const back = (): true | null => (descriptors(pid) <= before ? true : null)
  return until(back, { what: 'descriptors are back', withinMs: BACK_MS, everyMs: 100 }).then(
    () => (performance.now() - began) / 1000,
    () => Number.NaN,
  )
}

interface Row extends Seen {
  readonly name: string
  readonly seconds: number
  readonly growthMib: number
  readonly mustEnd: boolean
}

function tell(row: Row): void {
  const p99s = `${row.p99Ms.toFixed(1)} and ${row.newcomersP99Ms.toFixed(1)} ms`
  progress(
    `${row.name}, ${row.seconds} s: ${row.failed} of ${row.requests} failed, p99 ${p99s}, ` +
      `${row.growthMib.toFixed(0)} MiB more, ${row.cores.toFixed(2)} cores; descriptors: ` +
      `${row.peakDescriptors} at most, ${row.held} held at its end, back in ` +
      `${row.backSeconds.toFixed(1)} s`,
  )
  if (row.said !== '') progress(`    ${row.said}`)
  for (const message of row.messages.slice(0, 3)) progress(`    ${message.split('\r\n')[0]}`)
}

async function runAll(attacks: readonly (Attack | null)[], quick: boolean): Promise<Row[]> {
  const origin = await startSlowOrigin()
  const vertex = await startVertex(
    labConfig({ versions: { v1: [origin] }, stable: 'v1', threads: 2 }),
  )
  const at = { pid: vertex.pid, url: new URL(vertex.url) }
  // What first requests need is no growth.
  await under(null, { ...at, seconds: quick ? 2 : 5 })
  await sleep(POOL_MS)
  const baseline = memoryBytes(at.pid).rss
  const rows: Row[] = []
  for (const attack of attacks) {
    const name = attack?.name ?? 'no attack'
    const seconds = (quick ? attack?.quickSeconds : attack?.seconds) ?? (quick ? 3 : 10)
    const seen = await under(attack, { ...at, seconds })
    const growthMib = (seen.peakBytes - baseline) / MIB
    const row = { name, seconds, growthMib, mustEnd: attack?.ends ?? false, ...seen }
    tell(row)
    rows.push(row)
  }
  await vertex.end()
  return rows
}

function worst(rows: readonly Row[], value: (row: Row) => number): { row: string; value: number } {
  let found = { row: 'none', value: Number.NEGATIVE_INFINITY }
  for (const row of rows) {
    const one = value(row)
    if (one > found.value || Number.isNaN(one)) found = { row: row.name, value: one }
  }
  return found
}

function checksOf(rows: readonly Row[]): Check[] {
  const requests = rows.reduce((sum, row) => sum + row.requests, 0)
  const failed = rows.reduce((sum, row) => sum + row.failed, 0)
  const slowest = worst(rows, (row) => Math.max(row.p99Ms, row.newcomersP99Ms))
  const largest = worst(rows, (row) => row.growthMib)
  // The last attack is the one that has been there before.
  const before = worst(rows.slice(0, -1), (row) => row.growthMib)
  const rise = (rows.at(-1)?.growthMib ?? Number.NaN) - before.value
  const kept = rows.filter((row) => row.mustEnd && row.held > SPARE_DESCRIPTORS)
  const stayed = rows.filter((row) => Number.isNaN(row.backSeconds))
  const names = (some: readonly Row[]): string => some.map((row) => row.name).join('; ') || 'all'
  return [
    {
      what: 'ordinary requests succeed under every attack',
      value: `${failed} of ${requests} failed`,
      pass: failed === 0,
    },
    {
      what: `their p99 stays below ${P99_MAX_MS} ms, on kept and on new connections`,
      value: `at worst ${slowest.value.toFixed(1)} ms (${slowest.row})`,
      pass: slowest.value < P99_MAX_MS,
    },
    {
      what: `memory grows by at most ${EACH_MAX_KIB} KiB a connection (${GROWTH_MAX_MIB} MiB)`,
      value: `at most ${largest.value.toFixed(0)} MiB (${largest.row})`,
      pass: largest.value <= GROWTH_MAX_MIB,
    },
    {
      what: `the same attack takes at most ${AGAIN_MAX_MIB} MiB more the third time`,
      value: `${rise.toFixed(0)} MiB`,
      pass: rise <= AGAIN_MAX_MIB,
    },
    {
      what: 'where a time limit applies, it ended all of the attackers’ connections',
      value: kept.length === 0 ? 'all' : `not: ${names(kept)}`,
      pass: kept.length === 0,
    },
    {
      what: `descriptors are back within ${BACK_MS / 1000} s of each attack`,
      value: stayed.length === 0 ? 'all' : `not: ${names(stayed)}`,
      pass: stayed.length === 0,
    },
  ]
}

function findings(rows: readonly Row[], notes: readonly string[]): Findings {
  const series: Record<string, number[]> = {}
  for (const row of rows) {
    add(series, 'p99 of an attack, ms', row.p99Ms)
    add(series, 'p99 of newcomers of an attack, ms', row.newcomersP99Ms)
    add(series, 'memory above the start, MiB', row.growthMib)
    add(series, 'CPU of Vertex, cores', row.cores)
  }
  return { series, notes, checks: checksOf(rows), data: { rows } }
}

const { values } = parseArgs({ options: { quick: { type: 'boolean' } }, strict: false })
const quick = values.quick === true
// The frame knows only its own arguments.
process.argv = process.argv.filter((argument) => argument !== '--quick')
const ownNetwork = enterOwnNetwork(quick ? ['--quick'] : [])

await bench(
  'slow',
  {
    title: `slow attacks of ${CONNECTIONS} connections each, ordinary requests meanwhile`,
    runs: 1,
    limitMs: 900_000,
  },
  async () => {
    const notes: string[] = []
    if (!ownNetwork) notes.push('without a network of its own: packets of 64 KiB, as on loopback')
    const hasTool = isInstalled('slowhttptest')
    if (!hasTool) notes.push('slowhttptest is not installed: only our own attacks were run')
    const attacks = [null, ...(hasTool ? TOOL_ATTACKS : []), ...ownAttacks(quick)]
    return findings(await runAll(attacks, quick), notes)
  },
)
