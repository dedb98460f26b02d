// What does the access log cost? CPU time (user and system) of the whole process per small GET,
// with the log off, with a line a request to a file, and with a sample of 1 %. Three processes
// take turns on one core, load and origin run on the other, as in cpu.ts. Every request must have
// its line: a log that loses some would be cheap.

import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onExit } from './lab/children.ts'
import { until } from './lab/clock.ts'
import { LOAD_CORE, PROXY_CORE, round } from './lab/cpu-round.ts'
import { startOrigin } from './lab/origin.ts'
import { bench, progress } from './lab/report.ts'
import type { Rival } from './lab/rivals.ts'
import { add, spread } from './lab/statistics.ts'
import { labConfig, startVertex } from './lab/vertex.ts'

const ROUND_SECONDS = 1
const FULL_MAX = 1.35
const SAMPLED_MAX = 1.1
const LF = 0x0a

interface Variant extends Rival {
  readonly file: string
  readonly sample: string | null
}

async function startVariants(): Promise<Variant[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vertex-log-'))
  onExit(() => rmSync(folder, { recursive: true, force: true }))
  const origin = await startOrigin({ version: 'v1', record: false, core: LOAD_CORE })
  const start = async (name: string, sample: string | null): Promise<Variant> => {
    const file = path.join(folder, `${name}.log`)
    const log = sample === null ? {} : { access_log: { to: file, sample } }
    const versions = { v1: [origin.url] }
    const config = labConfig({ versions, stable: 'v1', threads: 1, more: log })
    const { pid, port } = await startVertex(config, { core: PROXY_CORE })
    return { name, port, pid, file, sample }
  }
  return [await start('off', null), await start('full', '100%'), await start('sampled', '1%')]
}

function linesIn(file: string): number {
  let count = 0
  for (const byte of readFileSync(file)) if (byte === LF) count++
  return count
}

/** Waits until each request of a round has its line, says how many are missing, and empties it. */
async function missing(file: string, requests: number): Promise<number> {
  const probe = (): true | null => (linesIn(file) >= requests ? true : null)
  await until(probe, { what: 'the lines are written', withinMs: 3000, everyMs: 250 }).catch(
    () => undefined, // the count says it
  )
  const lines = linesIn(file)
  truncateSync(file)
  return Math.max(0, requests - lines)
}

await bench(
  'log',
  { title: 'CPU of the access log per small GET on one core', runs: 20, limitMs: 400_000 },
  async (runs) => {
    const variants = await startVariants()
    // Code is compiled and connections are opened.
    for (const variant of variants) await round(variant, { seconds: 4 })
    const us: Record<string, number[]> = {}
    let lost = 0
    let asked = 0
    for (let i = 1; i <= runs; i++) {
      const said: string[] = []
      for (const variant of variants) {
        if (variant.sample === '100%') truncateSync(variant.file)
        const one = await round(variant, { seconds: ROUND_SECONDS })
        add(us, variant.name, one.us)
        said.push(`${variant.name} ${one.us.toFixed(1)} µs`)
        if (variant.sample !== '100%') continue
        lost += await missing(variant.file, one.requests)
        asked += one.requests
      }
      progress(`round ${i}: ${said.join(', ')}`)
    }
    const off = us.off ?? []
    const ratio = (name: string): number[] =>
      off.map((value, i) => (us[name]?.[i] ?? Number.NaN) / value)
    const full = spread(ratio('full')).median
    const sampled = spread(ratio('sampled')).median
    return {
      series: {
        'off, µs CPU a request': off,
        'a line a request, µs': us.full ?? [],
        'a sample of 1 %, µs': us.sampled ?? [],
        'a line a request / off': ratio('full'),
        'a sample of 1 % / off': ratio('sampled'),
      },
      checks: [
        {
          what: `a line a request costs at most ${Math.round((FULL_MAX - 1) * 100)} % more CPU`,
          value: `${((full - 1) * 100).toFixed(1)} %`,
          pass: full <= FULL_MAX,
        },
        {
          what: `a sample of 1 % costs at most ${Math.round((SAMPLED_MAX - 1) * 100)} % more CPU`,
          value: `${((sampled - 1) * 100).toFixed(1)} %`,
          pass: sampled <= SAMPLED_MAX,
        },
        {
          what: 'every request has its line',
          value: `${lost} of ${asked} are missing`,
          pass: lost === 0,
        },
      ],
    }
  },
)
