// The routes about the fleet: the nodes as this one sees them, and the journal that all of them
// write. A node that works alone has neither, and says so.

import type { FastifyInstance } from 'fastify'
import { worksAlone } from '../core/fleet/alone.ts'
import type { ControlLink } from './control-link.ts'
import { FleetSchema } from './fleet-schemas.ts'
import { sendProblem } from './problem-document.ts'
import { FleetJournalQuery, FleetJournalSchema, REFUSALS } from './schemas.ts'

/** Registers `/v1/fleet` and `/v1/fleet/journal`. */
export function fleetRoutes(app: FastifyInstance, link: ControlLink): void {
  app.get(
    '/v1/fleet',
    {
      schema: {
        summary: 'The fleet as this node sees it',
        tags: ['fleet'],
        response: { 200: FleetSchema, ...REFUSALS },
      },
    },
    async (_, reply) => {
      const answer = await link.ask({ do: 'node' })
      if (!answer.ok) return sendProblem(reply, answer.problem)
      if (answer.answer !== 'node') throw new Error(`"node" was answered with ${answer.answer}`)
      const { fleet } = answer.node
      return fleet === null
        ? sendProblem(reply, worksAlone('describe the fleet'))
        : reply.send(fleet)
    },
  )
  app.get<{ Querystring: FleetJournalQuery }>(
    '/v1/fleet/journal',
    {
      schema: {
        summary: 'The newest decisions about a service, of all nodes, as the fleet learned of them',
        tags: ['fleet', 'journal'],
        querystring: FleetJournalQuery,
        response: { 200: FleetJournalSchema, ...REFUSALS },
      },
    },
    async (request, reply) => {
      const { service, limit: count = 100 } = request.query
      const answer = await link.ask({ do: 'fleet-journal', service, count })
      if (!answer.ok) return sendProblem(reply, answer.problem)
      if (answer.answer !== 'fleet-journal') {
        throw new Error(`"fleet-journal" was answered with ${answer.answer}`)
      }
      return reply.send({ entries: answer.entries })
    },
  )
}
