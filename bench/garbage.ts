// How much garbage does a request make, and how long does an edge thread stand still for it? The
// collector says itself what was allocated since its last turn and how long each turn took
// (`--trace-gc-nvp`, a line a turn and thread). Two loads on a fresh process: small GETs of 64
// heads as fast as 32 connections get answers, for the bytes a request; and 1,000 connections at
// 2,000 requests a second for 60 s, for the pauses. The edge thread is the one that allocates most.

import { smallGets } from './lab/asks.ts'
import { runLoad } from './lab/load.ts'
import { startOrigin } from './lab/origin.ts'
import { bench, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'
import { labConfig, startVertex } from './lab/vertex.ts'
import { closedLoad } from './lab/wrk.ts'

const PROXY_CORE = 0
const LOAD_CORE = 1
const BYTES_MAX = 4096
const PAUSE_MAX_MS = 10
const CLOSED = { seconds: 8, connections: 32 }
const OPEN = { rate: 2000, connections: 1000, durationMs: 60_000 }

interface Turn {
  /** Of the isolate, so of the thread. */
  readonly thread: string
  readonly pauseMs: number
  readonly allocated: number
}

const LINE = /^\[\d+:(0x[0-9a-f]+:\d+)\].*GC: (\{.*)$/

function turnOf(line: string): Turn | null {
  const [, thread, text = ''] = LINE.exec(line) ?? []
  const pause = /"pause":([\d.]+)/.exec(text)?.[1]
  const allocated = /"allocated":(\d+)/.exec(text)?.[1]
  if (thread === undefined || pause === undefined || allocated === undefined) return null
  return { thread, pauseMs: Number(pause), allocated: Number(allocated) }
}

/** The turns of the thread that allocated most. */
function edgeTurns(turns: readonly Turn[]): readonly Turn[] {
  const byThread = Map.groupBy(turns, ({ thread }) => thread)
  const bytes = (some: readonly Turn[]): number =>
    some.reduce((sum, { allocated }) => sum + allocated, 0)
  const sorted = [...byThread.values()].toSorted((one, other) => bytes(other) - bytes(one))
  return sorted[0] ?? []
}

interface Run {
  readonly bytesPerRequest: number
  readonly longestMs: number
  readonly turns: number
}

async function measureOnce(): Promise<Run> {
  const origin = await startOrigin({ version: 'v1', record: false, core: LOAD_CORE })
  const config = labConfig({ versions: { v1: [origin.url] }, stable: 'v1', threads: 1 })
  let turns: Turn[] = []
  const vertex = await startVertex(config, {
    core: PROXY_CORE,
    nodeArgs: ['--trace-gc', '--trace-gc-nvp'],
    onLine: (line) => {
      const turn = turnOf(line)
      if (turn !== null) turns.push(turn)
    },
  })
  const load = closedLoad(smallGets(), { core: LOAD_CORE })
  await load.run(vertex.port, { ...CLOSED, seconds: 4 }) // code and pools reach their size
  turns = []
  const closed = await load.run(vertex.port, CLOSED)
  const allocated = edgeTurns(turns).reduce((sum, turn) => sum + turn.allocated, 0)
  await runLoad({ port: vertex.port, core: LOAD_CORE, ...OPEN, durationMs: 5000 })
  turns = []
  await runLoad({ port: vertex.port, core: LOAD_CORE, ...OPEN })
  const busy = edgeTurns(turns)
  await vertex.end()
  await origin.end()
  return {
    bytesPerRequest: allocated / closed.requests,
    longestMs: Math.max(0, ...busy.map(({ pauseMs }) => pauseMs)),
    turns: busy.length,
  }
}

await bench(
  'garbage',
  { title: 'garbage a request, and pauses of the edge thread', runs: 3, limitMs: 600_000 },
  async (runs) => {
    const series: Record<string, number[]> = {}
    for (let run = 1; run <= runs; run++) {
      const { bytesPerRequest, longestMs, turns } = await measureOnce()
      add(series, 'bytes a small GET', bytesPerRequest)
      add(series, 'longest pause, ms', longestMs)
      add(series, 'turns of the collector in 60 s', turns)
      const bytes = `${bytesPerRequest.toFixed(0)} bytes a request`
      progress(`run ${run}: ${bytes}, longest pause ${longestMs.toFixed(2)} ms`)
    }
    const bytes = spread(series['bytes a small GET'] ?? [])
    const pauses = spread(series['longest pause, ms'] ?? [])
    return {
      series,
      checks: [
        {
          what: `a small GET allocates at most ${BYTES_MAX} bytes`,
          value: `${bytes.median.toFixed(0)} (${bytes.min.toFixed(0)} to ${bytes.max.toFixed(0)})`,
          pass: bytes.max <= BYTES_MAX,
        },
        {
          what: `under 1,000 connections for 60 s the longest pause is below ${PAUSE_MAX_MS} ms`,
          value: `${pauses.median.toFixed(2)} ms (at most ${pauses.max.toFixed(2)})`,
          pass: pauses.median < PAUSE_MAX_MS,
        },
      ],
    }
  },
)
