// Do tunnels hold? 1,000 WebSocket connections go through Vertex to a stable and a candidate, with
// numbered frames in both directions, of which every byte is checked at both ends. Meanwhile the
// weight is changed again and again; a fifth of the tunnels is ended by the client and a fifth by
// the origin, each with a last frame directly before its FIN; then the candidate is aborted: its
// tunnels go on for `timeouts.tunnel_drain` and are closed, those of stable stay.

import type { NodeView } from '../src/core/command.ts'
import { monotonicMs, sleep, until } from './lab/clock.ts'
import { bench, type Check, progress } from './lab/report.ts'
import { add } from './lab/statistics.ts'
import {
  type ClientSide,
  type OriginSide,
  startTunnelClient,
  startTunnelOrigin,
  type TunnelClient,
  type TunnelOrigin,
} from './lab/tunnels.ts'
import { labConfig, startVertex, type Vertex } from './lab/vertex.ts'

const TUNNELS = 1000
/** Each tunnel says and pushes a frame so often. */
const EVERY_MS = 500
const TUNNEL_DRAIN_MS = 3000
/** How much later than its time a tunnel may be closed: a timer, and a thousand of them. */
const CLOSE_SLACK_MS = 1000
/**
 * Without 0, which is an order to take the candidate out: then its tunnels drain, as on an abort.
 */
const WEIGHTS = [50, 5, 95, 20, 80, 1, 60, 10, 30, 50]
const WEIGHT_EVERY_MS = 250
const WITHIN_MS = 20_000

interface Cast {
  readonly vertex: Vertex
  readonly client: TunnelClient
  readonly stable: TunnelOrigin
  readonly candidate: TunnelOrigin
}

async function startCast(threads: number): Promise<Cast> {
  const [stable, candidate] = await Promise.all([
    startTunnelOrigin({ version: 'v1', everyMs: EVERY_MS }),
    startTunnelOrigin({ version: 'v2', everyMs: EVERY_MS }),
  ])
  const config = labConfig({
    versions: { v1: [stable.url], v2: [candidate.url] },
    stable: 'v1',
    candidate: { version: 'v2', weight: 50 },
    latency: false,
    threads,
    more: {
      timeouts: { drain_delay: '0', drain: '2s', tunnel_drain: `${TUNNEL_DRAIN_MS}ms` },
    },
  })
  return { vertex: await startVertex(config), client: startTunnelClient(), stable, candidate }
}

function living(sides: readonly ClientSide[], version?: string): ClientSide[] {
  return sides.filter(
    (side) => Number.isNaN(side.overMs) && (version === undefined || side.version === version),
  )
}

/** The tunnels in flight of both versions, as the admin API has them. */
async function gauges(vertex: Vertex): Promise<{ stable: number; candidate: number }> {
  const view = await vertex.service()
  return {
    stable: view.stable?.stats.inFlight ?? 0,
    candidate: view.candidate?.stats.inFlight ?? 0,
  }
}

async function untilOver(client: TunnelClient, tunnels: readonly number[]): Promise<void> {
  const wanted = new Set(tunnels)
  await until(
    async () =>
      living(await client.report()).some(({ tunnel }) => wanted.has(tunnel)) ? null : true,
    { what: `${tunnels.length} tunnels end`, withinMs: WITHIN_MS, everyMs: 100 },
  )
}

/** The tunnels of which not all that one end sent has come to the other. */
function losses(
  sides: readonly ClientSide[],
  origins: ReadonlyMap<number, OriginSide>,
  tunnels: readonly number[],
): string[] {
  const wanted = new Set(tunnels)
  const lost: string[] = []
  for (const side of sides) {
    if (!wanted.has(side.tunnel)) continue
    const origin = origins.get(side.tunnel)
    const whole =
      origin !== undefined &&
      side.said === origin.heard &&
      side.echoes === origin.echoed &&
      side.pushes === origin.pushed &&
      side.ended &&
      origin.ended &&
      side.fault + origin.fault === ''
    if (!whole) lost.push(JSON.stringify({ side, origin }))
  }
  return lost
}

async function originSides({ stable, candidate }: Cast): Promise<Map<number, OriginSide>> {
  const both = [...(await stable.report()), ...(await candidate.report())]
  return new Map(both.map((side) => [side.tunnel, side]))
}

async function changeWeights(vertex: Vertex): Promise<number> {
  let changes = 0
  for (const percent of WEIGHTS) {
    const reply = await vertex.setWeight(percent)
    if (reply.status >= 300) throw new Error(`Cannot set the weight: ${JSON.stringify(reply)}`)
    changes++
    await sleep(WEIGHT_EVERY_MS)
  }
  return changes
}

/** What the node still counts a while after the last tunnel has ended; 0 is right. */
async function leftOver(vertex: Vertex): Promise<number> {
  const deadlineMs = monotonicMs() + 5000
  for (;;) {
    const { stable, candidate } = await gauges(vertex)
    const node = (await vertex.change('GET', '/v1/node')).body as NodeView
    const connections = node.threads.reduce((sum, thread) => sum + thread.connections, 0)
    const left = stable + candidate + connections
    if (left === 0 || monotonicMs() > deadlineMs) return left
    await sleep(50)
  }
}

interface Run {
  readonly opened: number
  readonly gaugesRight: boolean
  readonly said: string
  readonly overAfterWeights: number
  readonly ended: number
  readonly lost: readonly string[]
  /** From the order to abort to the end of each of the candidate's tunnels. */
  readonly closedAfterMs: readonly number[]
  /** The candidate's tunnels in which nothing came in the last second before their end. */
  readonly silent: number
  readonly stableLost: number
  readonly inFlightAtEnd: number
  readonly frames: number
}

/** Ends a fifth of the tunnels from the client and a fifth from the origin. */
async function endSome(cast: Cast): Promise<readonly number[]> {
  const alive = living(await cast.client.report())
  const byClient = alive.filter((_, i) => i % 5 === 0).map(({ tunnel }) => tunnel)
  const byOrigin = alive.filter((_, i) => i % 5 === 1).map(({ tunnel }) => tunnel)
  await Promise.all([
    cast.client.close(byClient),
    cast.stable.close(byOrigin), // each knows only its own
    cast.candidate.close(byOrigin),
  ])
  const ended = [...byClient, ...byOrigin]
  await untilOver(cast.client, ended)
  return ended
}

/** Aborts the candidate and waits until its tunnels are closed. */
async function abort(cast: Cast): Promise<{ askedMs: number; doomed: Set<number> }> {
  const doomed = new Set(living(await cast.client.report(), 'v2').map(({ tunnel }) => tunnel))
  const { revision } = await cast.vertex.service()
  const at = '/v1/services/default/rollout/abort'
  const askedMs = monotonicMs()
  await cast.vertex.change('POST', at, { ifMatch: revision })
  await untilOver(cast.client, [...doomed])
  return { askedMs, doomed }
}

async function measureOnce(threads: number): Promise<Run> {
  const cast = await startCast(threads)
  const { client, vertex } = cast
  await client.open({ port: vertex.port, tunnels: TUNNELS, everyMs: EVERY_MS })
  const begun = await client.report()
  const opened = { v1: living(begun, 'v1').length, v2: living(begun, 'v2').length }
  const shown = await gauges(vertex)
  await changeWeights(vertex)
  const overAfterWeights = TUNNELS - living(await client.report()).length
  const ended = await endSome(cast)
  const { askedMs, doomed } = await abort(cast)
  const abortedMs = monotonicMs()
  await sleep(2 * EVERY_MS)
  const sides = await client.report()
  const stays = sides.filter(({ tunnel, version }) => version === 'v1' && !ended.includes(tunnel))
  const stableLost = stays.filter(({ heardMs, overMs }) => overMs > 0 || heardMs < abortedMs).length
  const last = stays.map(({ tunnel }) => tunnel)
  await client.close(last)
  await untilOver(client, last)
  const finalSides = await client.report()
  const origins = await originSides(cast)
  const cut = finalSides.filter(({ tunnel }) => doomed.has(tunnel))
  const left = await leftOver(vertex)
  await Promise.all([vertex.end(), client.end(), cast.stable.end(), cast.candidate.end()])
  const wrong = cut.filter(({ fault }) => fault.includes('frame'))
  const said = `${opened.v1} on stable, ${opened.v2} on the candidate`
  return {
    opened: opened.v1 + opened.v2,
    gaugesRight: shown.stable === opened.v1 && shown.candidate === opened.v2,
    said: `${said}; ${shown.stable} and ${shown.candidate} shown`,
    overAfterWeights,
    ended: ended.length + last.length,
    lost: [
      ...losses(finalSides, origins, [...ended, ...last]),
      ...wrong.map((side) => JSON.stringify(side)),
    ],
    closedAfterMs: cut.map(({ overMs }) => overMs - askedMs),
    silent: cut.filter(({ heardMs, overMs }) => overMs - heardMs > 1000 + EVERY_MS).length,
    stableLost,
    inFlightAtEnd: left,
    frames: finalSides.reduce((sum, { said, echoes, pushes }) => sum + said + echoes + pushes, 0),
  }
}

function checksOf(runs: readonly Run[]): Check[] {
  const total = (of: (run: Run) => number): number => runs.reduce((sum, run) => sum + of(run), 0)
  const closed = runs.flatMap(({ closedAfterMs }) => closedAfterMs)
  const [earliest, latest] = [Math.min(...closed), Math.max(...closed)]
  const lost = total((run) => run.lost.length)
  const over = total(({ overAfterWeights }) => overAfterWeights)
  const silent = total((run) => run.silent)
  const stableLost = total((run) => run.stableLost)
  const left = total(({ inFlightAtEnd }) => inFlightAtEnd)
  const opened = runs.map((run) => run.opened)
  return [
    {
      what: `${TUNNELS} tunnels stand, and the gauges show each`,
      value: runs.map(({ said }) => said).join('; '),
      pass: opened.every((n) => n === TUNNELS) && runs.every(({ gaugesRight }) => gaugesRight),
    },
    { what: 'no weight change ends one', value: `${over} ended`, pass: over === 0 },
    {
      what: 'ended from either side: every byte came, both ways, up to the FIN',
      value: `${lost} of ${total(({ ended }) => ended)} tunnels lost something`,
      pass: lost === 0,
    },
    {
      what: `the aborted version's tunnels go on for ${TUNNEL_DRAIN_MS} ms and are closed then`,
      value:
        `${closed.length} closed after ${earliest.toFixed(0)} to ${latest.toFixed(0)} ms, ` +
        `${silent} silent before`,
      pass:
        closed.length > 0 &&
        silent === 0 &&
        earliest >= TUNNEL_DRAIN_MS &&
        latest < TUNNEL_DRAIN_MS + CLOSE_SLACK_MS,
    },
    { what: "stable's live on", value: `${stableLost} lost`, pass: stableLost === 0 },
    {
      what: 'the gauges of requests in flight and of connections end at 0',
      value: `${left} left`,
      pass: left === 0,
    },
  ]
}

await bench(
  'tunnels',
  { title: `${TUNNELS} WebSocket tunnels, changed, ended and aborted`, runs: 2, limitMs: 240_000 },
  async (runs) => {
    const all: Run[] = []
    const series: Record<string, number[]> = {}
    for (let i = 1; i <= runs; i++) {
      const threads = i % 2 === 0 ? 1 : 2
      const run = await measureOnce(threads)
      all.push(run)
      add(series, 'frames checked', run.frames)
      for (const ms of run.closedAfterMs) add(series, 'abort to the close of a tunnel, ms', ms)
      progress(`run ${i}, ${threads} threads: ${run.said}, ${run.frames} frames checked`)
      for (const one of run.lost.slice(0, 3)) progress(`lost: ${one}`)
    }
    return { series, checks: checksOf(all), data: { lost: all.flatMap(({ lost }) => lost) } }
  },
)
