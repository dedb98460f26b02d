// Can the generator of synthetic transactions be believed? Whether it can send 12,000 requests a
// second on one core, how exact its rate is, and whether its p99 is true when the target stands
// still for a second. The truth of the last is constructed: the requests are due at known times,
// and all that were due in the standstill are answered at its end.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { onExit, startModule } from './lab/children.ts'
import { bench, type Check, progress } from './lab/report.ts'
import { askChild } from './lab/rpc.ts'
import { spread } from './lab/statistics.ts'
import type { SyntheticAsk, SyntheticReply } from './lab/synthetic-process.ts'
import type { Arrivals } from './lab/synthetic-target-process.ts'

const GENERATOR_CORE = 0
const TARGET_CORE = 1
const IS_PINNED = availableParallelism() >= 2
const WANTED = 12_000
/** What Vertex itself asks for when it has to prove a throughput. */
const HEADROOM = 1.05
const PROOF_MS = 4000
const RATE = 1000
const EVEN_MS = 5000
const STALL = { afterMs: 2000, forMs: 1000 }
const STALLED_MS = 10_000
/** So many that all that is due in the standstill can be sent in it. */
const SCENARIO = 'connections: 2048\nsteps: [{ path: / }]\n'

/** The p99 of requests that are due evenly from 0 on and wait for the end of the standstill. */
function trueP99({ firstMs, stall }: Arrivals, usualMs: number): number {
  if (stall === null)
    throw new Error('Cannot construct the truth as the target did not stand still')
  const latencies = Array.from({ length: (RATE * STALLED_MS) / 1000 }, (_, k) => {
    const dueMs = firstMs + (k * 1000) / RATE
    const waits = dueMs >= stall.fromMs && dueMs < stall.toMs
    return waits ? stall.toMs - dueMs : usualMs
  }).toSorted((one, other) => one - other)
  return latencies[Math.ceil(latencies.length * 0.99) - 1] ?? Number.NaN
}

function percentOff(measured: number, truth: number): number {
  return Math.abs(measured / truth - 1) * 100
}

interface Measured extends SyntheticReply {
  readonly arrivals: Arrivals
}

/** Starts generator and target, each on its core; returns how to run one against the other. */
async function startLab(): Promise<
  (ask: { rate: number; durationMs: number; stall?: object }) => Promise<Measured>
> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vertex-lab-'))
  onExit(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'bench.yaml')
  writeFileSync(file, SCENARIO)
  const start = (name: string, core: number) =>
    startModule(new URL(`./lab/${name}.ts`, import.meta.url), IS_PINNED ? { core } : {})
  const generator = start('synthetic-process', GENERATOR_CORE)
  const target = start('synthetic-target-process', TARGET_CORE)
  const url = `http://127.0.0.1:${String(await askChild(target, 'port'))}`
  return async ({ durationMs, rate, stall = {} }) => {
    await askChild(target, 'reset', { with: stall })
    const ask = { file, target: url, rate, durationMs } satisfies SyntheticAsk
    const reply = (await askChild(generator, 'run', { with: ask })) as SyntheticReply
    const arrivals = (await askChild(target, 'arrivals')) as Arrivals
    return { ...reply, arrivals }
  }
}

const series = {
  fast: [] as number[],
  cpuUs: [] as number[],
  rateError: [] as number[],
  p99: [] as number[],
  truth: [] as number[],
  p99Error: [] as number[],
}

/** One run of each of the three; returns how many requests failed. */
async function measureOnce(measure: Awaited<ReturnType<typeof startLab>>): Promise<number> {
  const fast = await measure({ rate: WANTED * HEADROOM, durationMs: PROOF_MS })
  series.fast.push(fast.report.throughput)
  series.cpuUs.push((fast.cpuSeconds * 1e6) / fast.report.requests)
  const even = await measure({ rate: RATE, durationMs: EVEN_MS })
  const { firstMs, lastMs, requests } = even.arrivals
  const rateError = percentOff(((requests - 1) * 1000) / (lastMs - firstMs), RATE)
  series.rateError.push(rateError)
  const stalled = await measure({ rate: RATE, durationMs: STALLED_MS, stall: STALL })
  const p99 = stalled.report.latency?.p99 ?? Number.NaN
  const truth = trueP99(stalled.arrivals, even.report.latency?.p50 ?? 0)
  series.p99.push(p99)
  series.truth.push(truth)
  series.p99Error.push(percentOff(p99, truth))
  progress(
    `${fast.report.throughput.toFixed(0)} a second, rate off by ${rateError.toFixed(3)} %, ` +
      `p99 ${p99.toFixed(1)} ms where ${truth.toFixed(1)} ms is true`,
  )
  return fast.report.failed + even.report.failed + stalled.report.failed
}

function checks(failed: number): readonly Check[] {
  const { median } = spread(series.fast)
  const [rateError, p99Error] = [spread(series.rateError).max, spread(series.p99Error).max]
  return [
    {
      what: `at least ${WANTED} good answers a second on one core, the median of the runs`,
      value: median.toFixed(0),
      pass: median >= WANTED,
    },
    {
      what: 'the rate at 1,000 a second is off by less than 1 %, in every run',
      value: `${rateError.toFixed(3)} %`,
      pass: rateError < 1,
    },
    {
      what: 'the p99 with a standstill of 1 s is within 5 % of the truth, in every run',
      value: `${p99Error.toFixed(2)} %`,
      pass: p99Error <= 5,
    },
    { what: 'no request failed', value: String(failed), pass: failed === 0 },
  ]
}

await bench(
  'synthetic',
  { title: 'the generator of synthetic transactions', runs: 5, limitMs: 300_000 },
  async (runs) => {
    const measure = await startLab()
    await measure({ rate: 5000, durationMs: 2000 }) // until the code is compiled
    let failed = 0
    for (let run = 1; run <= runs; run++) failed += await measureOnce(measure)
    return {
      series: {
        'good answers a second of 12,600': series.fast,
        'CPU a request, us': series.cpuUs,
        'rate error at 1,000 a second, %': series.rateError,
        'p99 with a standstill, ms': series.p99,
        'the truth, ms': series.truth,
        'p99 error, %': series.p99Error,
      },
      checks: checks(failed),
      notes: IS_PINNED ? [] : ['this machine has one core: generator and target shared it'],
    }
  },
)
