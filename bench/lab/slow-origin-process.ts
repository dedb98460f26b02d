// The origin behind the slow attacks, as a process of its own: it reads whatever body comes, to its
// end, and then answers with a few bytes, or under /big with half a megabyte, which is more than
// the kernel keeps for a reader that does not read.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerParent } from './rpc.ts'

const SMALL = Buffer.from('hello, world\n')
const BIG = Buffer.alloc(524_288, 'abcdefghijklmnopqrstuvwxyz')
/** Longer than any attack, so that it is Vertex that ends a connection. */
const PATIENCE_MS = 600_000

const server = http.createServer({ requestTimeout: 0, headersTimeout: 0 }, (request, response) => {
  const body = request.url === '/big' ? BIG : SMALL
  request.resume()
  // A proxy that gives a request up is what is expected here.
  request.on('error', () => response.destroy())
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length })
    response.end(body)
  })
})
server.keepAliveTimeout = PATIENCE_MS

answerParent({
  listen: () =>
    new Promise((resolve) => {
      server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, () => {
        resolve((server.address() as AddressInfo).port)
      })
    }),
})
