// What does mirroring cost the customers? 1,000 requests a second go through one of two nodes, in
// slices that take turns: through one whose config mirrors nothing, or through one that mirrors all
// of it to a candidate that never answers, refuses connections, takes half a second, or is well. A
// slice is held against the plain one before it. In both a rollout is going on at weight 0, since
// that costs something too, with a mirror or without. The candidate's process gives way to the
// others, as it stands for one on a machine of its own. A p99 is as good as the machine's worst
// moments, so it is told with and without the requests that the machine's own slowness has hit
// (lab/pulse.ts). The rollout is brought to weight 0 by hand before the load begins, so that the
// candidate gets copies or nothing. --only NAME for one kind (hangs, refuses, 'is slow', 'is
// well').

import { setPriority } from 'node:os'
import { sleep, until } from './lab/clock.ts'
import { type LoadResult, runLoad, summarise } from './lab/load.ts'
import type { Behaviour } from './lab/origin.ts'
import { type Pair, startPair } from './lab/pair.ts'
import { memoryBytes } from './lab/proc.ts'
import { type Beats, Pulse } from './lab/pulse.ts'
import { bench, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'

const MIB = 1024 * 1024
const RATE = 1000
const SLICE_MS = 5000
const RATIO_MAX = 1.1
const GROWTH_MAX_MIB = 64
const SAMPLE_MS = 50
/** An app of 5 ms: what the proxy adds to it shows. */
const APP: Behaviour = { latency: { kind: 'fixed', floorMs: 5 } }

const USUAL = { behaviour: APP, record: false, latency: false }

const KINDS = {
  hangs: { hangRate: 1 },
  refuses: {},
  'is slow': { latency: { kind: 'fixed', floorMs: 500 } },
  'is well': APP,
} as const satisfies Record<string, Behaviour>
type Kind = keyof typeof KINDS
const ALL = Object.keys(KINDS) as readonly Kind[]

interface Slice {
  readonly load: LoadResult
  readonly p50Ms: number
  readonly p99Ms: number
  /** Those that the proxy has seen; what found no free connection says only how busy we are. */
  readonly failed: number
}

async function slice(pair: Pair): Promise<Slice> {
  const { port } = pair.vertex
  const load = await runLoad({ port, rate: RATE, connections: 64, durationMs: SLICE_MS })
  const { failed, p50Ms, p99Ms, unsent } = summarise(load)
  return { load, p50Ms, p99Ms, failed: failed - unsent }
}

/** Of a slice with mirroring and the plain one before it. */
interface Both {
  readonly kind: Kind
  readonly plain: LoadResult
  readonly now: LoadResult
}

/** The ratio of their p99 without what the machine's own slowness has hit. */
function undisturbed({ now, plain }: Both, beats: Beats): number {
  const without = (fromMs: number, toMs: number): boolean => beats.wasSlow(fromMs, toMs)
  return summarise(now, { without }).p99Ms / summarise(plain, { without }).p99Ms
}

/** Runs a slice while a rollout of the version is at weight 0; what the mirror tells is of it. */
async function inRollout(
  pair: Pair,
  version: string,
  ready: () => Promise<void> = async () => {},
): Promise<Slice & { mirrored: number; dropped: number }> {
  const { candidate, vertex } = pair
  await vertex.deploy(version, [candidate.url])
  await until(async () => ((await vertex.service()).candidate?.weight ?? 0) > 0 || null, {
    what: `${version} is raised, so that its weight can be taken back`,
    withinMs: 20_000,
  })
  await vertex.setWeight(0)
  await ready()
  const measured = await slice(pair)
  await sleep(300) // tallies are told a few times a second
  const tally = (await vertex.service()).rollout?.mirror
  await vertex.change('POST', '/v1/services/default/rollout/abort')
  return { ...measured, mirrored: tally?.requests ?? 0, dropped: tally?.dropped ?? 0 }
}

/** Runs a slice with all of it mirrored to a candidate of this kind; returns what was mirrored. */
async function mirrored(
  pair: Pair,
  { kind, version }: { kind: Kind; version: string },
): Promise<Slice & { mirrored: number; dropped: number }> {
  const { candidate } = pair
  const measured = await inRollout(pair, version, async () => {
    await candidate.behave(KINDS[kind])
    if (kind === 'refuses') await candidate.refuse()
  })
  if (kind === 'refuses') await candidate.accept()
  return measured
}

await bench(
  'mirror',
  {
    title: 'live p99 while all of 1,000 req/s is mirrored',
    ...{ runs: 10, limitMs: 1_200_000, names: ALL },
  },
  async (runs, only) => {
    const bare = await startPair(USUAL)
    const pair = await startPair({ ...USUAL, more: { mirror: { share: '100%', timeout: '2s' } } })
    // The candidate's app runs elsewhere; here it shares two cores with the path of the customers,
    // and its own work is not what mirroring costs them.
    if (pair.candidate.child.pid !== undefined) setPriority(pair.candidate.child.pid, 10)
    // The first mirrored slice starts the mirror's thread and is no measurement.
    await mirrored(pair, { kind: 'is well', version: 'v2-warm' })
    await inRollout(bare, 'v2-warm')
    const baseline = memoryBytes(pair.vertex.pid).rss
    let highest = baseline
    const timer = setInterval(() => {
      highest = Math.max(highest, memoryBytes(pair.vertex.pid).rss)
    }, SAMPLE_MS)
    const kinds = ALL.filter((kind) => only === null || kind === only)
    const series: Record<string, number[]> = {}
    const all: Both[] = []
    const pulse = Pulse.start()
    let failed = 0
    let idle = 0
    for (let run = 1; run <= runs; run++) {
      for (const kind of kinds) {
        const version = `v2-${run}-${kind.replace(' ', '-')}`
        const plain = await inRollout(bare, version)
        const now = await mirrored(pair, { kind, version })
        all.push({ kind, plain: plain.load, now: now.load })
        failed += plain.failed + now.failed
        if (now.mirrored === 0) idle++
        add(series, 'plain: p99, ms', plain.p99Ms)
        add(series, `${kind}: p99, ms`, now.p99Ms)
        add(series, `${kind}: p99 of plain`, now.p99Ms / plain.p99Ms)
        add(series, `${kind}: p50 of plain`, now.p50Ms / plain.p50Ms)
        add(series, `${kind}: mirrored`, now.mirrored)
        add(series, `${kind}: dropped`, now.dropped)
        const counts = `${now.mirrored} mirrored, ${now.dropped} dropped, ${now.failed} failed`
        const p99s = `p99 ${plain.p99Ms.toFixed(2)} and ${now.p99Ms.toFixed(2)} ms`
        progress(`run ${run}, ${kind}: ${p99s}, ${counts}`)
      }
    }
    clearInterval(timer)
    const beats = await pulse.stop()
    await Promise.all([pair.end(), bare.end()])
    for (const both of all) add(series, `${both.kind}: undisturbed`, undisturbed(both, beats))
    const growth = (highest - baseline) / MIB
    const ratios = kinds.flatMap((kind) => {
      const what = `a candidate that ${kind}: live p99 at most ${RATIO_MAX} of plain, in the median`
      return [
        { what, of: 'p99 of plain' },
        { what: `${what}, undisturbed`, of: 'undisturbed' },
      ].map(({ of, what }) => {
        const { median } = spread(series[`${kind}: ${of}`] ?? [])
        return { what, value: median.toFixed(3), pass: median <= RATIO_MAX }
      })
    })
    return {
      series,
      notes: [`the machine was slow itself for ${(100 * beats.slowShare).toFixed(1)} %`],
      checks: [
        ...ratios,
        { what: 'no live request failed', value: String(failed), pass: failed === 0 },
        { what: 'every mirrored slice mirrored', value: `${idle} did not`, pass: idle === 0 },
        {
          what: `resident memory grows by less than ${GROWTH_MAX_MIB} MiB`,
          value: `${growth.toFixed(1)} MiB at most`,
          pass: growth < GROWTH_MAX_MIB,
        },
      ],
    }
  },
)
