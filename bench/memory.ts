// Does a large body stay out of memory? 1 GiB goes up and 1 GiB comes down, framed by
// Content-Length and chunked, through readers that stop reading from time to time: then the proxy
// must stop the sender instead of collecting. The resident memory of the whole process is sampled
// all the while.

import { type BulkSpec, startBulk } from './lab/bulk.ts'
import { memoryBytes } from './lab/proc.ts'
import { bench, progress } from './lab/report.ts'
import { add } from './lab/statistics.ts'
import { labConfig, startVertex } from './lab/vertex.ts'

const MIB = 1024 * 1024
const BYTES = 1024 * MIB
const GROWTH_MAX_MIB = 64
const SAMPLE_MS = 50

type Kind = Pick<BulkSpec, 'way' | 'chunked'>

const KINDS: readonly Kind[] = [
  { way: 'down', chunked: false },
  { way: 'up', chunked: false },
  { way: 'down', chunked: true },
  { way: 'up', chunked: true },
]

function nameOf({ way, chunked }: Kind): string {
  return `${way}, ${chunked ? 'chunked' : 'Content-Length'}`
}

await bench(
  'memory',
  { title: 'a 1 GiB body each way, readers that pause', runs: 1, limitMs: 400_000 },
  async (runs) => {
    const bulk = await startBulk()
    const vertex = await startVertex(
      labConfig({ versions: { v1: [bulk.originUrl] }, stable: 'v1', threads: 1 }),
    )
    const spec = { port: vertex.port, pauses: 8, pauseMs: 400 }
    // What any first requests need is not growth: code, pools, buffers of the runtime.
    for (const kind of KINDS) await bulk.exchange({ ...spec, ...kind, bytes: MIB })
    const baseline = memoryBytes(vertex.pid).rss
    let highest = baseline
    const timer = setInterval(() => {
      highest = Math.max(highest, memoryBytes(vertex.pid).rss)
    }, SAMPLE_MS)
    const growth: Record<string, number[]> = {}
    const seconds: number[] = []
    let lost = 0
    for (let run = 1; run <= runs; run++) {
      for (const kind of KINDS) {
        highest = memoryBytes(vertex.pid).rss
        const began = performance.now()
        const seen = await bulk.exchange({ ...spec, ...kind, bytes: BYTES })
        lost += Math.abs(BYTES - seen)
        const grew = (highest - baseline) / MIB
        add(growth, `${nameOf(kind)}: growth, MiB`, grew)
        seconds.push((performance.now() - began) / 1000)
        progress(`${nameOf(kind)}: ${grew.toFixed(1)} MiB above, ${seconds.at(-1)?.toFixed(1)} s`)
      }
    }
    clearInterval(timer)
    const { peak } = memoryBytes(vertex.pid)
    await vertex.end()
    const worst = Math.max(...Object.values(growth).flat())
    return {
      series: { ...growth, 'seconds a body': seconds },
      notes: [
        `before ${(baseline / MIB).toFixed(0)} MiB, peak ever ${(peak / MIB).toFixed(0)} MiB`,
      ],
      checks: [
        {
          what: `resident memory grows by less than ${GROWTH_MAX_MIB} MiB`,
          value: `${worst.toFixed(1)} MiB at most`,
          pass: worst < GROWTH_MAX_MIB,
        },
        { what: 'every byte arrived as it was sent', value: `${lost} bytes off`, pass: lost === 0 },
      ],
    }
  },
)
