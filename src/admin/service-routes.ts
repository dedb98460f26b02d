// The routes about services: each turns a request into one `Command`, asks the control thread, and
// gives its answer back. Whether a change may be carried out is the control thread's judgement;
// here only the form of a request is checked.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Command } from '../core/command.ts'
import { weightFromPercent } from '../core/weight.ts'
import type { ControlLink } from './control-link.ts'
import { sendProblem, type WebProblem } from './problem-document.ts'
import * as form from './schemas.ts'

function etag(revision: number): string {
  return `"${revision}"`
}

/** The revision of an If-Match field: null when there is none or it is `*`, or a problem. */
export function readIfMatch(value: string | undefined): number | null | WebProblem {
  if (value === undefined || value.trim() === '*') return null
  const digits = /^\s*"(\d{1,15})"\s*$/.exec(value)?.[1]
  if (digits !== undefined) return Number(digits)
  return {
    status: 400,
    code: 'invalid-if-match',
    title: 'Invalid If-Match',
    detail: `Cannot read If-Match as it must be one revision in quotes: current value is ${JSON.stringify(value)}`,
    allowed: ['"<revision>"', '*'],
  }
}

type Serviced = FastifyRequest<{ Params: form.ServiceParams }>
type Versioned = FastifyRequest<{ Params: form.VersionParams }>

/** Asks, and answers with a service or with the refusal. */
async function relay(
  link: ControlLink,
  reply: FastifyReply,
  command: Command,
): Promise<FastifyReply> {
  const answer = await link.ask(command)
  if (!answer.ok) return sendProblem(reply, answer.problem)
  if (answer.answer === 'services') return reply.send({ services: answer.services })
  if (answer.answer === 'node') return reply.send(answer.node)
  if (answer.answer === 'synthetic') return reply.send(answer.report)
  if (answer.answer === 'fleet-journal') return reply.send({ entries: answer.entries })
  reply.header('etag', etag(answer.service.revision))
  const { convergence, note, service } = answer
  return reply.send(command.do === 'service' ? service : { ...service, note, convergence })
}

const looked = { 200: form.ServiceSchema, ...form.REFUSALS }
const changed = { 200: form.ChangedSchema, ...form.REFUSALS }
const ofService = { params: form.ServiceParams, headers: form.ChangeHeaders, tags: ['services'] }
const ofVersion = { params: form.VersionParams, headers: form.ChangeHeaders, tags: ['versions'] }

/** Reads If-Match, makes the command with it, and relays. */
function change<R extends Serviced | Versioned>(
  link: ControlLink,
  command: (request: R, ifMatch: number | null) => Command | WebProblem,
) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const ifMatch = readIfMatch(request.headers['if-match'])
    if (typeof ifMatch === 'object' && ifMatch !== null) return sendProblem(reply, ifMatch)
    const made = command(request as R, ifMatch)
    return 'code' in made ? sendProblem(reply, made) : await relay(link, reply, made)
  }
}

function weightCommand(request: Serviced, ifMatch: number | null): Command | WebProblem {
  const { candidate, force = false } = request.body as form.WeightBody
  const weight = weightFromPercent(candidate)
  if (weight !== null) {
    return { do: 'weight', service: request.params.service, weight, force, ifMatch }
  }
  return {
    status: 422,
    code: 'invalid-weight',
    title: 'Invalid weight',
    detail: `Cannot set the weight as it must be a percentage from 0 to 100 with at most two decimals: current value is ${candidate}`,
    allowed: ['0 to 100, at most two decimals'],
  }
}

function deployCommand(request: Serviced, ifMatch: number | null): Command {
  const body = request.body as form.DeployBody
  const { version, targets = [], replace = false, strategy = null } = body
  return {
    do: 'deploy',
    service: request.params.service,
    version,
    targets,
    replace,
    strategy,
    ifMatch,
  }
}

function lookRoutes(app: FastifyInstance, link: ControlLink): void {
  app.get(
    '/v1/services',
    {
      schema: {
        summary: 'All services',
        tags: ['services'],
        response: { 200: form.ServicesSchema, ...form.REFUSALS },
      },
    },
    (_, reply) => relay(link, reply, { do: 'services' }),
  )
  app.get<{ Params: form.ServiceParams }>(
    '/v1/services/:service',
    {
      schema: {
        summary: 'One service',
        params: form.ServiceParams,
        tags: ['services'],
        response: looked,
      },
    },
    (request, reply) => relay(link, reply, { do: 'service', service: request.params.service }),
  )
}

function rolloutRoutes(app: FastifyInstance, link: ControlLink): void {
  app.post(
    '/v1/services/:service/rollouts',
    {
      schema: {
        ...ofService,
        summary: 'Register a candidate and start its rollout',
        body: form.DeployBody,
        response: changed,
      },
    },
    change<Serviced>(link, deployCommand),
  )
  app.post(
    '/v1/services/:service/rollout/promote',
    {
      schema: {
        ...ofService,
        summary: 'Go to the next step now, or to 100 %; at 100 % it ends the bake',
        body: form.PromoteBody,
        response: changed,
      },
    },
    change<Serviced>(link, ({ params, body }, ifMatch) => {
      const { full = false } = body as form.PromoteBody
      return { do: 'promote', service: params.service, full, ifMatch }
    }),
  )
  for (const verb of ['pause', 'resume', 'abort'] as const) {
    app.post(
      `/v1/services/:service/rollout/${verb}`,
      {
        schema: {
          ...ofService,
          summary: `${verb[0]?.toUpperCase()}${verb.slice(1)} the rollout`,
          body: form.EmptyBody,
          response: changed,
        },
      },
      change<Serviced>(link, ({ params }, ifMatch) => {
        return { do: verb, service: params.service, ifMatch }
      }),
    )
  }
  app.post(
    '/v1/services/:service/rollback',
    {
      schema: {
        ...ofService,
        summary: 'Abort a rollout, or swap back to the previous stable',
        body: form.RollbackBody,
        response: changed,
      },
    },
    change<Serviced>(link, ({ params, body }, ifMatch) => {
      const { force = false } = body as form.RollbackBody
      return { do: 'rollback', service: params.service, force, ifMatch }
    }),
  )
}

/** Registers `/v1/services` and everything below it. */
export function serviceRoutes(app: FastifyInstance, link: ControlLink): void {
  lookRoutes(app, link)
  rolloutRoutes(app, link)
  app.put(
    '/v1/services/:service/weight',
    {
      schema: {
        ...ofService,
        summary: 'Set the split by hand',
        body: form.WeightBody,
        response: changed,
      },
    },
    change<Serviced>(link, weightCommand),
  )
  app.put(
    '/v1/services/:service/versions/:version/targets',
    {
      schema: {
        ...ofVersion,
        summary: 'Replace the targets of a version',
        body: form.TargetsBody,
        response: changed,
      },
    },
    change<Versioned>(link, ({ params, body }, ifMatch) => {
      const { targets } = body as form.TargetsBody
      return { do: 'targets', ...params, targets, ifMatch }
    }),
  )
  app.delete(
    '/v1/services/:service/quarantine/:version',
    { schema: { ...ofVersion, summary: 'Lift a quarantine', response: changed } },
    change<Versioned>(link, ({ params }, ifMatch) => ({ do: 'retry', ...params, ifMatch })),
  )
}
