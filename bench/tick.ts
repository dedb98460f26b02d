// What does it cost to judge? The real control loop with its board, ledger and journal, and a
// worker that counts on the board what 200 requests a second of each of 100 services would. Timed
// is each pass of the loop that is a tick (at least 20 ms after the last one), and, on their own,
// the passes in between that errors and slow requests wake. Three situations: nothing happens at
// all; 100 services serve and none rolls out; all 100 roll out at once, at 5 %, with 0.02 % errors
// and a latency test in force. Beside the passes stands what the control thread uses in all, disk
// and garbage included.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { createBoard, shareBoard } from '../src/board/board.ts'
import { loadConfig } from '../src/config/load.ts'
import { parseStrategy } from '../src/config/strategy.ts'
import { Control } from '../src/control/control.ts'
import { Loop, TICK_MS } from '../src/control/loop.ts'
import type { Table } from '../src/core/table.ts'
import { onExit } from './lab/children.ts'
import { sleep } from './lab/clock.ts'
import { bench, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'
import type { TickThreadStart, TickTraffic } from './lab/verdict-tick-thread.ts'

const SERVICES = 100
const RATE = 200
const SETTLE_MS = 3000
const MEASURE_MS = 4000
const ROLLING_MAX_MS = 1
const RESTING_MAX_MS = 0.05

const names = Array.from({ length: SERVICES }, (_, at) => `service${at}`)

function configFile(folder: string): string {
  const services = names.map((name, at) => [
    name,
    {
      match: [{ path: `/${name}` }],
      versions: {
        v1: { targets: [`http://127.0.0.1:${10_000 + at}`] },
        v2: { targets: [`http://127.0.0.1:${20_000 + at}`] },
      },
      routing: { stable: 'v1 @ 100%' },
      deploy_strategy: {
        type: 'canary',
        warm_up: '0',
        steps: [
          // Evidence alone, so that the proofs are asked for at each tick; they take minutes here.
          { weight: '5%', observe: '0' },
          { weight: '100%', observe: '0' },
        ],
      },
    },
  ])
  const file = path.join(folder, 'vertex.yaml')
  const config = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', threads: 2 }
  writeFileSync(file, JSON.stringify({ ...config, services: Object.fromEntries(services) }))
  return file
}

/** A pass of the loop: `isTick` when it came at least a tick after the last tick. */
interface Pass {
  readonly isTick: boolean
  readonly ms: number
}

const passes: Pass[] = []

function timePasses(): void {
  const pass = Reflect.get(Loop.prototype, 'pass') as Loop['pass']
  let lastTickMs = Number.NEGATIVE_INFINITY
  Loop.prototype.pass = function timed(this: Loop, reason): void {
    const beganMs = performance.now()
    pass.call(this, reason)
    const isTick = beganMs - lastTickMs >= TICK_MS
    if (isTick) lastTickMs = beganMs
    passes.push({ isTick, ms: performance.now() - beganMs })
  }
}

interface Stage {
  readonly control: Control
  readonly table: () => Table
  readonly traffic: (traffic: TickTraffic | null) => void
  end(): Promise<void>
}

async function openStage(): Promise<Stage> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vertex-tick-'))
  onExit(() => rmSync(folder, { recursive: true, force: true }))
  const loaded = loadConfig({ file: configFile(folder), env: {} })
  if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes))
  const threads = 2
  const slots = SERVICES * 5 + 256
  const board = createBoard({
    ...{ threads, slots, services: SERVICES + 64, targets: SERVICES * 4 + 1024 },
    latencyStripes: slots,
  })
  let table: Table | undefined
  const say = (_: object, text: string): void => progress(text)
  const control = await Control.open({
    config: loaded.config,
    board,
    parseStrategy,
    connect: () => Promise.resolve({ good: true, reason: '' }),
    edge: {
      publish: (next) => {
        table = next
        return Promise.resolve()
      },
      closeTunnels: () => undefined,
    },
    log: { info: () => undefined, warn: say, error: say },
  })
  const worker = new Worker(new URL('./lab/verdict-tick-thread.ts', import.meta.url), {
    workerData: { board: shareBoard(board), thread: 1, seed: 1 } satisfies TickThreadStart,
  })
  return {
    control,
    table: () => {
      if (table === undefined) throw new Error('Cannot go on as no table was published')
      return table
    },
    traffic: (traffic) => worker.postMessage(traffic),
    end: async () => {
      await worker.terminate()
      await control.close()
    },
  }
}

function trafficOf(table: Table): TickTraffic {
  const services = table.services.map(({ versions }) => {
    const slot = (version: string): number =>
      versions.find(({ name }) => name === version)?.slot ?? -1
    return { stable: slot('v1'), candidate: slot('v2') }
  })
  return { services, rate: RATE, share: 0.05, errorRate: 0.0002 }
}

async function deployAll({ control }: Stage): Promise<void> {
  for (const service of names) {
    const answer = await control.handle({
      ...{ do: 'deploy', service, version: 'v2', targets: [], replace: false },
      ...{ strategy: null, ifMatch: null },
    })
    if (!answer.ok) throw new Error(answer.problem.detail)
  }
}

interface Measured {
  readonly ticksMs: readonly number[]
  readonly wokenMs: readonly number[]
  /** The control thread's CPU time as a share of the time that passed. */
  readonly used: number
}

async function measure(): Promise<Measured> {
  await sleep(SETTLE_MS)
  passes.length = 0
  const before = process.threadCpuUsage()
  const beganMs = performance.now()
  await sleep(MEASURE_MS)
  const { system, user } = process.threadCpuUsage(before)
  const used = (system + user) / 1000 / (performance.now() - beganMs)
  const all = [...passes]
  return {
    ticksMs: all.filter(({ isTick }) => isTick).map(({ ms }) => ms),
    wokenMs: all.filter(({ isTick }) => !isTick).map(({ ms }) => ms),
    used,
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

function textOf(ms: number): string {
  return ms < 1 ? `${(ms * 1000).toFixed(0)} µs` : `${ms.toFixed(2)} ms`
}

await bench(
  'tick',
  { title: 'what a tick costs with 100 services', runs: 3, limitMs: 300_000 },
  async (runs) => {
    timePasses()
    const series: Record<string, number[]> = {}
    const notes: string[] = []
    for (let run = 1; run <= runs; run++) {
      const stage = await openStage()
      const note = (what: string, { ticksMs, used, wokenMs }: Measured): void => {
        for (const ms of ticksMs) add(series, `tick, ${what}, ms`, ms)
        for (const ms of wokenMs) add(series, `woken between, ${what}, ms`, ms)
        add(series, `control thread in use, ${what}, %`, used * 100)
        const text =
          `run ${run}, ${what}: median ${textOf(quantile(ticksMs, 0.5))}, p99 ` +
          `${textOf(quantile(ticksMs, 0.99))}, max ${textOf(quantile(ticksMs, 1))} of ` +
          `${ticksMs.length} ticks; ${wokenMs.length} passes between; ` +
          `${(used * 100).toFixed(1)} % of the thread`
        progress(text)
        notes.push(text)
      }
      note('nothing happens', await measure())
      stage.traffic(trafficOf(stage.table()))
      note('none rolls out', await measure())
      await deployAll(stage)
      stage.traffic(trafficOf(stage.table()))
      note('100 roll out', await measure())
      await stage.end()
    }
    const median = (what: string): number => spread(series[`tick, ${what}, ms`] ?? []).median
    const rolling = median('100 roll out')
    const resting = median('none rolls out')
    return {
      series,
      data: { notes },
      checks: [
        {
          what: 'with 100 services rolling out a tick takes a median of at most 1 ms',
          value: textOf(rolling),
          pass: rolling <= ROLLING_MAX_MS,
        },
        {
          what: 'with none rolling out, under the same traffic, at most 50 µs',
          value: textOf(resting),
          pass: resting <= RESTING_MAX_MS,
        },
      ],
    }
  },
)
