// What does a client cost that has nothing to say? 5,000 keep-alive connections are opened, each
// asks one small GET and then waits; then 5,000 more. The resident memory of the whole process (all
// threads) is read before and after each 5,000, and the difference divided by 5,000. The second
// reading is there since a process at work has free memory that the first 5,000 may use up unseen.
// Kernel buffers are in neither.
//
// Before the first reading as many requests have gone over a few connections, so that code, pools
// and the collector's young space have the size that requests give them; a little ordinary traffic
// goes on all the time, as in a proxy at work, so that the collector runs and what is only garbage
// is no cost of an idle connection. A reading is the median of some seconds. Each run has a fresh
// process.

import { sleep } from './lab/clock.ts'
import { startCrowd } from './lab/idle.ts'
import { startLoad } from './lab/load.ts'
import { startOrigin } from './lab/origin.ts'
import { memoryBytes } from './lab/proc.ts'
import { bench, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'
import { labConfig, startVertex } from './lab/vertex.ts'

const KIB = 1024
const CONNECTIONS = 5000
const EACH_MAX_KIB = 6
const THREADS = 2
const WARM_UP = { connections: 100, requestsEach: 200 }
/** Ordinary traffic beside the idle connections, in requests a second. */
const RATE = 200
const SETTLE_MS = 6000
const READING_MS = 4000
const SAMPLE_MS = 50

/** The resident memory after it has settled, in bytes: the median of some seconds. */
async function settledRss(pid: number): Promise<number> {
  await sleep(SETTLE_MS)
  const seen: number[] = []
  for (let ms = 0; ms < READING_MS; ms += SAMPLE_MS) {
    seen.push(memoryBytes(pid).rss)
    await sleep(SAMPLE_MS)
  }
  return spread(seen).median
}

interface Run {
  readonly beforeBytes: number
  /** With the first 5,000 connections, then with 5,000 more. */
  readonly onceBytes: number
  readonly twiceBytes: number
  readonly dispersedBytes: number
  /** Idle connections that were still open at the last reading. */
  readonly open: number
}

async function measureOnce(): Promise<Run> {
  const origin = await startOrigin({ version: 'v1', record: false })
  const config = labConfig({ versions: { v1: [origin.url] }, stable: 'v1', threads: THREADS })
  const vertex = await startVertex(config)
  const { pid, port } = vertex
  const crowd = startCrowd()
  await crowd.gather({ port, ...WARM_UP })
  await crowd.disperse()
  const load = await startLoad({ port, rate: RATE, connections: 8 })
  const beforeBytes = await settledRss(pid)
  await crowd.gather({ port, connections: CONNECTIONS, requestsEach: 1 })
  const onceBytes = await settledRss(pid)
  await crowd.gather({ port, connections: CONNECTIONS, requestsEach: 1 })
  const twiceBytes = await settledRss(pid)
  const open = await crowd.count()
  await crowd.disperse()
  const dispersedBytes = await settledRss(pid)
  await load.stop()
  await Promise.all([vertex.end(), crowd.end(), origin.end()])
  return { beforeBytes, onceBytes, twiceBytes, dispersedBytes, open }
}

await bench(
  'idle',
  {
    title: `${CONNECTIONS} idle keep-alive connections, ${THREADS} threads, fresh processes`,
    runs: 5,
    limitMs: 600_000,
  },
  async (runs) => {
    const series: Record<string, number[]> = {}
    const first: number[] = []
    const second: number[] = []
    let fewest = Number.POSITIVE_INFINITY
    for (let run = 1; run <= runs; run++) {
      const { beforeBytes, onceBytes, twiceBytes, dispersedBytes, open } = await measureOnce()
      first.push((onceBytes - beforeBytes) / CONNECTIONS / KIB)
      second.push((twiceBytes - onceBytes) / CONNECTIONS / KIB)
      fewest = Math.min(fewest, open)
      add(series, 'before, MiB', beforeBytes / KIB / KIB)
      add(series, `with ${CONNECTIONS} idle connections, MiB`, onceBytes / KIB / KIB)
      add(series, `with ${2 * CONNECTIONS}, MiB`, twiceBytes / KIB / KIB)
      add(series, 'after they have closed, MiB', dispersedBytes / KIB / KIB)
      const each = [first, second].map((values) => values.at(-1)?.toFixed(2)).join(' and ')
      progress(`run ${run} of ${runs}: ${each} KiB each, ${open} open`)
    }
    const medians = [spread(first).median, spread(second).median]
    return {
      series: { ...series, 'each of the first, KiB': first, 'each of the second, KiB': second },
      checks: [
        {
          what: `an idle connection costs at most ${EACH_MAX_KIB} KiB of resident memory (medians)`,
          value: `${medians.map((kib) => kib.toFixed(2)).join(' and ')} KiB`,
          pass: Math.max(...medians) <= EACH_MAX_KIB,
        },
        {
          what: 'all connections were open at the last reading',
          value: `${fewest} of ${2 * CONNECTIONS}`,
          pass: fewest === 2 * CONNECTIONS,
        },
      ],
    }
  },
)
