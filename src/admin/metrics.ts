// The Prometheus text form (version 0.0.4) of what the control thread answers. Each metric is one
// row: name, type, help and a function that lists its samples. The values live in other threads,
// so a client library with a registry of its own would only copy them; the text form itself is
// small.

import type { NodeView, ServiceView, VersionView } from '../core/command.ts'
import type { MirrorTally } from '../core/gate.ts'
import type { JournalKind } from '../core/journal.ts'
import { LATENCY_BOUNDS_MS } from '../core/latency-totals.ts'
import { OUTCOMES } from '../core/outcome.ts'
import { FLEET_METRICS } from './fleet-metrics.ts'

export interface Measured {
  readonly node: NodeView
  readonly services: readonly ServiceView[]
  /** Decisions of each kind by service since the start; '' is the node. */
  readonly decisions: ReadonlyMap<string, ReadonlyMap<JournalKind, number>>
  /** Heartbeats of each edge thread; a rate of 0 is a thread that hangs. */
  readonly heartbeats: readonly number[]
  readonly process: {
    readonly cpuSeconds: number
    readonly residentBytes: number
    readonly startedSeconds: number
  }
}

type Labels = Readonly<Record<string, string>>
/** What follows the metric's name is only there in a histogram. */
export type Sample = readonly [Labels, number, ending?: '_bucket' | '_sum' | '_count']

export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: (from: Measured) => Iterable<Sample>
}

function* versions(from: Measured): Generator<readonly [Labels, VersionView]> {
  for (const service of from.services) {
    for (const role of ['stable', 'candidate'] as const) {
      const view = service[role]
      if (view === null) continue
      yield [{ service: service.name, version: view.version, role }, view]
    }
  }
}

function perVersion(value: (view: VersionView) => number) {
  return function* (from: Measured): Generator<Sample> {
    for (const [labels, view] of versions(from)) yield [labels, value(view)]
  }
}

function* requests(from: Measured): Generator<Sample> {
  for (const [{ role: _, ...labels }, view] of versions(from)) {
    for (const outcome of OUTCOMES) yield [{ ...labels, outcome }, view.totals.outcomes[outcome]]
  }
}

function* rescued(from: Measured): Generator<Sample> {
  for (const [{ role: _, ...labels }, view] of versions(from)) yield [labels, view.totals.rescued]
}

function* standings(from: Measured): Generator<Sample> {
  for (const [labels, { targets }] of versions(from)) {
    for (const standing of ['ejected', 'checked-out', 'failing'] as const) {
      const times = targets.filter((target) => target.standing === standing).length
      yield [{ ...labels, standing }, times]
    }
  }
}

function* latency(from: Measured): Generator<Sample> {
  for (const [labels, { stats }] of versions(from)) {
    const quantiles = [
      ['0.5', stats.p50],
      ['0.9', stats.p90],
      ['0.99', stats.p99],
    ] as const
    for (const [quantile, ms] of quantiles) {
      if (ms !== null) yield [{ ...labels, quantile }, ms / 1000]
    }
  }
}

/** Without the role, as a version's history goes on when it is promoted. */
function* durations(from: Measured): Generator<Sample> {
  for (const [{ role: _, ...labels }, { totals }] of versions(from)) {
    const { counts, sumMs } = totals.latency
    let sum = 0
    for (const [at, count] of counts.entries()) {
      sum += count
      const bound = LATENCY_BOUNDS_MS[at]
      const le = bound === undefined ? '+Inf' : String(bound / 1000)
      yield [{ ...labels, le }, sum, '_bucket']
    }
    yield [labels, sumMs / 1000, '_sum']
    yield [labels, sum, '_count']
  }
}

function decided(kinds: readonly JournalKind[]) {
  return function* (from: Measured): Generator<Sample> {
    for (const { name } of from.services) {
      const counts = from.decisions.get(name)
      yield [{ service: name }, kinds.reduce((sum, kind) => sum + (counts?.get(kind) ?? 0), 0)]
    }
  }
}

function* phases(from: Measured): Generator<Sample> {
  for (const { name, rollout } of from.services) {
    if (rollout !== null) yield [{ service: name, phase: rollout.phase }, rollout.paused ? 0 : 1]
  }
}

function mirrored(value: (tally: MirrorTally) => number | null) {
  return function* (from: Measured): Generator<Sample> {
    for (const { name, rollout } of from.services) {
      const tally = rollout?.mirror ?? null
      const known = tally === null ? null : value(tally)
      if (tally !== null && known !== null) {
        yield [{ service: name, version: tally.version }, known]
      }
    }
  }
}

function node(value: (from: Measured) => number) {
  return (from: Measured): Sample[] => [[{}, value(from)]]
}

const METRICS: readonly Metric[] = [
  {
    name: 'vertex_requests_total',
    type: 'counter',
    help: 'Requests drawn for a version, by how they ended.',
    samples: requests,
  },
  {
    name: 'vertex_rescued_total',
    type: 'counter',
    help: 'Requests drawn for a version that stable answered after all.',
    samples: rescued,
  },
  {
    name: 'vertex_requests_in_flight',
    type: 'gauge',
    help: 'Requests of a version that are not answered yet.',
    samples: perVersion((view) => view.stats.inFlight),
  },
  {
    name: 'vertex_weight_ratio',
    type: 'gauge',
    help: 'Share of the requests that a version gets, 0 to 1.',
    samples: perVersion((view) => view.weight / 100),
  },
  {
    name: 'vertex_error_ratio',
    type: 'gauge',
    help: 'Share of failed requests over the window, 0 to 1.',
    samples: perVersion((view) => view.stats.errorRate),
  },
  {
    name: 'vertex_latency_seconds',
    type: 'gauge',
    help: 'Latency quantiles over the window.',
    samples: latency,
  },
  {
    name: 'vertex_request_duration_seconds',
    type: 'histogram',
    help: 'Time to the head of answers that count for the verdict.',
    samples: durations,
  },
  {
    name: 'vertex_targets',
    type: 'gauge',
    help: 'Targets of a version.',
    samples: perVersion((view) => view.targets.length),
  },
  {
    name: 'vertex_targets_healthy',
    type: 'gauge',
    help: 'Healthy targets of a version.',
    samples: perVersion((view) => view.targets.filter(({ healthy }) => healthy).length),
  },
  {
    name: 'vertex_targets_unhealthy',
    type: 'gauge',
    help: 'Targets of a version that are ejected, checked-out, or failing but served.',
    samples: standings,
  },
  {
    name: 'vertex_rollbacks_total',
    type: 'counter',
    help: 'Candidates taken out by the verdict or an operator.',
    samples: decided(['rolled-back', 'aborted']),
  },
  {
    name: 'vertex_promotions_total',
    type: 'counter',
    help: 'Candidates that became stable.',
    samples: decided(['promoted']),
  },
  {
    name: 'vertex_mirror_requests',
    type: 'gauge',
    help: 'Requests mirrored to a candidate since its rollout began.',
    samples: mirrored(({ requests }) => requests),
  },
  {
    name: 'vertex_mirror_errors',
    type: 'gauge',
    help: 'Mirrored requests that failed.',
    samples: mirrored(({ errors }) => errors),
  },
  {
    name: 'vertex_mirror_dropped',
    type: 'gauge',
    help: 'Requests that were not mirrored as the budget was used up.',
    samples: mirrored(({ dropped }) => dropped),
  },
  {
    name: 'vertex_mirror_compared',
    type: 'gauge',
    help: "Pairs of stable's and the candidate's answers that were compared.",
    samples: mirrored(({ compared }) => compared),
  },
  {
    name: 'vertex_mirror_mismatched',
    type: 'gauge',
    help: 'Compared pairs that differed in more than noise.',
    samples: mirrored(({ mismatched }) => mismatched),
  },
  {
    name: 'vertex_mirror_latency_p99_seconds',
    type: 'gauge',
    help: 'The 99th percentile of the latency of mirrored requests.',
    samples: mirrored(({ p99Ms }) => (p99Ms === null ? null : p99Ms / 1000)),
  },
  {
    name: 'vertex_rollout_moving',
    type: 'gauge',
    help: 'A rollout in this phase: 1 while it moves, 0 while it is paused.',
    samples: phases,
  },
  {
    name: 'vertex_service_revision',
    type: 'gauge',
    help: 'Revision of a service.',
    samples: (from) => from.services.map(({ name, revision }) => [{ service: name }, revision]),
  },
  {
    name: 'vertex_thread_connections',
    type: 'gauge',
    help: 'Client connections of an edge thread.',
    samples: (from) =>
      from.node.threads.map((view) => [{ thread: `${view.thread}` }, view.connections]),
  },
  {
    name: 'vertex_thread_restarts_total',
    type: 'counter',
    help: 'How often an edge thread was replaced.',
    samples: (from) =>
      from.node.threads.map((view) => [{ thread: `${view.thread}` }, view.restarts]),
  },
  {
    name: 'vertex_thread_heartbeats_total',
    type: 'counter',
    help: 'Turns of an edge thread; a rate of 0 is a thread that hangs.',
    samples: (from) => from.heartbeats.map((beats, thread) => [{ thread: `${thread}` }, beats]),
  },
  {
    name: 'vertex_ready',
    type: 'gauge',
    help: 'Whether this node takes traffic.',
    samples: node(({ node: { ready, draining } }) => (ready && !draining ? 1 : 0)),
  },
  {
    name: 'vertex_degraded',
    type: 'gauge',
    help: 'Things that do not work as they should.',
    samples: node(({ node: { degraded } }) => degraded.length),
  },
  ...FLEET_METRICS,
  {
    name: 'vertex_build_info',
    type: 'gauge',
    help: 'The release that runs.',
    samples: (from) => [[{ version: from.node.version }, 1]],
  },
  {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of the process, all threads.',
    samples: node((from) => from.process.cpuSeconds),
  },
  {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Resident memory of the process.',
    samples: node((from) => from.process.residentBytes),
  },
  {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'When the process started, in Unix time.',
    samples: node((from) => from.process.startedSeconds),
  },
]

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    return `${name}="${escaped}"`
  })
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** The whole exposition. Metrics without a sample are left out. */
export function metricsText(from: Measured): string {
  const lines: string[] = []
  for (const { name, type, help, samples } of METRICS) {
    const values = [...samples(from)]
    if (values.length === 0) continue
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
    for (const [labels, value, ending = ''] of values) {
      lines.push(`${name}${ending}${labelText(labels)} ${value}`)
    }
  }
  return `${lines.join('\n')}\n`
}
