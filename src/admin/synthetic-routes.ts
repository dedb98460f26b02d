// The route that runs a synthetic transaction against a version and answers with its report. The
// report of a version that is not healthy is an answer like any other: 200.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Probe } from '../core/command.ts'
import type { Assertion } from '../core/synthetic.ts'
import { type ControlLink, SYNTHETIC_LIMIT_MS } from './control-link.ts'
import { sendProblem, type WebProblem } from './problem-document.ts'
import * as form from './schemas.ts'
import { SyntheticBody, SyntheticReportSchema } from './synthetic-schemas.ts'

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

/** The schema has seen to its form. */
function milliseconds(text: string): number {
  const [, amount, unit = ''] = /^([\d.]+)(ms|s|m)$/.exec(text) ?? []
  return Number(amount) * (UNIT_MS[unit] ?? Number.NaN)
}

type Given = NonNullable<SyntheticBody['assertions']>[number]

function readAssertion({ metric, min, threshold }: Given): Assertion | WebProblem {
  if (metric === 'throughput') {
    if (min !== undefined && threshold === undefined) return { metric, min }
    return unreadable('throughput takes min, in requests a second')
  }
  if (threshold === undefined || min !== undefined) {
    return unreadable(`${metric} takes threshold`)
  }
  if (metric === 'p99_latency' || threshold <= 1) return { metric, threshold }
  return unreadable(`the threshold of error_rate is a fraction from 0 to 1`, threshold)
}

function unreadable(rule: string, value?: number): WebProblem {
  const current = value === undefined ? '' : `: current value is ${value}`
  return {
    status: 422,
    code: 'invalid-assertion',
    title: 'Invalid assertion',
    detail: `Cannot read an assertion as ${rule}${current}`,
  }
}

/** The command of a body, or what is wrong with the body. */
function probeOf(service: string, body: SyntheticBody): Probe | WebProblem {
  const { duration, rate = null, scenario, version } = body
  const assertions: Assertion[] = []
  for (const given of body.assertions ?? []) {
    const read = readAssertion(given)
    if ('code' in read) return read
    assertions.push(read)
  }
  const durationMs = duration === undefined ? null : milliseconds(duration)
  return { do: 'synthetic', service, version, scenario, assertions, rate, durationMs }
}

export function syntheticRoutes(app: FastifyInstance, link: ControlLink): void {
  app.post(
    '/v1/services/:service/synthetic',
    {
      schema: {
        summary: 'Run a synthetic transaction against a version, at any weight',
        description: 'Goes straight to its targets and changes nothing; answers when it has ended.',
        tags: ['versions'],
        params: form.ServiceParams,
        body: SyntheticBody,
        response: { 200: SyntheticReportSchema, ...form.REFUSALS },
      },
    },
    async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const { service } = request.params as form.ServiceParams
      const probe = probeOf(service, request.body as SyntheticBody)
      if ('code' in probe) return sendProblem(reply, probe)
      // Nothing is sent either way meanwhile, which would else end an idle connection.
      request.raw.socket.setTimeout(SYNTHETIC_LIMIT_MS)
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort()) // also behind an answer, when nothing is open
      const answer = await link.probe(probe, gone.signal)
      if (!answer.ok) return sendProblem(reply, answer.problem)
      if (answer.answer !== 'synthetic') throw new Error(`the answer is a ${answer.answer}`)
      return reply.send(answer.report)
    },
  )
}
