// The rivals on Node, each in the form that its README shows, with keep-alive to the app server:
// http-proxy (what most use, unmaintained since 2020), httpxy (its successor in spirit) and
// @fastify/reply-from (undici behind fastify). What they lack is written as their user would write
// it, as short as can be: the choice among two targets, a map of routes, a line a request in a log.

import { createWriteStream } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import replyFrom from '@fastify/reply-from'
import fastify, { type FastifyInstance } from 'fastify'
import httpProxy from 'http-proxy'
import { createProxyServer } from 'httpxy'
import { answerParent } from './rpc.ts'
import type { Way } from './server-configs.ts'

export interface NodeRivalStart {
  readonly name: 'http-proxy' | 'httpxy' | '@fastify/reply-from'
  readonly way: Way
}

/** FNV-1a, as good as any to spread cookies over two targets. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  }
  return value >>> 0
}

type Choose = (request: IncomingMessage) => string | null

/** The URL of the target of a request, or null when no route leads anywhere. */
function chooser({ targets, split, cookie, prefixes }: Way): Choose {
  const [stable = '', candidate = ''] = targets.map((port) => `http://127.0.0.1:${port}`)
  if (split !== undefined) return () => (Math.random() * 100 < split ? candidate : stable)
  if (cookie !== undefined) {
    const value = new RegExp(`(?:^|; *)${cookie}=([^;]*)`)
    return ({ headers }) => {
      const found = value.exec(headers.cookie ?? '')?.[1] ?? ''
      return hash(found) % 2 === 0 ? stable : candidate
    }
  }
  if (prefixes === undefined) return () => stable
  const routes = new Map(prefixes.map((prefix) => [prefix, stable]))
  return ({ url = '' }) => routes.get(url.slice(0, url.indexOf('/', 1))) ?? null
}

type Web = (request: IncomingMessage, response: ServerResponse, target: string) => void

function webOf(name: 'http-proxy' | 'httpxy'): Web {
  // Without a cap: http-proxy leaves the request to the app server open when its client leaves in
  // the middle of an answer, as wrk does at the end of each slice, and would soon have none left.
  const agent = new http.Agent({ keepAlive: true })
  const fail = (response: ServerResponse): void => void response.destroy()
  if (name === 'http-proxy') {
    const proxy = httpProxy.createProxyServer({ agent, xfwd: true })
    proxy.on('error', (_error, _request, response) => response.destroy())
    return (request, response, target) => proxy.web(request, response, { target })
  }
  const proxy = createProxyServer({ agent, xfwd: true })
  return (request, response, target) => {
    proxy.web(request, response, { target }).catch(() => fail(response))
  }
}

function serveHttp(name: 'http-proxy' | 'httpxy', way: Way): Promise<number> {
  const choose = chooser(way)
  const web = webOf(name)
  const log = way.logFile === undefined ? null : createWriteStream(way.logFile, { flags: 'a' })
  const server = http.createServer((request, response) => {
    const target = choose(request)
    if (target === null) {
      response.writeHead(404).end()
      return
    }
    if (log !== null) {
      const began = performance.now()
      response.once('finish', () => {
        const ms = (performance.now() - began).toFixed(3)
        const { method, url, socket } = request
        const line = { at: new Date().toISOString(), client: socket.remoteAddress, method, url }
        log.write(`${JSON.stringify({ ...line, status: response.statusCode, ms })}\n`)
      })
    }
    web(request, response, target)
  })
  server.keepAliveTimeout = 60_000
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

async function serveFastify(way: Way): Promise<number> {
  const { logFile, prefixes, targets } = way
  const logger = logFile === undefined ? false : { file: logFile }
  const app: FastifyInstance = fastify({ logger, keepAliveTimeout: 60_000 })
  // Bodies pass as they come, as @fastify/http-proxy has it.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  const one = targets.length === 1
  await app.register(replyFrom, {
    ...(one ? { base: `http://127.0.0.1:${targets[0]}` } : {}),
    undici: { connections: 128, pipelining: 1 },
    disableRequestLogging: true,
  })
  const chooseTwo = one ? null : chooser(way)
  for (const at of prefixes?.map((prefix) => `${prefix}/*`) ?? ['/*']) {
    app.all(at, (request, reply) => {
      const target = chooseTwo === null ? '' : (chooseTwo(request.raw) ?? '')
      return reply.from(target + request.url, {
        rewriteRequestHeaders: (_request, headers) => ({
          ...headers,
          'x-forwarded-for': request.ip,
        }),
      })
    })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

answerParent({
  start: (argument) => {
    const { name, way } = argument as NodeRivalStart
    return name === '@fastify/reply-from' ? serveFastify(way) : serveHttp(name, way)
  },
})
