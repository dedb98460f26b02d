// The soak itself: targets of two versions that come and go, a Vertex in front of them, a client
// that sends requests with everything that can go wrong, and an observer of the Vertex process'
// memory and sockets. It measures; what must hold stands in soak-checks.ts.

import { readdirSync, readlinkSync } from 'node:fs'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { NodeView, ServiceView, VersionView } from '../../src/core/command.ts'
import { monotonicMs, sleep, until } from './clock.ts'
import { memoryBytes } from './proc.ts'
import { type ClientReport, startSoakClient } from './soak-client.ts'
import { Dice } from './soak-plan.ts'
import { Targets, type TargetsReport } from './soak-targets.ts'
import { type Judged, judgeFailures } from './soak-verdict.ts'
import { labConfig, startVertex, type Vertex } from './vertex.ts'

const STABLE_TARGETS = 4
/** Three at least: one may be ejected, one may be away. */
const CANDIDATE_TARGETS = 3
const WEIGHT = 40
const SAMPLE_MS = 250
const PROGRESS_MS = 10_000
const AT_REST_MS = 15_000

export interface SoakSpec {
  readonly requests: number
  readonly connections: number
  readonly seed: number
  /** Between two restarts of targets. */
  readonly restartPauseMs: { readonly from: number; readonly to: number }
  /** Called every few seconds. */
  readonly onProgress?: (text: string) => void
  /** The time that the load may take at most. */
  readonly limitMs: number
}

/** What the kernel says of the Vertex process at one moment of the load. */
export interface Sample {
  readonly done: number
  readonly residentBytes: number
  readonly sockets: number
}

/** The node's own gauges, all of which must be 0 when nobody is there. */
export interface Gauges {
  readonly inFlight: number
  readonly targetsInFlight: number
  readonly connections: number
}

/** What can be said of a soak before its targets are asked. */
export interface SoakRun {
  readonly client: ClientReport
  readonly seconds: number
  readonly samples: readonly Sample[]
  readonly socketsBefore: number
  readonly socketsAfter: number
  readonly gauges: Gauges
  readonly candidateWeight: number
}

export interface SoakReport extends SoakRun {
  readonly targets: TargetsReport
  readonly judged: Judged
}

// --- the stage -----------------------------------------------------------------------------------

export interface Stage {
  readonly targets: Targets
  readonly vertex: Vertex
  /** Ends everything, and says what the targets have seen. */
  end(): Promise<TargetsReport>
}

/**
 * Starts targets and a Vertex under which nothing but the wire is tried: no verdict, no rollback.
 */
export async function startStage(options: {
  /** Whether its edge threads can be killed (soak-preload.ts). */
  readonly killable: boolean
  readonly upstreamIdleMs?: number
  readonly stableTargets?: number
}): Promise<Stage> {
  const stable = options.stableTargets ?? STABLE_TARGETS
  const targets = await Targets.start(stable + CANDIDATE_TARGETS)
  const config = labConfig({
    versions: {
      v1: targets.urls(0, stable),
      v2: targets.urls(stable, stable + CANDIDATE_TARGETS),
    },
    stable: 'v1',
    candidate: { version: 'v2', weight: WEIGHT },
    threads: 2,
    more: {
      deploy_strategy: {
        type: 'canary',
        rollback_trigger: { mode: 'threshold', min_requests: 1_000_000_000 },
      },
      replay: { put_delete: true, idempotency_key: true },
      timeouts: {
        drain_delay: '0',
        drain: '5s',
        upstream_idle: `${options.upstreamIdleMs ?? 4000}ms`,
      },
    },
  })
  const vertex = options.killable ? await startKillable(config) : await startVertex(config)
  const end = async (): Promise<TargetsReport> => {
    await vertex.end()
    return targets.end()
  }
  return { targets, vertex, end }
}

/** Starts Vertex with the preload; its environment is this process' for a moment. */
async function startKillable(config: unknown): Promise<Vertex> {
  const preload = fileURLToPath(new URL('./soak-preload.ts', import.meta.url))
  const before = process.env.NODE_OPTIONS
  process.env.NODE_OPTIONS = `${before ?? ''} --import ${JSON.stringify(preload)}`
  try {
    return await startVertex(config)
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = before
  }
}

// --- looking at the process ----------------------------------------------------------------------

/** Open sockets of a process. */
function socketsOf(pid: number): number {
  let count = 0
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      if (readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:')) count++
    } catch {
      // It was closed between the two calls.
    }
  }
  return count
}

/** Asks the admin API on a connection that does not stay, since open sockets are counted. */
async function askAdmin(vertex: Vertex, path: string): Promise<unknown> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get(`${vertex.adminUrl}${path}`, { agent: false }, resolve).once('error', reject)
  })
  const body = await text(response)
  if (response.statusCode !== 200) throw new Error(`Cannot get ${path}: ${body}`)
  return JSON.parse(body)
}

export async function nodeOf(vertex: Vertex): Promise<NodeView> {
  return (await askAdmin(vertex, '/v1/node')) as NodeView
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

async function gaugesOf(vertex: Vertex): Promise<{ gauges: Gauges; candidateWeight: number }> {
  const service = (await askAdmin(vertex, '/v1/services/default')) as ServiceView
  const { threads } = await nodeOf(vertex)
  const versions = [service.stable, service.candidate].filter(
    (version): version is VersionView => version !== null,
  )
  const targets = versions.flatMap((version) => version.targets)
  const gauges = {
    inFlight: sum(versions.map(({ stats }) => stats.inFlight)),
    targetsInFlight: sum(targets.map(({ inFlight }) => inFlight)),
    connections: sum(threads.map(({ connections }) => connections)),
  }
  return { gauges, candidateWeight: service.candidate?.weight ?? 0 }
}

/** Waits until all gauges are 0, or gives up; says how they are then. */
export async function gaugesAtRest(vertex: Vertex) {
  const end = monotonicMs() + AT_REST_MS
  for (;;) {
    const seen = await gaugesOf(vertex)
    const { connections, inFlight, targetsInFlight } = seen.gauges
    const atRest = connections === 0 && inFlight === 0 && targetsInFlight === 0
    if (atRest || monotonicMs() > end) return seen
    await sleep(50)
  }
}

/** Waits until a process has at most so many sockets, or gives up; says how many it has then. */
async function socketsAtRest(pid: number, most: number): Promise<number> {
  const end = monotonicMs() + AT_REST_MS
  while (socketsOf(pid) > most && monotonicMs() < end) await sleep(50)
  return socketsOf(pid)
}

// --- the soak ------------------------------------------------------------------------------------

async function load({ targets, vertex }: Stage, spec: SoakSpec) {
  const { connections, requests, seed } = spec
  const client = await startSoakClient({
    port: vertex.port,
    connections,
    requests,
    seed,
    profile: 'faulty',
    firstNumber: 0,
  })
  targets.restart(new Dice(seed), spec.restartPauseMs)
  const samples: Sample[] = []
  const beganMs = monotonicMs()
  let toldMs = beganMs
  const look = async (): Promise<true | null> => {
    const { done, failed, wrong } = await client.progress()
    const { rss } = memoryBytes(vertex.pid)
    samples.push({ done, residentBytes: rss, sockets: socketsOf(vertex.pid) })
    if (monotonicMs() - toldMs > PROGRESS_MS) {
      toldMs = monotonicMs()
      const rate = (done * 1000) / (toldMs - beganMs)
      spec.onProgress?.(
        `${done} requests, ${rate.toFixed(0)} a second, ${failed} failed, ${wrong} wrong, ` +
          `${(rss / 1_048_576).toFixed(0)} MiB`,
      )
    }
    return done >= requests ? true : null
  }
  await until(look, { what: 'the load ends', withinMs: spec.limitMs, everyMs: SAMPLE_MS })
  const report = await client.finish()
  await targets.calm()
  return { client: report, samples, seconds: (monotonicMs() - beganMs) / 1000 }
}

/** Runs the load on a stage, and looks at the node when it is over. */
export async function soakOn(stage: Stage, spec: SoakSpec): Promise<SoakRun> {
  const { pid } = stage.vertex
  const socketsBefore = socketsOf(pid)
  const run = await load(stage, spec)
  const atRest = await gaugesAtRest(stage.vertex)
  const socketsAfter = await socketsAtRest(pid, socketsBefore)
  return { ...run, ...atRest, socketsBefore, socketsAfter }
}

/** What a soak has shown, with what its targets know. */
export function soakReport(run: SoakRun, targets: TargetsReport): SoakReport {
  return { ...run, targets, judged: judgeFailures(run.client, targets) }
}

/** Runs a soak from its start to its end. */
export async function runSoak(spec: SoakSpec): Promise<SoakReport> {
  const stage = await startStage({ killable: false })
  const run = await soakOn(stage, spec)
  return soakReport(run, await stage.end())
}
