// Answers over real sockets: a target that says anything, in pieces, and then closes; an edge; and
// a client whose bytes Node's parser reads. A whole answer must arrive as it was meant; of any
// other the client must see a 502 of ours, or the end of its connection within an unfinished
// message.

import net, { type AddressInfo } from 'node:net'
import { SETTINGS, startEdge } from '../edge/harness.ts'
import { readAnswersByNode } from '../http1/node-parser.ts'
import { type AnswerOutcome, relayAnswer } from './answer-engine.ts'
import { type AnswerCase, caseOf, piecesOf } from './case.ts'
import { wrongAtClient } from './check.ts'
import { converse, cutAt } from './converse.ts'
import type { WireReport, WireWork } from './wire.ts'

const LANES = 16

/** A target that answers each client with what is put down for its address. */
class Speaker {
  readonly answers = new Map<string, AnswerCase>()
  requests = 0
  readonly #open = new Set<net.Socket>()
  readonly #server = net.createServer((socket) => this.#hear(socket))

  #hear(socket: net.Socket): void {
    let text = ''
    this.#open.add(socket)
    socket.on('error', () => undefined) // 'close' follows
    socket.on('close', () => this.#open.delete(socket))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const peer = /^X-Forwarded-For: (.*)\r\n(?:.*\r\n)*\r\n/m.exec(text)?.[1] ?? ''
      const made = this.answers.get(peer)
      if (made === undefined) return
      text = ''
      this.requests++
      const bytes = Buffer.from(made.text, 'latin1')
      speak(socket, cutAt(bytes, piecesOf(made.cuts, bytes.length)))
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    for (const socket of this.#open) socket.destroy()
    this.#server.close()
  }
}

function speak(socket: net.Socket, pieces: Buffer[]): void {
  const piece = pieces.shift()
  if (piece === undefined) socket.end()
  else if (!socket.destroyed) socket.write(piece, () => setImmediate(() => speak(socket, pieces)))
}

function requestFor({ settings }: AnswerCase): string {
  const { offered, oldClient, toHead, trailers } = settings
  const upgrade = offered === '' ? '' : `Upgrade: ${offered}\r\n`
  const connection = offered === '' ? 'close' : 'close, Upgrade'
  const te = trailers ? 'TE: trailers\r\n' : ''
  const start = `${toHead ? 'HEAD' : 'GET'} / HTTP/1.${oldClient ? 0 : 1}`
  return `${start}\r\nHost: a\r\nConnection: ${connection}\r\n${upgrade}${te}\r\n`
}

/** The case as it is over a wire: the limits are the edge's, and only a GET offers an upgrade. */
function onWire(seed: number, index: number): AnswerCase | null {
  const made = caseOf(seed, index)
  if (made.kind !== 'answer') return null
  const { oldClient, toHead } = made.settings
  const offered = oldClient || toHead ? '' : made.settings.offered
  return { ...made, settings: { ...made.settings, offered, limits: SETTINGS.limits } }
}

/** The Date of the edge, as the engine without sockets writes it. */
function withoutClock(text: string): string {
  return text.replaceAll(
    /\r\nDate: \w{3}, \d\d \w{3} 20\d\d [\d:]{8} GMT\r\n/g,
    '\r\nDate: now\r\n',
  )
}

function wrongAnswer(made: AnswerCase, expected: AnswerOutcome, text: string): string | null {
  const { oldClient, toHead } = made.settings
  const out = withoutClock(text)
  if (expected.end === 'whole') return wrongAtClient(made, { ...expected, out })
  const skips = (status: number): boolean =>
    toHead || status < 200 || status === 204 || status === 304
  const finals = readAnswersByNode(out, skips).messages.filter(({ status }) => status >= 200)
  const [read] = finals
  if (read === undefined) return null
  const ours = read.status === 502 && /\r\nx-vertex-error: upstream-/.test(out)
  // Where the end of the connection would be the end of the body, it is reset, which no text shows.
  const reset = oldClient && !/\r\nContent-Length: /i.test(out)
  return finals.length === 1 && (ours || reset)
    ? null
    : `${expected.end}, but read as a whole answer`
}

/** Lets a target say what it likes to many clients at once. */
export async function fuzzAnswersOnWire(work: WireWork): Promise<WireReport> {
  const speaker = new Speaker()
  const edge = await startEdge({ stable: [await speaker.listen()] })
  const began = performance.now()
  const found: { index: number; wrong: string }[] = []
  let next = work.from
  let messages = 0
  let refused = 0
  const run = async (number: number): Promise<void> => {
    const address = `127.0.2.${number + 1}`
    while (messages < work.messages && performance.now() - began < work.ms && found.length < 3) {
      const index = next++
      const made = onWire(work.seed, index)
      if (made === null) continue
      const bytes = Buffer.from(made.text, 'latin1')
      const expected = relayAnswer(bytes, [bytes.length], made.settings)
      if (expected.end === 'tunnel') continue
      messages++
      if (expected.end !== 'whole') refused++
      speaker.answers.set(address, made)
      const pieces = [Buffer.from(requestFor(made))]
      const heard = await converse({ port: edge.port, address, pieces }, () => false)
      const wrong = heard.late
        ? `the connection stays open after ${JSON.stringify(heard.text.slice(-300))}`
        : wrongAnswer(made, expected, heard.text)
      if (wrong !== null) found.push({ index, wrong })
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, number) => run(number)))
  const ms = performance.now() - began
  await edge.close()
  speaker.close()
  return { messages, requests: speaker.requests, refused, ms, found }
}
