// What goes over the admin API, as JSON Schema: requests are checked against it, and the OpenAPI
// document is made of it. Answers are described here but sent whole, so that a field that the core
// adds is never lost on the way; a test holds real answers against these schemas.

import type { Static } from 'typebox'
import { Type } from '../core/json-schema.ts'
import type { RolloutView } from '../core/command.ts'
import type { JournalKind } from '../core/journal.ts'
import { LATENCY_BOUNDS_MS } from '../core/latency-totals.ts'
import { OUTCOMES } from '../core/outcome.ts'
import { EvidenceSchema, ExplanationSchema, ProofSchema, RiskSchema } from './explanation-schema.ts'
import { ConvergenceSchema, FleetSchema } from './fleet-schemas.ts'
import { Count, Milliseconds, nullable, Percent } from './schema-parts.ts'

const Name = Type.String({ minLength: 1, maxLength: 128 })
const Targets = Type.Array(Type.String({ minLength: 1, maxLength: 2048 }), { maxItems: 256 })
const strict = { additionalProperties: false }

// --- what is sent to us
// ---------------------------------------------------------------------------

export const ServiceParams = Type.Object({ service: Name })
export const VersionParams = Type.Object({ service: Name, version: Name })
export const ChangeHeaders = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'The revision that the change is meant for, in quotes' }),
  ),
})

/** The range is judged by the handler, which names it. */
export const WeightBody = Type.Object(
  {
    candidate: Type.Number({ description: 'Percent, 0 to 100, at most two decimals' }),
    force: Type.Optional(
      Type.Boolean({
        description: 'A raise at once, without a look at the targets of the candidate',
      }),
    ),
  },
  strict,
)
export const DeployBody = Type.Object(
  {
    version: Name,
    targets: Type.Optional(Targets),
    replace: Type.Optional(Type.Boolean({ description: 'Supersede a rollout that runs' })),
    strategy: Type.Optional(Type.Object({}, { description: 'As in the config file' })),
  },
  strict,
)
export const PromoteBody = Type.Object(
  {
    full: Type.Optional(Type.Boolean({ description: 'To 100 % at once, past the steps between' })),
  },
  strict,
)
export const RollbackBody = Type.Object(
  { force: Type.Optional(Type.Boolean({ description: 'Even to targets that are not healthy' })) },
  strict,
)
export const EmptyBody = Type.Object({}, strict)
export const TargetsBody = Type.Object(
  {
    targets: Type.Array(Type.String({ minLength: 1, maxLength: 2048 }), {
      minItems: 1,
      maxItems: 256,
    }),
  },
  strict,
)
export const JournalQuery = Type.Object(
  {
    service: Type.Optional(Name),
    after: Type.Optional(Type.Integer({ minimum: 0, description: 'Entries with a greater seq' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
    kind: Type.Optional(
      Type.String({ maxLength: 512, description: 'Kinds of entries, separated by commas' }),
    ),
  },
  strict,
)
export const FleetJournalQuery = Type.Object(
  {
    service: Name,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  },
  strict,
)
export const EventsQuery = Type.Object(
  { service: Type.Optional(Name), after: Type.Optional(Type.Integer({ minimum: 0 })) },
  strict,
)

export type ServiceParams = Static<typeof ServiceParams>
export type VersionParams = Static<typeof VersionParams>
export type WeightBody = Static<typeof WeightBody>
export type DeployBody = Static<typeof DeployBody>
export type PromoteBody = Static<typeof PromoteBody>
export type RollbackBody = Static<typeof RollbackBody>
export type TargetsBody = Static<typeof TargetsBody>
export type JournalQuery = Static<typeof JournalQuery>
export type FleetJournalQuery = Static<typeof FleetJournalQuery>
export type EventsQuery = Static<typeof EventsQuery>

// --- what is answered
// -----------------------------------------------------------------------------

export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    allowed: Type.Optional(Type.Array(Type.String())),
  },
  { description: 'RFC 9457 problem document' },
)

const StatsSchema = Type.Object(
  {
    requests: Count,
    errors: Count,
    errorRate: Type.Number({ minimum: 0, maximum: 1, description: 'A fraction' }),
    p50: Milliseconds,
    p90: Milliseconds,
    p99: Milliseconds,
    inFlight: Count,
    rate: Type.Number({ minimum: 0, description: 'Requests a second' }),
    rescued: Count,
  },
  { description: 'Over the rolling window of 60 s' },
)

const TotalsSchema = Type.Object(
  {
    outcomes: Type.Object(Object.fromEntries(OUTCOMES.map((outcome) => [outcome, Count]))),
    rescued: Count,
    latency: Type.Object(
      {
        counts: Type.Array(Count, {
          minItems: LATENCY_BOUNDS_MS.length + 1,
          maxItems: LATENCY_BOUNDS_MS.length + 1,
          description:
            `Answers of at most ${LATENCY_BOUNDS_MS.join(', ')} ms, each above the bound before it; ` +
            'the last: slower than all',
        }),
        sumMs: Type.Number({ minimum: 0 }),
      },
      { description: 'Of answers that count for the verdict, until the head came' },
    ),
  },
  { description: 'Since the version became resident on this node; they only grow' },
)

const TargetSchema = Type.Object({
  url: Type.String(),
  healthy: Type.Boolean(),
  standing: Type.Enum(['healthy', 'ejected', 'checked-out', 'failing'], {
    description: 'ejected and checked-out get no requests; failing gets its own',
  }),
  reason: Type.String({ description: 'Why it is not healthy; empty when it is' }),
  until: nullable(
    Type.String({ format: 'date-time', description: 'Until when its requests speak against it' }),
  ),
  share: Type.Number({
    minimum: 0,
    maximum: 1,
    description: 'Of its fair share of requests: 0 when it is out, below 1 in slow start',
  }),
  inFlight: Count,
})

const VersionSchema = Type.Object({
  version: Type.String(),
  weight: Percent,
  targets: Type.Array(TargetSchema),
  stats: StatsSchema,
  totals: TotalsSchema,
  tries: Type.Integer({
    minimum: 0,
    description: 'Rollouts of it that began here; each may be wrong with probability alpha',
  }),
})

const WAITS_FOR = [
  'watching',
  'warming',
  'resident',
  'ejected',
  'unproven',
  'suspicion',
  'no-data',
  'requests',
  'no-refuge',
  'errors-proof',
  'latency-proof',
  'reopened',
  'gate',
  'fleet',
  'operator',
] as const satisfies readonly RolloutView['waitsFor'][]

const GATE_KIND = Type.Enum(['synthetic', 'command', 'webhook', 'manual', 'mirror'])

const GatesSchema = Type.Object({
  before: Percent,
  sinceAt: Type.String({ format: 'date-time', description: 'When the running one began' }),
  gates: Type.Array(
    Type.Object({
      name: Type.String(),
      kind: GATE_KIND,
      state: Type.Enum(['passed', 'running', 'waiting']),
    }),
  ),
})

const GateResultSchema = Type.Object({
  gate: Type.String(),
  kind: GATE_KIND,
  passed: Type.Boolean(),
  reason: Type.String(),
  startedAt: Type.String({ format: 'date-time' }),
  durationMs: Type.Number({ minimum: 0 }),
})
const MirrorSchema = Type.Object(
  {
    service: Type.String(),
    version: Type.String(),
    requests: Count,
    errors: Count,
    dropped: Count,
    p50Ms: Milliseconds,
    p99Ms: Milliseconds,
    compared: Count,
    mismatched: Count,
    differences: Type.Array(Type.Object({ text: Type.String(), count: Count })),
  },
  { description: 'What mirrored requests have shown of the candidate since its rollout began' },
)

const RolloutSchema = Type.Object({
  id: Type.String(),
  phase: Type.Enum(['proving', 'shifting', 'baking', 'manual']),
  step: Type.Integer({ minimum: 0, description: '1-based; 0 before the first raise' }),
  steps: Type.Array(Type.Object({ weight: Percent, observeSeconds: Type.Number({ minimum: 0 }) })),
  paused: Type.Boolean(),
  reason: Type.String({ description: 'What it waits for, or why it stands still: one sentence' }),
  waitsFor: nullable(
    Type.Enum(WAITS_FOR, { description: 'The same as a word; null: it is about to move' }),
  ),
  startedAt: Type.String({ format: 'date-time' }),
  gates: nullable(GatesSchema),
  gateReports: Type.Array(GateResultSchema, {
    description: 'Of the gates that ran last; whole reports are in the journal (kind gate)',
  }),
  evidence: Type.Array(EvidenceSchema, { description: 'What speaks against the candidate' }),
  proofs: Type.Array(ProofSchema, { description: 'What the end of the step or bake waits for' }),
  residualRisk: nullable(RiskSchema),
  mirror: nullable(MirrorSchema),
})

const viewMembers = {
  name: Type.String(),
  revision: Type.Integer({ description: 'For If-Match; grows with every change' }),
  stable: nullable(VersionSchema),
  candidate: nullable(VersionSchema),
  rollout: nullable(RolloutSchema),
  ended: nullable(
    Type.Object({
      id: Type.String(),
      ending: Type.Enum(['promoted', 'aborted', 'rolled-back', 'superseded']),
      reason: Type.String(),
      explanation: nullable(ExplanationSchema),
    }),
  ),
  previous: nullable(
    Type.Object({
      version: Type.String(),
      healthy: Type.Boolean(),
      retainedUntil: Type.String({ format: 'date-time' }),
    }),
  ),
  quarantine: Type.Record(
    Type.String(),
    Type.Object({
      reason: Type.String(),
      targets: Type.Optional(Type.Array(Type.String(), { description: 'That it had' })),
      evidence: Type.String(),
      at: Type.String({ format: 'date-time' }),
    }),
  ),
}

export const ServiceSchema = Type.Object(viewMembers)
export const ChangedSchema = Type.Object({
  ...viewMembers,
  note: Type.String({ description: 'What was done, or why nothing had to be' }),
  convergence: nullable(ConvergenceSchema),
})
export const ServicesSchema = Type.Object({ services: Type.Array(ServiceSchema) })

/** A record, so that the compiler notices a kind that is missing. */
export const KINDS: Readonly<Record<JournalKind, true>> = {
  start: true,
  config: true,
  rollout: true,
  raise: true,
  weight: true,
  hold: true,
  gate: true,
  pause: true,
  resume: true,
  promoted: true,
  aborted: true,
  'rolled-back': true,
  quarantine: true,
  retry: true,
  targets: true,
  evidence: true,
  target: true,
  thread: true,
  page: true,
  fleet: true,
}

export const EntrySchema = Type.Object({
  seq: Type.Integer(),
  at: Type.String({ format: 'date-time' }),
  kind: Type.Enum(Object.keys(KINDS)),
  service: nullable(Type.String()),
  epoch: nullable(Type.Integer()),
  text: Type.String(),
  by: Type.Enum(['operator', 'verdict', 'rollout', 'node']),
  weight: Type.Optional(Percent),
  evidence: Type.Optional(
    Type.Unknown({
      description:
        'What led to the decision. Of the kinds hold, pause, promoted, aborted and rolled-back ' +
        'an explanation as in `ended`; of raise and weight what `vertex simulate` needs to ' +
        'replay them, with the `explanation` beside it',
    }),
  ),
})

export const JournalSchema = Type.Object({
  entries: Type.Array(EntrySchema),
  /** Null when the end of the journal was reached. */
  next: nullable(Type.Integer({ description: 'Where to go on: the next value of `after`' })),
  last: nullable(Type.Integer({ description: 'The newest seq that was looked at' })),
})

export const FleetJournalSchema = Type.Object({
  entries: Type.Array(
    Type.Object({
      ...EntrySchema.properties,
      node: Type.String({ description: 'Who decided it; `seq` counts within a node' }),
    }),
  ),
})

export const NodeSchema = Type.Object({
  version: Type.String(),
  pid: Type.Integer(),
  ready: Type.Boolean(),
  draining: Type.Boolean(),
  degraded: Type.Array(Type.String()),
  startedAt: Type.String({ format: 'date-time' }),
  listen: Type.String(),
  threads: Type.Array(Type.Object({ thread: Type.Integer(), connections: Count, restarts: Count })),
  fleet: nullable(FleetSchema),
})

/** The answers that every route can give beside its own. */
export const REFUSALS = { '4XX': ProblemSchema, '5XX': ProblemSchema }
