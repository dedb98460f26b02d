// An edge and a mirror thread in front of real servers, with the order in the test's hands: the
// board's switch, the rules and the targets are set as control would set them.

import { setMirrorOrder } from '../../src/board/mirror.ts'
import type { MirrorTally } from '../../src/core/gate.ts'
import type { MirrorOrder, MirrorRules } from '../../src/core/mirror/order.ts'
import { MirrorHost } from '../../src/mirror/host.ts'
import { eventually, type Handler, type Origin } from '../edge/harness.ts'
import { type Lab, type Needs, startLab } from '../edge/lab.ts'

export const RULES: MirrorRules = {
  share: 1,
  methods: ['GET', 'HEAD'],
  bodies: false,
  inFlight: 64,
  timeoutMs: 1000,
  headers: [],
  compareBody: true,
  ignore: [],
}

interface Mirroring {
  readonly stable: Handler
  readonly candidate: Handler | 'nobody'
  readonly rules?: Partial<MirrorRules>
  readonly needs?: Needs
}

export interface Pair {
  readonly stable: Origin
  readonly candidate: Origin
}

export class MirrorLab {
  readonly lab: Lab
  readonly host: MirrorHost
  readonly deaths: string[] = []
  readonly notes: string[] = []
  #orders = 0
  #last: MirrorOrder | null = null

  constructor(lab: Lab) {
    this.lab = lab
    this.host = new MirrorHost({
      onStart: () => lab.edge.supervisor.useMirror(() => this.host.connect()),
      onDeath: (text) => this.deaths.push(text),
      onNote: (text) => this.notes.push(text),
    })
  }

  /** Serves from stable and mirrors to a candidate, as a rollout of its own. */
  async mirror({ candidate, needs, rules, stable }: Mirroring): Promise<Pair> {
    const old = await this.lab.origin(stable)
    const fresh = await this.lab.origin(candidate === 'nobody' ? () => undefined : candidate)
    if (candidate === 'nobody') await fresh.close()
    const all = { ...RULES, ...rules }
    const { service, ...others } = needs ?? {}
    await this.lab.serve({
      ...{ stable: [old.port], candidate: [fresh.port], ...others },
      service: { ...service, mirror: all },
    })
    const number = ++this.#orders
    this.order({
      ...{ number, cell: 0, service: 'default', version: 'v2', rollout: `default-${number}` },
      ...{ candidate: [url(fresh)], stable: [url(old)], rules: all, countsClientErrors: false },
    })
    return { stable: old, candidate: fresh }
  }

  /** Starts the mirror thread, which takes as long as a busy machine lets it. */
  async start(): Promise<void> {
    this.host.follow('default', { rollout: 'none', order: { ...NO_ORDER, rules: RULES } })
    await this.mirror({ stable: says('a'), candidate: says('a') })
    await this.lab.ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => this.tally.requests === 1, 20_000)
  }

  /** The order in force. */
  get last(): MirrorOrder {
    if (this.#last === null) throw new Error('nothing has been mirrored yet')
    return this.#last
  }

  order(order: MirrorOrder): void {
    this.#last = order
    this.host.follow('default', { rollout: order.rollout, order })
    setMirrorOrder(this.lab.edge.board, 0, order.number)
  }

  /** As an abort does it. */
  stopMirroring(): void {
    setMirrorOrder(this.lab.edge.board, 0, 0)
    this.host.follow('default', { rollout: this.#last?.rollout ?? null, order: null })
  }

  get tally(): MirrorTally {
    return this.host.tally('default', 'v2') ?? NOTHING
  }

  /** The tally once so many requests have ended or were dropped. */
  async counted(requests: number): Promise<MirrorTally> {
    await eventually(() => this.tally.requests + this.tally.dropped >= requests, 6000)
    return this.tally
  }

  /** The tally once it shows these numbers, or as it is after a time limit. */
  async shows(wanted: Partial<MirrorTally>): Promise<MirrorTally> {
    const until = performance.now() + 6000
    const isThere = (): boolean => {
      const now: Readonly<Record<string, unknown>> = { ...this.tally }
      return Object.entries(wanted).every(([name, value]) => now[name] === value)
    }
    while (!isThere() && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return this.tally
  }

  async close(): Promise<void> {
    await this.host.stop()
    await this.lab.close()
  }
}

const NO_ORDER: Omit<MirrorOrder, 'rules'> = {
  ...{ number: -1, cell: 0, service: 'default', version: 'none', rollout: 'none' },
  ...{ candidate: [], stable: [], countsClientErrors: false },
}

const NOTHING: MirrorTally = {
  ...{ service: 'default', version: 'v2', requests: 0, errors: 0, dropped: 0 },
  ...{ p50Ms: null, p99Ms: null, compared: 0, mismatched: 0, differences: [] },
}

function url({ port }: Origin): string {
  return `http://127.0.0.1:${port}`
}

export async function startMirrorLab(threads = 1): Promise<MirrorLab> {
  const mirror = new MirrorLab(await startLab(threads))
  await mirror.start()
  return mirror
}

/** Answers with this status, these lines and this body. */
export function says(body: string | (() => string), { lines = '', status = 200 } = {}): Handler {
  return (socket) => {
    const text = typeof body === 'string' ? body : body()
    const head = `HTTP/1.1 ${status} OK\r\n${lines}Content-Length: ${text.length}\r\n\r\n`
    socket.write(head + text, 'latin1')
  }
}
