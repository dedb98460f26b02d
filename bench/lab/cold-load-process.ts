// The client of the cold arms: each arm has one keep-alive connection to the proxy and sends one
// POST at a time, a chosen gap after the last answer. Most gaps aim at the moment at which the
// target closes its connection. A POST has failed when anything but its own nonce comes back.

import net from 'node:net'
import { monotonicMs, sleep } from './clock.ts'
import type { Arm, ColdFailure, ColdResult, ColdSpec, Gap } from './cold.ts'
import { answerParent } from './rpc.ts'
import { type Random, seeded } from './seeded.ts'

const TIMEOUT_MS = 10_000
const START_WITHIN_MS = 2000

let runs = 0

function chooseGap(arm: Arm, random: Random): { gap: Gap; gapMs: number } {
  const kind = random()
  const around = (ms: number): number => arm.closesAfterMs + (random() * 2 - 1) * ms
  if (kind < 0.5) return { gap: 'at the close', gapMs: around(2) }
  if (kind < 0.7) return { gap: 'near the close', gapMs: around(100) }
  if (kind < 0.85) return { gap: 'any', gapMs: 1000 + random() * 5000 }
  return { gap: 'short', gapMs: 20 + random() * 930 }
}

/** The client's connection of one arm; it is opened anew when the proxy has closed it. */
class Client {
  readonly #spec: ColdSpec
  readonly #arm: Arm
  #socket: net.Socket | null = null

  constructor(spec: ColdSpec, arm: Arm) {
    this.#spec = spec
    this.#arm = arm
  }

  #open(): Promise<net.Socket> {
    if (this.#socket !== null && this.#socket.readyState === 'open') {
      return Promise.resolve(this.#socket)
    }
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: '127.0.0.1', port: this.#spec.port, noDelay: true })
      socket.setEncoding('latin1')
      socket.on('error', reject) // after the connection stands this does nothing
      socket.once('connect', () => resolve(socket))
      this.#socket = socket
    })
  }

  /** Sends a POST. Returns '' when its own answer came back, else what happened. */
  async post(nonce: string): Promise<string> {
    const socket = await this.#open()
    const cause = await this.#exchange(socket, nonce)
    if (cause !== '') this.close()
    return cause
  }

  #exchange(socket: net.Socket, nonce: string): Promise<string> {
    return new Promise((resolve) => {
      let text = ''
      const end = (cause: string): void => {
        clearTimeout(timer)
        socket.off('data', read)
        socket.off('error', failed)
        socket.off('close', closed)
        resolve(cause)
      }
      const read = (chunk: unknown): void => {
        text += String(chunk)
        const at = text.indexOf('\r\n\r\n')
        const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0)
        if (at < 0 || text.length < at + 4 + length) return
        const status = text.slice(9, 12)
        if (status !== '200') return end(`${status} ${errorName(text)}`.trim())
        end(text.slice(at + 4) === nonce ? '' : 'the answer to another request')
      }
      const failed = (error: Error): void => end(error.message)
      const closed = (): void => end('closed without an answer')
      const timer = setTimeout(() => end(`no answer within ${TIMEOUT_MS} ms`), TIMEOUT_MS)
      socket.on('data', read)
      socket.once('error', failed)
      socket.once('close', closed)
      const host = `Host: ${this.#arm.name}\r\n`
      socket.write(`POST / HTTP/1.1\r\n${host}Content-Length: ${nonce.length}\r\n\r\n${nonce}`)
    })
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = null
  }
}

function errorName(head: string): string {
  return /\r\nx-vertex-error: *([^\r]*)/i.exec(head)?.[1] ?? ''
}

async function runArm(
  spec: ColdSpec,
  at: { arm: Arm; run: number; random: Random },
): Promise<ColdFailure[]> {
  const { arm, run, random } = at
  const failures: ColdFailure[] = []
  const client = new Client(spec, arm)
  await sleep(random() * START_WITHIN_MS)
  for (let i = 0; i < arm.posts; i++) {
    const { gap, gapMs } = chooseGap(arm, random)
    // Before the first there was no answer to wait for.
    if (i > 0) await sleep(gapMs)
    const nonce = `${run}-${arm.name}-${i}`
    const cause = await client.post(nonce).catch((error: unknown) => String(error))
    if (cause !== '') failures.push({ arm: arm.name, gap, gapMs, cause })
  }
  client.close()
  return failures
}

async function runAll(spec: ColdSpec): Promise<ColdResult> {
  const run = runs++
  const began = monotonicMs()
  const all = spec.arms.map((arm, i) => runArm(spec, { arm, run, random: seeded(spec.seed + i) }))
  const failures = (await Promise.all(all)).flat()
  const posts = spec.arms.reduce((sum, arm) => sum + arm.posts, 0)
  return { posts, failures, seconds: (monotonicMs() - began) / 1000 }
}

answerParent({ run: (argument) => runAll(argument as ColdSpec) })
