// The attacks that slowhttptest lacks, as a process of its own: many connections, each of which
// says its first words and then goes on in the smallest pieces, reads its answer in the smallest
// pieces, or does neither. The pieces are spread evenly over time, so that they are no burst.

import net from 'node:net'
import { answerParent } from './rpc.ts'
import type { AttackCount, AttackKind, AttackSpec } from './slow.ts'

const TICK_MS = 10
/** Connections that are opened in one tick at most: 100 a second, for this is no flood. */
const OPENED_A_TICK = 1

interface Script {
  readonly first: string
  /** Sent again and again; null for nothing. */
  readonly piece: string | null
  readonly reads: 'all' | 'bytewise' | 'nothing'
}

const HOST = 'host: attacked.example\r\n'
const LINE = `x-fill: ${'a'.repeat(990)}\r\n`
const GET_BIG = `GET /big HTTP/1.1\r\n${HOST}\r\n`
/** As much as is kept ahead, and as much again that must wait in the kernel. */
const AHEAD_BYTES = 131_072

const SCRIPTS: Readonly<Record<AttackKind, Script>> = {
  // Nearly a whole head, then byte by byte: what was read before must not be read anew too dearly.
  'long-head': {
    first: `GET / HTTP/1.1\r\n${HOST}${LINE.repeat(28)}x: `,
    piece: 'a',
    reads: 'all',
  },
  ahead: {
    first: GET_BIG.repeat(Math.ceil(AHEAD_BYTES / GET_BIG.length)),
    piece: null,
    reads: 'nothing',
  },
  dribble: {
    first: `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n`,
    piece: '1\r\nx\r\n',
    reads: 'all',
  },
  sip: { first: GET_BIG, piece: null, reads: 'bytewise' },
  'stalled-body': {
    first: `POST / HTTP/1.1\r\n${HOST}content-length: 1000\r\n\r\nx`,
    piece: null,
    reads: 'all',
  },
  'stalled-read': { first: GET_BIG, piece: null, reads: 'nothing' },
}

let spec: AttackSpec
let script: Script
let stopped = false
let opened = 0
let closedByProxy = 0
let pieces = 0
const statuses: Record<string, number> = {}
const attackers = new Set<Attacker>()

class Attacker {
  readonly #socket: net.Socket
  #nextMs: number
  #begun = false

  constructor(nowMs: number) {
    this.#nextMs = nowMs + spec.everyMs
    const at = { host: '127.0.0.1', port: spec.port, noDelay: true }
    const bytewise = {
      buffer: Buffer.alloc(1),
      callback: () => false, // one byte, then a pause until the next round
    }
    this.#socket = net.connect(script.reads === 'bytewise' ? { ...at, onread: bytewise } : at)
    if (script.reads === 'nothing') this.#socket.pause()
    else this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#socket.on('error', () => undefined) // 'close' follows and does the work
    this.#socket.on('end', () => this.#socket.end())
    this.#socket.on('close', () => {
      attackers.delete(this)
      if (!stopped) closedByProxy++
    })
    this.#socket.write(script.first, 'latin1')
    attackers.add(this)
    opened++
  }

  goOn(nowMs: number): void {
    if (nowMs < this.#nextMs || this.#socket.destroyed) return
    this.#nextMs = nowMs + spec.everyMs
    if (script.reads === 'bytewise') this.#socket.resume()
    if (script.piece === null || !this.#socket.writable) return
    // What the kernel does not take is not heaped up here.
    if (this.#socket.writableLength > 0) return
    this.#socket.write(script.piece, 'latin1')
    pieces++
  }

  end(): void {
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    if (this.#begun) return
    this.#begun = true
    const status = chunk.toString('latin1', 9, 12)
    statuses[status] = (statuses[status] ?? 0) + 1
  }
}

function tick(): void {
  const now = performance.now()
  const room = spec.reopen ? spec.connections - attackers.size : spec.connections - opened
  for (let i = 0; i < Math.min(room, OPENED_A_TICK); i++) new Attacker(now)
  for (const attacker of attackers) attacker.goOn(now)
}

let timer: NodeJS.Timeout
answerParent({
  start: (argument) => {
    spec = argument as AttackSpec
    script = SCRIPTS[spec.kind]
    timer = setInterval(tick, TICK_MS)
  },
  /** Closes all connections and says what has come to pass. */
  stop: () => {
    clearInterval(timer)
    stopped = true
    for (const attacker of attackers) attacker.end()
    return { opened, closedByProxy, pieces, statuses } satisfies AttackCount
  },
})
