// A small app server, one version of it, as stands behind Vertex in the demo and in the compose
// file:
//
//   node src/demo/app.ts --version v1 --port 9001 [--latency-ms 5] [--error-rate 0]
//
// It answers with JSON that names its version, and it can be made bad at run time, by an IPC
// message { behave: {…} } from its parent or by POST /__behave from the same machine. It knows
// nothing of Vertex.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'

/** How the app answers. Shares are of all requests, 0 to 1. */
export interface AppBehaviour {
  /** Answered with 500. */
  readonly errorRate: number
  /** Mean time to an answer. */
  readonly latencyMs: number
  /** `exponential`: the mean is `latencyMs`, most are quicker and a few much slower. */
  readonly latency: 'fixed' | 'exponential'
  /** Applied to every latency. */
  readonly latencyMultiplier: number
  /** Never answered. */
  readonly hangRate: number
  /** Connections are cut as soon as they come. */
  readonly refuse: boolean
}

/** What the app tells its parent, when it has one. Times are Unix milliseconds with fractions. */
export type AppMessage =
  | { readonly tell: 'listening'; readonly port: number }
  | { readonly tell: 'failed'; readonly atMs: number }

const FAILURES_TOLD_MAX = 10_000
const BEHAVE_BYTES_MAX = 10_000

const { values } = parseArgs({
  options: {
    version: { type: 'string', default: 'v1' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    'latency-ms': { type: 'string', default: '5' },
    'error-rate': { type: 'string', default: '0' },
  },
})

let behaviour: AppBehaviour = {
  errorRate: Number(values['error-rate']),
  latencyMs: Number(values['latency-ms']),
  latency: 'exponential',
  latencyMultiplier: 1,
  hangRate: 0,
  refuse: false,
}
let failuresTold = 0

function tell(message: AppMessage): void {
  if (process.connected) process.send?.(message)
}

function delayMs(): number {
  const { latencyMs, latencyMultiplier, latency } = behaviour
  // Half of the time is the same for all requests, as in a real server.
  const varied =
    latency === 'fixed' ? latencyMs : latencyMs * (0.5 - 0.5 * Math.log(1 - Math.random()))
  return varied * latencyMultiplier
}

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  if (Math.random() < behaviour.hangRate) return
  const fails = Math.random() < behaviour.errorRate
  const nonce = request.headers['x-nonce']
  if (fails && failuresTold++ < FAILURES_TOLD_MAX) {
    tell({ tell: 'failed', atMs: performance.timeOrigin + performance.now() })
  }
  const said = fails ? { error: 'this version is broken' } : { message: 'hello', path: request.url }
  const body = `${JSON.stringify({ version: values.version, ...said })}\n`
  response.writeHead(fails ? 500 : 200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-app-version': values.version,
    ...(typeof nonce === 'string' ? { 'x-nonce': nonce } : {}),
  })
  response.end(body)
}

function behave(change: unknown): void {
  if (typeof change !== 'object' || change === null) return
  behaviour = { ...behaviour, ...change }
}

/** Takes a new behaviour from a process on the same machine. */
function readBehaviour(request: http.IncomingMessage, response: http.ServerResponse): void {
  const from = request.socket.remoteAddress ?? ''
  if (!from.endsWith('127.0.0.1') && from !== '::1') {
    response.writeHead(403).end('Cannot change the behaviour from another machine\n')
    return
  }
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => {
    text += chunk
    if (text.length > BEHAVE_BYTES_MAX) request.destroy()
  })
  request.on('end', () => {
    try {
      behave(JSON.parse(text))
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(`${JSON.stringify(behaviour)}\n`)
    } catch {
      response.writeHead(400).end('Cannot change the behaviour as the body is no JSON\n')
    }
  })
}

const server = http.createServer((request, response) => {
  if (request.url === '/health') response.end('ok\n')
  else if (request.url === '/__behave' && request.method === 'POST')
    readBehaviour(request, response)
  else {
    request.resume()
    setTimeout(answer, delayMs(), request, response)
  }
})
// Node's own 5 s would close connections that a proxy is about to use again.
server.keepAliveTimeout = 120_000
server.on('connection', (socket) => {
  if (behaviour.refuse) socket.destroy()
})
server.listen(Number(values.port), values.host, () => {
  const { port } = server.address() as AddressInfo
  tell({ tell: 'listening', port })
  console.log(`${values.version} listens on ${values.host}:${port}`)
})

function stop(): void {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
  setTimeout(() => process.exit(0), 2000).unref()
}
process.on('message', (message) => {
  if (typeof message === 'object' && message !== null && 'behave' in message) behave(message.behave)
})
process.once('disconnect', stop)
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
