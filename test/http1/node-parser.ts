// Node's own HTTP parser (llhttp) as a second reader: bytes in, the requests that it reads out.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'

export interface ReadRequest {
  readonly method: string
  readonly target: string
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export interface Reading {
  readonly requests: readonly ReadRequest[]
  /** The parser's own word for what is wrong; '' when nothing is. */
  readonly fault: string
}

class Wire extends Duplex {
  requests: ReadRequest[] = []
  fault = ''

  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }
}

const server = createServer({ maxHeaderSize: 65_536, keepAliveTimeout: 0 })
server.maxHeadersCount = 0
server.on('request', hear)
server.on('checkContinue', hear)
server.on('checkExpectation', hear)
server.on('clientError', (error: NodeJS.ErrnoException, wire: unknown) => {
  ;(wire as Wire).fault = error.code ?? 'unknown'
  ;(wire as Wire).destroy()
})

function hear(request: IncomingMessage, response: ServerResponse): void {
  const wire = request.socket as unknown as Wire
  let body = ''
  request.setEncoding('latin1')
  request.on('data', (text: string) => {
    body += text
  })
  request.on('end', () => {
    const { method = '', rawHeaders, url = '' } = request
    wire.requests.push({ method, target: url, rawHeaders, body })
    response.end()
  })
  request.on('error', () => {
    wire.fault ||= 'cut off'
  })
}

/** Lets Node's parser read all bytes of a connection. */
export async function readByNode(text: string): Promise<Reading> {
  const wire = new Wire()
  const closed = once(wire, 'close')
  server.emit('connection', wire)
  wire.push(Buffer.from(text, 'latin1'))
  wire.push(null)
  await closed
  return { requests: wire.requests, fault: wire.fault }
}
