// Both ends of large bodies as a process of its own: an origin that sends or swallows a body of
// any size, and a client that does the same, each of which can stop reading for a while. The
// reader compares every byte with what must stand at its place. Bodies flow through small buffers
// here, so what grows in between is the proxy's.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BulkSpec } from './bulk.ts'
import { answerParent } from './rpc.ts'
import { sleep } from './clock.ts'

/** A prime, so that the pattern never lines up with the buffers on the way. */
const CHUNK_BYTES = 65_521
const CHUNK = patterned(CHUNK_BYTES)
const TWICE = Buffer.concat([CHUNK, CHUNK])

/** Bytes that look random and are the same in every process. */
function patterned(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  for (let i = 0, x = 1; i < bytes; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0
    buffer[i] = x >>> 16
  }
  return buffer
}

/** How many bytes are what they must be at this place of a body. */
function right(bytes: Buffer, place: number): number {
  let good = 0
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const part = bytes.subarray(at, at + CHUNK_BYTES)
    const from = (place + at) % CHUNK_BYTES
    if (part.equals(TWICE.subarray(from, from + part.length))) good += part.length
  }
  return good
}

/** Writes `bytes` to a stream no faster than it takes them. */
async function pour(stream: NodeJS.WritableStream, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= CHUNK.length) {
    const more = stream.write(left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left))
    if (!more) {
      await new Promise<void>((resolve, reject) => {
        stream.once('drain', resolve)
        stream.once('error', reject)
        stream.once('close', () => reject(new Error('Cannot write as the connection was closed')))
      })
      stream.removeAllListeners('close')
      stream.removeAllListeners('error')
    }
  }
  stream.end()
}

/** Reads a stream to its end with pauses spread over it. Returns the number of right bytes. */
async function drink(
  stream: AsyncIterable<Buffer>,
  at: { bytes: number; pauses: number; pauseMs: number },
): Promise<number> {
  let seen = 0
  let good = 0
  let paused = 0
  for await (const chunk of stream) {
    good += right(chunk, seen)
    seen += chunk.length
    if (paused < at.pauses && seen > ((paused + 0.5) * at.bytes) / at.pauses) {
      paused++
      await sleep(at.pauseMs)
    }
  }
  return good
}

let spec: BulkSpec

/** The origin: a GET is answered with a body, the body of a POST is swallowed and counted. */
const server = http.createServer((request, response) => {
  const work = async (): Promise<void> => {
    if (request.method === 'GET') {
      const length = spec.chunked ? {} : { 'content-length': spec.bytes }
      response.writeHead(200, { 'content-type': 'application/octet-stream', ...length })
      await pour(response, spec.bytes)
    } else {
      const good = await drink(request, spec)
      response.writeHead(200, { 'content-type': 'text/plain' }).end(String(good))
    }
  }
  work().catch((error: unknown) => {
    process.stderr.write(`origin: ${String(error)}\n`)
    response.destroy()
  })
})

function exchange(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const method = spec.way === 'down' ? 'GET' : 'POST'
    const sized = spec.way === 'up' && !spec.chunked
    const headers = sized ? { 'content-length': spec.bytes } : {}
    const request = http.request({ host: '127.0.0.1', port, path: '/bulk', method, headers })
    request.once('error', reject)
    request.once('response', (response) => {
      const reading =
        spec.way === 'down'
          ? drink(response, spec)
          : response.toArray().then((parts) => Number(Buffer.concat(parts).toString()))
      reading.then(resolve, reject)
    })
    if (spec.way === 'down') request.end()
    else pour(request, spec.bytes).catch(reject)
  })
}

answerParent({
  listen: () =>
    new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    }),
  /** Behaviour of the origin for the next exchange. */
  prepare: (argument) => {
    spec = argument as BulkSpec
  },
  /** Plays the client. Resolves with the bytes that arrived as they were sent. */
  exchange: (argument) => {
    spec = argument as BulkSpec
    return exchange(spec.port)
  },
})
