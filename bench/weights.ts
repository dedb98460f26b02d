// Do weights hold under stress? First 100 weight changes a second for 10 s under load, without one
// failed request. Then kill -9 in the middle of rollouts: after the restart the candidate's weight
// must be the one that the journal says.

import { monotonicMs, sleep } from './lab/clock.ts'
import { startLoad, summarise } from './lab/load.ts'
import { type Pair, startPair } from './lab/pair.ts'
import { bench, progress } from './lab/report.ts'
import type { Vertex } from './lab/vertex.ts'

const CHANGES_PER_SECOND = 100
const SECONDS = 10

interface Changes {
  readonly made: number
  readonly seconds: number
  readonly refused: string[]
  readonly tookMs: number[]
}

/** Changes the weight at a steady pace, each a random one from 0 to 50 %. */
async function changeWeights(pair: Pair): Promise<Changes> {
  const tookMs: number[] = []
  const refused: string[] = []
  const beganMs = monotonicMs()
  const all = CHANGES_PER_SECOND * SECONDS
  const one = async (): Promise<void> => {
    const askedMs = monotonicMs()
    // 0 would end the manual rollout; it has a measurement of its own.
    const candidate = 1 + Math.floor(Math.random() * 4900) / 100
    const reply = await pair.vertex.ask('PUT', '/v1/services/default/weight', {
      body: { candidate },
    })
    tookMs.push(reply.atMs - askedMs)
    if (reply.status !== 200) refused.push(JSON.stringify(reply.body))
  }
  const open: Promise<void>[] = []
  for (let i = 0; i < all; i++) {
    const waitMs = beganMs + (i * 1000) / CHANGES_PER_SECOND - monotonicMs()
    if (waitMs > 0) await sleep(waitMs)
    open.push(one())
    if (open.length >= 8) await open.shift() // a node that cannot keep up slows this down
  }
  await Promise.all(open)
  return { made: all - refused.length, seconds: (monotonicMs() - beganMs) / 1000, refused, tookMs }
}

/** The weight that the journal says: that of the last entry that names one. */
function journalWeight(vertex: Vertex): number {
  return vertex.journal().findLast((entry) => entry.weight !== undefined)?.weight ?? 0
}

interface Kill {
  readonly journalBefore: number
  readonly journalAfter: number
  readonly weight: number
}

/** Starts a rollout with quick steps, kills the node in its middle and looks what comes back. */
async function killOnce(pair: Pair, version: string): Promise<Kill> {
  const { vertex } = pair
  const load = await startLoad({ port: vertex.port, rate: 500, connections: 16 })
  await vertex.deploy(version, [pair.candidate.url])
  await sleep(200 + Math.random() * 2500)
  await vertex.end('SIGKILL')
  const journalBefore = journalWeight(vertex)
  await load.stop()
  await vertex.start()
  const view = await vertex.service()
  const journalAfter = journalWeight(vertex)
  await vertex.ask('POST', '/v1/services/default/rollout/abort')
  return { journalBefore, journalAfter, weight: view.candidate?.weight ?? 0 }
}

async function changes(): Promise<{ made: Changes; failed: number; messages: readonly string[] }> {
  const pair = await startPair({ weight: 5, latency: false, record: false })
  const load = await startLoad({ port: pair.vertex.port, rate: 1500, connections: 64 })
  await sleep(300)
  const made = await changeWeights(pair)
  const result = await load.stop()
  await pair.end()
  progress(`${made.made} changes in ${made.seconds.toFixed(1)} s`)
  return { made, failed: summarise(result).failed, messages: result.messages }
}

async function kills(runs: number): Promise<Kill[]> {
  const pair = await startPair({
    latency: false,
    record: false,
    steps: [10, 20, 40, 60, 80, 100].map((weight) => ({ weight, observeMs: 400 })),
  })
  const all: Kill[] = []
  for (let run = 1; run <= runs; run++) {
    const kill = await killOnce(pair, `v2-run${run}`)
    all.push(kill)
    progress(
      `kill ${run}: the journal says ${kill.journalBefore} %, ` +
        `after the restart ${kill.weight} % is in force`,
    )
  }
  await pair.end()
  return all
}

await bench(
  'weights',
  {
    title: '100 weight changes a second for 10 s; kill -9 in rollouts',
    runs: 10,
    limitMs: 240_000,
  },
  async (runs) => {
    const { made, failed, messages } = await changes()
    const killed = await kills(runs)
    // Steps go on after a restart, so the weight may be one that was journaled since.
    const right = killed.filter((one) => [one.journalBefore, one.journalAfter].includes(one.weight))
    const more = killed.filter((one) => one.weight > one.journalAfter)
    const perSecond = made.made / made.seconds
    return {
      series: {
        'weight change, ms to its answer': made.tookMs,
        'weight after kill -9, %': killed.map((one) => one.weight),
      },
      notes: [...made.refused.slice(0, 3), ...messages.slice(0, 3)],
      checks: [
        {
          what: `${CHANGES_PER_SECOND} changes a second were made`,
          value: `${made.made} in ${made.seconds.toFixed(1)} s, ${perSecond.toFixed(0)} a second`,
          pass: made.refused.length === 0 && perSecond >= CHANGES_PER_SECOND * 0.97,
        },
        { what: 'no request failed', value: String(failed), pass: failed === 0 },
        {
          what: 'after kill -9 the weight is what the journal says',
          value: `${right.length} of ${killed.length}`,
          pass: right.length === killed.length,
        },
        { what: 'and never more', value: `${more.length} above`, pass: more.length === 0 },
      ],
      data: { killed },
    }
  },
)
