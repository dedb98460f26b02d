// How a verdict explains itself, as JSON Schema for the OpenAPI document; the form is that of
// core/explanation.ts. A test holds real explanations against it.

import { Type } from '../core/json-schema.ts'
import { OUTCOMES } from '../core/outcome.ts'
import { Count, Milliseconds, nullable } from './schema-parts.ts'

const Fraction = Type.Number({ minimum: 0, maximum: 1, description: 'A fraction' })
const Times = nullable(
  Type.Number({ description: 'How many times worse it looks; null when it looks no worse' }),
)

const ArmSchema = Type.Object({
  requests: Count,
  bad: Type.Integer({ minimum: 0, description: 'Failed, or slower than the limit' }),
  rate: Fraction,
  p99: Type.Optional(Milliseconds),
})

const FailureSchema = Type.Object({
  requestId: Type.String({ description: 'As in X-Request-Id and in the access log' }),
  outcome: Type.Enum([...OUTCOMES]),
  status: Type.Integer({ description: 'That the version answered; 0 when it did not' }),
  at: Type.String({ format: 'date-time' }),
})

/** One metric's evidence against the candidate. */
export const EvidenceSchema = Type.Object({
  metric: Type.Enum(['errors', 'p99']),
  value: nullable(
    Type.Number({ minimum: 0, description: 'E, the betting score; null while there is no test' }),
  ),
  pValue: nullable(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'min(1, 1/E): valid however often one looks',
    }),
  ),
  bar: nullable(Type.Number({ description: 'What happens when the value reaches this …' })),
  leadsTo: Type.Enum(['roll-back', 'reopen', 'page'], { description: '… is this' }),
  comparison: Type.Enum(['stable', 'none', 'reopened'], {
    description: 'none: at 100 % stable gets no requests to compare with',
  }),
  tests: Type.Array(
    Type.Object({
      against: Type.Enum(['bound', 'stable']),
      value: Type.Number({ minimum: 0 }),
      bestTimes: Times,
    }),
    { description: 'Of errors both must reach the bar' },
  ),
  candidate: ArmSchema,
  stable: ArmSchema,
  limits: Type.Object({
    bound: nullable(Fraction),
    boundFrom: Type.Enum(['setting', 'stable']),
    stableMs: Milliseconds,
    candidateMs: Milliseconds,
    tailLevel: nullable(Fraction),
  }),
  bestTimes: Times,
  userErrors: nullable(Type.Object({ seen: Count, atMost: Count })),
  failures: Type.Array(FailureSchema, { maxItems: 5 }),
  wouldChange: Type.String({ description: 'What would change the decision' }),
  text: Type.String({ description: 'All of it in sentences' }),
})

/** How far a proof is that the end of the step waits for. */
export const ProofSchema = Type.Object({
  proof: Type.Enum(['errors', 'p99']),
  excludes: Type.Number({
    description: "The error rate (a fraction), or the multiple of stable's slow requests",
  }),
  value: nullable(Type.Number({ minimum: 0, description: 'F; null while it cannot be said' })),
  bar: Type.Number(),
  proven: Type.Boolean(),
  missingRequests: nullable(
    Type.Integer({
      minimum: 0,
      description: 'Clean ones of the candidate for errors, of both versions for p99',
    }),
  ),
  aboutSeconds: nullable(Type.Number({ minimum: 0, description: 'At the present rate' })),
  text: Type.String(),
})

export const RiskSchema = Type.Object({
  errorRate: Type.Number({ minimum: 0, maximum: 1, description: 'The candidate fails at most …' }),
  confidence: Type.Number({ minimum: 0, maximum: 1, description: '… with this probability' }),
  text: Type.String(),
})

/** All that was known of a candidate at one moment. */
export const ExplanationSchema = Type.Object({
  rollout: Type.String(),
  version: Type.String(),
  startedMs: Type.Number({ description: 'By the clock of the rollouts' }),
  evidence: Type.Array(EvidenceSchema),
  proofs: Type.Array(ProofSchema),
  residualRisk: RiskSchema,
})
