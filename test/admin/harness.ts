// A real admin thread with a control side that the test plays: it answers each Ask with what the
// test says, over the same port and with the same messages as the control thread would.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import { request } from 'undici'
import type { AdminData } from '../../src/admin/admin-data.ts'
import { createBoard, shareBoard } from '../../src/board/board.ts'
import type {
  Answer,
  Ask,
  Cancel,
  Command,
  NodeView,
  ServiceView,
  Tell,
  VersionView,
} from '../../src/core/command.ts'
import type { EvidenceView, ProofView, RiskView } from '../../src/core/explanation.ts'
import { worksAlone } from '../../src/core/fleet/alone.ts'
import type { JournalEntry } from '../../src/core/journal.ts'
import { LatencyTotals } from '../../src/core/latency-totals.ts'
import type { SyntheticReport } from '../../src/core/synthetic.ts'

const OUTCOMES = {
  ok: 900,
  clientError: 50,
  serverError: 40,
  refused: 4,
  reset: 3,
  timeout: 2,
  malformed: 1,
  overload: 0,
  aborted: 0,
  unjudged: 0,
}

const latency = new LatencyTotals()
latency.add(1500, 900)
latency.add(12_250, 99)
latency.add(31_000_000, 1)

export function versionView(version: string, weight: number): VersionView {
  return {
    version,
    weight,
    targets: [
      {
        url: 'http://127.0.0.1:9001',
        healthy: true,
        standing: 'healthy',
        reason: '',
        until: null,
        share: 1,
        inFlight: 1,
      },
    ],
    stats: {
      requests: 1000,
      errors: 50,
      errorRate: 0.05,
      p50: 1.5,
      p90: 3,
      p99: 12.25,
      inFlight: 1,
      rate: 16.7,
      rescued: 2,
    },
    totals: { outcomes: OUTCOMES, rescued: 2, latency: latency.view() },
    tries: 1,
  }
}

/** Evidence of errors that is not much. */
export function errorsView(change: Partial<EvidenceView> = {}): EvidenceView {
  return {
    metric: 'errors',
    value: 1.2,
    pValue: 1 / 1.2,
    bar: 200,
    leadsTo: 'roll-back',
    comparison: 'stable',
    tests: [
      { against: 'bound', value: 3, bestTimes: 4 },
      { against: 'stable', value: 1.2, bestTimes: 2 },
    ],
    candidate: { requests: 1000, bad: 2, rate: 0.002 },
    stable: { requests: 19_000, bad: 19, rate: 0.001 },
    limits: {
      bound: 0.001,
      boundFrom: 'setting',
      stableMs: null,
      candidateMs: null,
      tailLevel: null,
    },
    bestTimes: 2,
    userErrors: null,
    failures: [],
    wouldChange: '4 more failed requests in a row would roll it back.',
    text: 'Nothing speaks against v2.',
    ...change,
  }
}

export const PROOF: ProofView = {
  proof: 'errors',
  excludes: 0.01,
  value: 12,
  bar: 40,
  proven: false,
  missingRequests: 1240,
  aboutSeconds: 12,
  text: "needs 1,240 more clean requests of the candidate, about 12 s at today's rate, to show that fewer than 1 % of its requests fail",
}

export const RISK: RiskView = {
  errorRate: 0.004,
  confidence: 0.95,
  text: "95 % upper bound on the candidate's error rate: 0.4 % (2 of 1,000 requests failed)",
}

export function serviceView(name: string, change: Partial<ServiceView> = {}): ServiceView {
  return {
    name,
    revision: 7,
    stable: versionView('v1', 95),
    candidate: versionView('v2', 5),
    rollout: {
      id: `${name}-1`,
      phase: 'shifting',
      step: 1,
      steps: [
        { weight: 5, observeSeconds: 30 },
        { weight: 100, observeSeconds: 60 },
      ],
      paused: false,
      reason: 'watches for another 12 s',
      waitsFor: 'watching',
      startedAt: '2026-01-01T00:00:00.000Z',
      gates: null,
      gateReports: [],
      evidence: [errorsView()],
      proofs: [PROOF],
      residualRisk: RISK,
      mirror: null,
    },
    ended: null,
    previous: null,
    quarantine: {},
    ...change,
  }
}

export function nodeView(change: Partial<NodeView> = {}): NodeView {
  return {
    version: '1.2.3',
    pid: process.pid,
    ready: true,
    draining: false,
    degraded: [],
    startedAt: '2026-01-01T00:00:00.000Z',
    listen: '127.0.0.1:8080',
    threads: [
      { thread: 0, connections: 3, restarts: 0 },
      { thread: 1, connections: 4, restarts: 1 },
    ],
    fleet: null,
    ...change,
  }
}

export function entry(seq: number, change: Partial<JournalEntry> = {}): JournalEntry {
  return {
    seq,
    at: '2026-01-01T00:00:00.000Z',
    kind: 'raise',
    service: 'shop',
    epoch: seq,
    text: `Entry ${seq}`,
    by: 'rollout',
    ...change,
  }
}

/** The report of a healthy version. */
export function reportView(change: Partial<SyntheticReport> = {}): SyntheticReport {
  const latency = { min: 1, mean: 4, p50: 3.25, p90: 8, p99: 41.5, p999: 60, max: 1250 }
  const of = { service: 'shop', version: 'v2', scenario: 'home' }
  return {
    ...{ run: 'r-1', startedAt: '2026-01-01T00:00:00.000Z', durationMs: 10_012, ...of },
    ...{ transactions: 100, failed: 0, requests: 200, errors: 0, errorRate: 0, throughput: 20 },
    warmUp: null,
    latency,
    spectrum: [
      { ms: 3.25, count: 100 },
      { ms: 41.5, count: 198 },
      { ms: 1250, count: 200 },
    ],
    steps: [
      { name: 'log in', requests: 100, errors: 0, latency },
      { name: 'pay', requests: 100, errors: 0, latency: null },
    ],
    assertions: [
      {
        ...{ metric: 'p99_latency', bound: 50, value: 41.5, passed: true },
        text: 'p99_latency is 41.5 ms, at most 50 ms is asked',
      },
    ],
    failures: [],
    result: { healthy: true, ...of, failures: [] },
    ...change,
  }
}

/** Of a node that works alone. */
export function serviceAnswer(service: ServiceView, note = ''): Answer {
  return { ok: true, answer: 'service', service, note, convergence: null }
}

/** Answers like a node that works alone, with one service `shop` on which every change succeeds. */
export function obliging(command: Command): Answer {
  if (command.do === 'node') return { ok: true, answer: 'node', node: nodeView() }
  if (command.do === 'services') {
    return { ok: true, answer: 'services', services: [serviceView('shop')] }
  }
  if (command.service !== 'shop') {
    return {
      ok: false,
      problem: {
        status: 404,
        code: 'unknown-service',
        title: 'Unknown service',
        detail: `Cannot find the service as it is not configured: current value is ${command.service}`,
        allowed: ['shop'],
      },
    }
  }
  if (command.do === 'synthetic') return { ok: true, answer: 'synthetic', report: reportView() }
  if (command.do === 'fleet-journal') {
    return { ok: false, problem: worksAlone("read the fleet's journal") }
  }
  return serviceAnswer(serviceView('shop'), `did ${command.do}`)
}

export interface Admin {
  readonly url: string
  readonly port: number
  readonly stateDir: string
  /** Every command that arrived, oldest first. */
  readonly asked: Command[]
  /** How many questions were taken back. */
  cancelled: number
  /** Decides the answers from now on; null leaves the question open. */
  answer: (command: Command) => Answer | null
  readonly tell: (message: Tell) => void
  readonly stop: () => Promise<number>
}

export async function startAdmin(
  options: { token?: string | null; host?: string; port?: number } = {},
): Promise<Admin> {
  const { token = null, host = '127.0.0.1', port: wanted = 0 } = options
  const stateDir = await mkdtemp(join(tmpdir(), 'vertex-admin-'))
  const { port1, port2 } = new MessageChannel()
  const board = shareBoard(
    createBoard({ threads: 2, services: 1, slots: 4, targets: 4, latencyStripes: 1 }),
  )
  const workerData: AdminData = {
    port: port2,
    board,
    listen: { host, port: wanted },
    token,
    stateDir,
    version: '1.2.3',
  }
  const url = new URL('../../src/admin/thread.ts', import.meta.url)
  const worker = new Worker(url, { workerData, transferList: [port2] })
  const exited = Promise.withResolvers<number>()
  worker.on('exit', (code) => exited.resolve(code))
  const listening = Promise.withResolvers<number>()
  worker.on('error', (error) => listening.reject(error))
  const asked: Command[] = []
  port1.on('message', (message: Ask | Cancel | Tell) => {
    if ('cancel' in message) {
      admin.cancelled++
      return
    }
    if ('tell' in message) {
      if (message.tell === 'listening') listening.resolve(message.port)
      return
    }
    asked.push(message.command)
    const answer = admin.answer(message.command)
    if (answer !== null) port1.postMessage({ tell: 'answer', id: message.id, answer })
  })
  const tell = (message: Tell): void => port1.postMessage(message)
  const stop = async (): Promise<number> => {
    tell({ tell: 'stop' })
    const code = await exited.promise
    port1.close()
    await rm(stateDir, { recursive: true, force: true })
    return code
  }
  let port = 0
  tell({ tell: 'listen' })
  try {
    port = await listening.promise
  } catch (error) {
    port1.close()
    await rm(stateDir, { recursive: true, force: true })
    throw error
  }
  const admin: Admin = {
    url: `http://${host}:${port}`,
    port,
    stateDir,
    asked,
    cancelled: 0,
    answer: obliging,
    tell,
    stop,
  }
  return admin
}

export interface Got {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly text: string
  /** The parsed body, or null when it is no JSON. */
  readonly json: Record<string, unknown> | null
}

export interface Sent {
  readonly method?: string
  readonly headers?: Record<string, string>
  /** Sent as JSON with its media type, unless it is a string. */
  readonly body?: unknown
}

export async function call(url: string, { method = 'GET', headers = {}, body }: Sent = {}) {
  const json = body === undefined || typeof body === 'string' ? null : JSON.stringify(body)
  const answer = await request(url, {
    method,
    headers: { ...(json === null ? {} : { 'content-type': 'application/json' }), ...headers },
    body: json ?? (typeof body === 'string' ? body : null),
  })
  const text = await answer.body.text()
  const isJson = String(answer.headers['content-type']).includes('json') && text !== ''
  const got: Got = {
    status: answer.statusCode,
    headers: answer.headers,
    text,
    json: isJson ? JSON.parse(text) : null,
  }
  return got
}
