// The main thread's side of shadow mode: starts the mirror thread when there is something to
// mirror for the first time, hands it orders and the lines of the edge threads, and keeps the
// tallies. When the thread dies it is started again and counts anew: what is not known any more is
// no evidence.

import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { MirrorTally } from '../core/gate.ts'
import { type MirrorOrder, subjectOf } from '../core/mirror/order.ts'
import type { FromMirror, ToMirror } from './mirror-data.ts'

const RESTART_MS = 500
/**
 * What candidates answer must not take the customers' memory: a thread that wants more is ended,
 * and started again. Collecting its garbage takes time from the others, as V8's helper threads give
 * way to nobody, and is done the less often the larger the young generation (bench/NOTES.md).
 */
const MEMORY = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 } as const

export interface MirrorHostOptions {
  /** Called when a mirror thread was started: the edge threads need lines to it (`connect`). */
  readonly onStart: () => void
  /** Called with a sentence when the thread died and is being started again. */
  readonly onDeath: (text: string) => void
  /** Called with a sentence that is worth knowing. */
  readonly onNote: (text: string) => void
}

interface Followed {
  readonly rollout: string | null
  readonly order: MirrorOrder | null
  /** Of the last order of this rollout; null before the first one. */
  readonly subject: string | null
  readonly tally: MirrorTally | null
}

export class MirrorHost {
  readonly #options: MirrorHostOptions
  readonly #followed = new Map<string, Followed>()
  #worker: Worker | null = null
  #isStopping = false

  constructor(options: MirrorHostOptions) {
    this.#options = options
  }

  /**
   * What is mirrored of a service from now on.
   *
   * @param rollout the one that runs, or null; the tally is kept until another one begins, or an
   *   order comes whose candidate has other targets
   * @param order null: nothing is mirrored at this moment
   */
  follow(
    service: string,
    { order, rollout }: { readonly rollout: string | null; readonly order: MirrorOrder | null },
  ): void {
    const before = this.#followed.get(service)
    const known = before?.rollout === rollout ? before : undefined
    const subject = order === null ? (known?.subject ?? null) : subjectOf(order)
    const tally = known?.subject === subject ? (known?.tally ?? null) : null
    this.#followed.set(service, { rollout, order, subject, tally })
    if (order !== null && this.#worker === null) this.#start()
    else this.#tell({ do: 'follow', service, order })
  }

  /** What mirrored requests have shown of a candidate in its rollout; null: nothing yet. */
  tally(service: string, version: string): MirrorTally | null {
    const tally = this.#followed.get(service)?.tally ?? null
    return tally?.version === version ? tally : null
  }

  /** Makes a line to the mirror thread; returns the edge thread's end of it. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel()
    this.#worker?.postMessage({ do: 'edge', port: port1 } satisfies ToMirror, [port1])
    return port2
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#worker?.terminate()
  }

  #start(): void {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), {
      name: 'vertex-mirror',
      resourceLimits: MEMORY,
    })
    this.#worker = worker
    let reason = 'it ended by itself'
    worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error)
    })
    worker.on('exit', () => this.#onExit(worker, reason))
    worker.on('message', (word: FromMirror) => {
      if (word.say === 'note') this.#options.onNote(word.text)
      else this.#note(word)
    })
    for (const [service, { order }] of this.#followed) {
      if (order !== null) this.#tell({ do: 'follow', service, order })
    }
    this.#options.onStart()
  }

  #note({ subject, tally }: Extract<FromMirror, { say: 'tally' }>): void {
    const followed = this.#followed.get(tally.service)
    // What still comes of an earlier rollout, or of other targets, is nobody's.
    if (followed === undefined || followed.subject !== subject) return
    this.#followed.set(tally.service, { ...followed, tally })
  }

  #onExit(worker: Worker, reason: string): void {
    if (this.#isStopping || this.#worker !== worker) return
    this.#options.onDeath(`The mirror thread is being started again: ${reason}`)
    for (const [service, followed] of this.#followed) {
      this.#followed.set(service, { ...followed, tally: null })
    }
    setTimeout(() => {
      if (!this.#isStopping) this.#start()
    }, RESTART_MS)
  }

  #tell(message: ToMirror): void {
    this.#worker?.postMessage(message)
  }
}
