// The admin API as a fastify server: limits, the guard in front of everything, one form for all
// refusals, the OpenAPI document, and the routes. It is not on the request path of users. It never
// trusts a proxy's word about addresses.

import swagger from '@fastify/swagger'
import { Ajv, type AnySchema } from 'ajv'
import fastify, { type FastifyError, type FastifyInstance, type FastifyRequest } from 'fastify'
import type { AdminData } from './admin-data.ts'
import type { ControlLink } from './control-link.ts'
import { dashboardRoutes } from './dashboard.ts'
import type { EventFeed } from './event-feed.ts'
import { fleetRoutes } from './fleet-routes.ts'
import { guard } from './guard.ts'
import { journalRoutes } from './journal-routes.ts'
import { nodeRoutes } from './node-routes.ts'
import { JSON_TYPE, problemDocument, problemOfError, sendProblem } from './problem-document.ts'
import { serviceRoutes } from './service-routes.ts'
import { syntheticRoutes } from './synthetic-routes.ts'

/** A strategy with a hundred steps fits many times. */
const BODY_BYTES = 64 * 1024
const CONNECTIONS = 256
const HEAD_LIMIT_MS = 5000
const REQUEST_LIMIT_MS = 10_000
const KEEP_ALIVE_MS = 10_000
/** Above the heartbeat of event streams. */
const IDLE_MS = 60_000

interface Known {
  readonly path: RegExp
  /** As in the OpenAPI document. */
  readonly name: string
  readonly methods: Set<string>
}

/** Remembers the routes, so that a wrong method can be told from a wrong path. */
function rememberRoutes(app: FastifyInstance): readonly Known[] {
  const known = new Map<string, Known>()
  app.addHook('onRoute', ({ url, method }) => {
    const path = new RegExp(`^${url.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`)
    const name = url.replace(/:(\w+)/g, '{$1}')
    const entry = known.get(url) ?? { path, name, methods: new Set<string>() }
    known.set(url, entry)
    for (const one of [method].flat()) entry.methods.add(one)
    routes.splice(0, routes.length, ...known.values())
  })
  const routes: Known[] = []
  return routes
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0] ?? url
}

/** Paths that differ from this one in the last segment only. */
function neighbours(routes: readonly Known[], path: string): string[] {
  const parent = path.slice(0, path.lastIndexOf('/'))
  return routes
    .filter(({ path: { source } }) => {
      return new RegExp(`${source.slice(0, source.lastIndexOf('\\/'))}$`).test(parent)
    })
    .map(({ name }) => name)
}

function refusals(app: FastifyInstance, token: string | null): void {
  const routes = rememberRoutes(app)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store')
    reply.header('x-content-type-options', 'nosniff')
    const { method, headers } = request
    const problem = guard({ method, path: pathOf(request), headers }, token)
    if (problem === null) return
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="vertex"')
    return sendProblem(reply, problem)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request)
    const methods = [...(routes.find((route) => route.path.test(path))?.methods ?? [])]
    if (methods.length > 0) {
      reply.header('allow', methods.join(', '))
      const detail = `Cannot ${request.method} ${path} as it takes only ${methods.join(', ')}`
      const title = 'Method not allowed'
      return sendProblem(reply, {
        status: 405,
        code: 'wrong-method',
        title,
        detail,
        allowed: methods,
      })
    }
    const detail = `Cannot find ${path} as the API has no such path: see /openapi.json`
    const problem = { status: 404, code: 'unknown-path', title: 'Not found', detail }
    const allowed = neighbours(routes, path)
    return sendProblem(reply, allowed.length === 0 ? problem : { ...problem, allowed })
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = problemOfError(error, request.headers['content-type'])
    if (problem.status >= 500) process.stderr.write(`vertex admin: ${error.stack}\n`)
    return sendProblem(reply, problem)
  })
}

/** JSON only; an empty body is an empty object, so that a verb needs none. */
function bodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(JSON_TYPE, { parseAs: 'string' }, (request, text, done) => {
    const body = text.toString()
    if (body.trim() === '') done(null, {})
    else void parse(request, body, done) // it reports through \`done\`
  })
  app.addHook('preValidation', async (request) => {
    if (request.method !== 'GET' && request.body === undefined) request.body = {}
  })
}

/** Bodies are taken as they are; a query or a path is text, so numbers in it are converted. */
function schemas(app: FastifyInstance): void {
  const options = {
    ...{ allErrors: false, verbose: true, useDefaults: true, strict: false },
    // The schemas are ours and a test has them checked; the thread starts sooner without.
    ...{ meta: false, validateSchema: false, code: { optimize: false } },
  } as const
  const exact = new Ajv(options)
  const converting = new Ajv({ ...options, coerceTypes: true })
  app.setValidatorCompiler<AnySchema>(({ schema, httpPart }) =>
    (httpPart === 'body' ? exact : converting).compile(schema),
  )
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
}

async function describe(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Vertex admin API', version },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{}, { token: [] }],
    },
  })
  app.get('/openapi.json', { schema: { summary: 'This document', tags: ['node'] } }, (_, reply) =>
    reply.send(app.swagger()),
  )
}

/** A request that is not HTTP at all still gets a problem document. */
function badRequestText(): string {
  const detail = 'Cannot read the request as it is not HTTP/1.1 or too slow'
  const problem = { status: 400, code: 'bad-request', title: 'Bad request', detail }
  const body = JSON.stringify(problemDocument(problem))
  return `HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
}

/** Builds the server, ready to listen. */
export async function createServer(
  data: AdminData,
  { link, feed }: { readonly link: ControlLink; readonly feed: EventFeed },
): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    trustProxy: false,
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_LIMIT_MS,
    connectionTimeout: IDLE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    http: { headersTimeout: HEAD_LIMIT_MS, connectionsCheckingInterval: 1000 },
    routerOptions: { maxParamLength: 256 },
    clientErrorHandler: (_, socket) => {
      if (socket.writable) socket.end(badRequestText())
      else socket.destroy()
    },
  })
  app.server.maxConnections = CONNECTIONS
  refusals(app, data.token)
  bodies(app)
  schemas(app)
  await describe(app, data.version)
  nodeRoutes(app, { link, feed, board: data.board })
  serviceRoutes(app, link)
  syntheticRoutes(app, link)
  fleetRoutes(app, link)
  journalRoutes(app, { feed, link, stateDir: data.stateDir })
  dashboardRoutes(app)
  await app.ready()
  return app
}
