// What goes over the admin API about synthetic transactions, as JSON Schema: what is ordered and
// the report. Both are described in core/synthetic.ts.

import type { Static } from 'typebox'
import { Type } from '../core/json-schema.ts'
import { Count, nullable } from './schema-parts.ts'

const Name = Type.String({ minLength: 1, maxLength: 128 })
const strict = { additionalProperties: false }
const Metric = Type.Enum(['p99_latency', 'error_rate', 'throughput'])

export const SyntheticBody = Type.Object(
  {
    version: Name,
    scenario: Name,
    assertions: Type.Optional(
      Type.Array(
        Type.Object(
          {
            metric: Metric,
            threshold: Type.Optional(
              Type.Number({
                minimum: 0,
                description: 'At most: milliseconds of p99_latency, a fraction of error_rate',
              }),
            ),
            min: Type.Optional(
              Type.Number({
                exclusiveMinimum: 0,
                description:
                  'At least so many requests a second, of throughput; the rate is raised to it',
              }),
            ),
          },
          strict,
        ),
        { maxItems: 16, description: 'Besides those of the scenario' },
      ),
    ),
    rate: Type.Optional(Type.Number({ exclusiveMinimum: 0, description: 'Transactions a second' })),
    duration: Type.Optional(
      Type.String({
        pattern: '^\\d+(\\.\\d+)?(ms|s|m)$',
        description: 'How long transactions become due, such as 10s',
      }),
    ),
  },
  strict,
)
export type SyntheticBody = Static<typeof SyntheticBody>

const Ms = Type.Number({ minimum: 0, description: 'Milliseconds' })
const LatencySchema = Type.Object(
  { min: Ms, mean: Ms, p50: Ms, p90: Ms, p99: Ms, p999: Ms, max: Ms },
  { description: 'From the time at which a request was due' },
)
const Failures = Type.Array(Type.Object({ text: Type.String(), count: Count }), {
  description: 'Kinds of failure, most frequent first',
})

export const SyntheticReportSchema = Type.Object({
  run: Type.String({ description: 'The value of x-vertex-synthetic on each of its requests' }),
  service: Type.String(),
  version: Type.String(),
  scenario: Type.String(),
  startedAt: Type.String({ format: 'date-time' }),
  durationMs: Count,
  transactions: Count,
  failed: Count,
  warmUp: nullable(
    Type.Object(
      { transactions: Count, failed: Count },
      { description: 'What was sent before to warm the version up; in no other figure' },
    ),
  ),
  requests: Count,
  errors: Count,
  errorRate: Type.Number({ minimum: 0, maximum: 1, description: 'A fraction' }),
  throughput: Type.Number({
    minimum: 0,
    description: 'Good answers a second, counted from the first answer on',
  }),
  latency: nullable(LatencySchema),
  spectrum: Type.Array(
    Type.Object({ ms: Ms, count: Count }, { description: 'Requests at or below' }),
  ),
  steps: Type.Array(
    Type.Object({
      name: Type.String(),
      requests: Count,
      errors: Count,
      latency: nullable(LatencySchema),
    }),
  ),
  assertions: Type.Array(
    Type.Object({
      metric: Metric,
      bound: Type.Number(),
      value: nullable(Type.Number()),
      passed: Type.Boolean(),
      text: Type.String(),
    }),
  ),
  failures: Failures,
  result: Type.Object({
    healthy: Type.Boolean(),
    service: Type.String(),
    version: Type.String(),
    scenario: Type.String(),
    failures: Type.Array(Type.String(), {
      description: 'A sentence for each thing that is not as it must be',
    }),
  }),
})
