// What the admin API tells of a fleet, as JSON Schema: the nodes with their standing, and how far
// the changes of each service have come.

import { Type } from '../core/json-schema.ts'
import { nullable } from './schema-parts.ts'

export const ConvergenceSchema = Type.Object(
  {
    service: Type.String(),
    revision: Type.Integer(),
    applied: Type.Array(
      Type.Object({
        node: Type.String(),
        afterMs: Type.Number({ description: 'After the decision, by the clocks of both nodes' }),
      }),
      { description: 'Nodes that serve by this revision' },
    ),
    waiting: Type.Array(Type.String(), { description: 'Live nodes that have not confirmed it' }),
  },
  { description: 'How far a change has come in the fleet' },
)

const MemberSchema = Type.Object({
  node: Type.String(),
  isSelf: Type.Boolean({ description: 'It is the node that was asked' }),
  version: Type.String({ description: 'Of Vertex' }),
  format: Type.Integer({ description: 'The largest format of documents that it can read' }),
  startedAt: Type.String({ format: 'date-time' }),
  listen: Type.String(),
  silentMs: Type.Number({ description: 'Since it was last heard of, by the clock of Redis' }),
  isLive: Type.Boolean({ description: 'Heard of recently enough to be waited for' }),
  clockAheadMs: Type.Number({ description: 'How far its clock is ahead of the one of Redis' }),
})

export const FleetSchema = Type.Object(
  {
    node: Type.String({ description: 'The name of the node that was asked' }),
    standing: Type.Enum(['leading', 'following', 'cut-off']),
    leader: nullable(Type.String({ description: 'Null: nobody leads, or it is not known' })),
    mayNotRaise: nullable(
      Type.String({ description: 'Why no weight may be raised here, as a clause' }),
    ),
    redis: Type.String({ description: 'Where it is, without secrets' }),
    awaySince: nullable(Type.String({ format: 'date-time', description: 'Null: Redis is there' })),
    meaning: Type.String({ description: 'What that means now; empty when all is well' }),
    members: Type.Array(MemberSchema),
    services: Type.Array(ConvergenceSchema),
  },
  { description: 'The fleet as this node sees it' },
)
