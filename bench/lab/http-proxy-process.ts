// The baseline: http-proxy, what a Node user would pick instead of Vertex, in its usual form with
// a keep-alive agent. It is measured here and carries nobody's traffic: it is unmaintained since
// 2020.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import httpProxy from 'http-proxy'
import { answerParent } from './rpc.ts'

answerParent({
  start: (target) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 256 })
    const proxy = httpProxy.createProxyServer({ target: String(target), agent, xfwd: true })
    proxy.on('error', (_error, _request, response) => response.destroy())
    const server = http.createServer((request, response) => proxy.web(request, response))
    server.keepAliveTimeout = 60_000
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    })
  },
})
