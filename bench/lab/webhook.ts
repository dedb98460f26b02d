// The receiver of pages: a small HTTP server in the measuring process that keeps what it was sent.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { monotonicMs } from './clock.ts'

export interface Page {
  readonly atMs: number
  readonly body: string
}

export interface Webhook {
  readonly url: string
  readonly pages: readonly Page[]
  end(): Promise<void>
}

export async function startWebhook(): Promise<Webhook> {
  const pages: Page[] = []
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      pages.push({ atMs: monotonicMs(), body: Buffer.concat(chunks).toString() })
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  server.unref() // a measurement that failed is not kept alive by it
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/page`,
    pages,
    end: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
