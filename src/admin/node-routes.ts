// The routes about the node itself: liveness says that this process answers, readiness asks the
// control thread whether traffic should come here, and the metrics are made of its answers.

import type { FastifyInstance } from 'fastify'
import { Type } from '../core/json-schema.ts'
import { type Board, openBoard, type SharedBoard } from '../board/board.ts'
import { heartbeat } from '../board/liveness.ts'
import type { NodeView } from '../core/command.ts'
import type { ControlLink } from './control-link.ts'
import type { EventFeed } from './event-feed.ts'
import { METRICS_TYPE, metricsText } from './metrics.ts'
import { sendProblem } from './problem-document.ts'
import { NodeSchema, REFUSALS } from './schemas.ts'

const Text = { content: { 'text/plain': { schema: Type.String() } } }

function heartbeats(board: Board): number[] {
  return Array.from({ length: board.layout.threads }, (_, thread) => heartbeat(board, thread) >>> 0)
}

function processFigures() {
  const { user, system } = process.cpuUsage()
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startedSeconds: Math.round(Date.now() / 1000 - process.uptime()),
  }
}

/**
 * What does not work as it should is no reason to take the node out. Readiness is told without a
 * token, so it does not say what that is.
 */
function readyText({ degraded, fleet }: NodeView): string {
  const isWell = degraded.length === 0 && (fleet === null || fleet.meaning === '')
  return isWell ? 'ready\n' : 'ready, but degraded: see vertex status, or GET /v1/node\n'
}

function probeRoutes(app: FastifyInstance, link: ControlLink): void {
  app.get(
    '/livez',
    { schema: { summary: 'Liveness', tags: ['node'], response: { 200: Text } } },
    (_, reply) => reply.type('text/plain').send('ok\n'),
  )
  app.get(
    '/readyz',
    { schema: { summary: 'Readiness', tags: ['node'], response: { 200: Text, ...REFUSALS } } },
    async (_, reply) => {
      const answer = await link.ask({ do: 'node' })
      if (!answer.ok) return sendProblem(reply, answer.problem)
      if (answer.answer !== 'node') throw new Error(`"node" was answered with ${answer.answer}`)
      const { ready, draining } = answer.node
      if (ready && !draining) return reply.type('text/plain').send(readyText(answer.node))
      return sendProblem(reply, {
        status: 503,
        code: 'not-ready',
        title: 'Not ready',
        detail: draining
          ? 'Cannot take traffic as this node is draining'
          : 'Cannot take traffic as not all of this node is up yet',
      })
    },
  )
}

/** Registers `/livez`, `/readyz`, `/metrics` and `/v1/node`. */
export function nodeRoutes(
  app: FastifyInstance,
  { link, feed, board: shared }: { link: ControlLink; feed: EventFeed; board: SharedBoard },
): void {
  const board = openBoard(shared)
  probeRoutes(app, link)
  app.get(
    '/metrics',
    {
      schema: {
        summary: 'Metrics in the Prometheus text form',
        tags: ['node'],
        response: { 200: Text, ...REFUSALS },
      },
    },
    async (_, reply) => {
      const [node, services] = await Promise.all([
        link.ask({ do: 'node' }),
        link.ask({ do: 'services' }),
      ])
      if (!node.ok) return sendProblem(reply, node.problem)
      if (!services.ok) return sendProblem(reply, services.problem)
      if (node.answer !== 'node' || services.answer !== 'services') {
        throw new Error(`asked for metrics, answered ${node.answer} and ${services.answer}`)
      }
      const text = metricsText({
        node: node.node,
        services: services.services,
        decisions: feed.counts(),
        heartbeats: heartbeats(board),
        process: processFigures(),
      })
      return reply.header('content-type', METRICS_TYPE).send(text)
    },
  )
  app.get(
    '/v1/node',
    {
      schema: {
        summary: 'This node',
        tags: ['node'],
        response: { 200: NodeSchema, ...REFUSALS },
      },
    },
    async (_, reply) => {
      const answer = await link.ask({ do: 'node' })
      if (!answer.ok) return sendProblem(reply, answer.problem)
      if (answer.answer !== 'node') throw new Error(`"node" was answered with ${answer.answer}`)
      return reply.send(answer.node)
    },
  )
}
