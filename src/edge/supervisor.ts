// The main thread's side of the edge: starts the threads, hands them tables and settings, and
// replaces one that died or hangs. A thread is judged by its heartbeat on the board: silent for 2
// s means that its event loop does not turn. Terminating stops even a looping thread; what it had
// claimed is released, and a new one takes its number, its stripes and its port. The others go on
// meanwhile.

import { createServer } from 'node:net'
import { type MessagePort, Worker } from 'node:worker_threads'
import { type Board, shareBoard } from '../board/board.ts'
import { clearConnections, connections, heartbeat, waitForTable } from '../board/liveness.ts'
import { releaseThread } from '../board/tallies.ts'
import type { Address } from '../config/config.ts'
import { addressText } from '../core/address.ts'
import type { ThreadView } from '../core/command.ts'
import type { FailedRequest } from '../core/outcome.ts'
import type { Table } from '../core/table.ts'
import type { EdgeData, EdgeSettings, FromEdge, ToEdge } from './edge-data.ts'

const CHECK_MS = 250
const SILENT_MS = 2000
/** A new thread has so long until its first heartbeat: modules have to be loaded. */
const START_MS = 15_000
/**
 * A thread that was told to finish and has not said that it did is ended so long after its time.
 */
const FINISH_SLACK_MS = 1000
/** A thread that dies again and again is started again ever later, at most this late. */
const MAX_RESTART_DELAY_MS = 5000

interface Thread {
  readonly number: number
  worker: Worker
  restarts: number
  lastBeat: number
  /** When the heartbeat last changed; before the first one, when the silence counts from. */
  heardMs: number
  startedMs: number
  /** Why it is being ended, once that has been decided. */
  fault: string | null
}

export interface SupervisorOptions {
  readonly board: Board
  readonly settings: EdgeSettings
  /** Called with a sentence when a thread was replaced. */
  readonly onReplaced: (text: string) => void
  /** Called with a sentence when another process listens on the same port already. */
  readonly onShared: (text: string) => void
  /** Called with a sentence when something broke in a thread that goes on, or works again. */
  readonly onNote?: (text: string) => void
  /** Called with some of the requests that counted against a candidate. */
  readonly onFailed?: (failed: FailedRequest) => void
}

export class Supervisor {
  readonly #board: Board
  readonly #onReplaced: (text: string) => void
  readonly #onShared: (text: string) => void
  readonly #onNote: (text: string) => void
  readonly #onFailed: (failed: FailedRequest) => void
  /** What does not work, by the number of the thread that said so. */
  readonly #faults = new Map<number, string>()
  readonly #threads: Thread[] = []
  #settings: EdgeSettings
  #table: Table | null = null
  #connectMirror: (() => MessagePort) | null = null
  #listen: Address | null = null
  #draining = false
  #stopping = false
  #checks: NodeJS.Timeout

  constructor(options: SupervisorOptions) {
    this.#board = options.board
    this.#settings = options.settings
    this.#onReplaced = options.onReplaced
    this.#onShared = options.onShared
    this.#onNote = options.onNote ?? (() => undefined)
    this.#onFailed = options.onFailed ?? (() => undefined)
    const now = performance.now()
    for (let number = 0; number < this.#board.layout.threads; number++) {
      const worker = this.#spawn(number)
      this.#threads.push({
        number,
        worker,
        restarts: 0,
        lastBeat: heartbeat(this.#board, number),
        heardMs: now + START_MS - SILENT_MS,
        startedMs: now,
        fault: null,
      })
    }
    this.#checks = setInterval(() => this.#check(), CHECK_MS)
  }

  /** Hands out a table; resolves when every thread serves from it. */
  async publish(table: Table): Promise<void> {
    this.#table = table
    this.#tellAll({ do: 'table', table })
    for (const { number } of this.#threads) {
      const wanted = { revision: table.revision, timeoutMs: 1000 }
      // A thread that is being replaced gets the table when it starts; so we wait for it too.
      while (!(await waitForTable(this.#board, number, wanted))) if (this.#stopping) return
    }
  }

  useSettings(settings: EdgeSettings): void {
    this.#settings = settings
    this.#tellAll({ do: 'settings', settings })
  }

  /**
   * Gives every thread a line to the mirror thread, those that are started later too.
   *
   * @param connect makes a line and returns the edge thread's end of it
   */
  useMirror(connect: () => MessagePort): void {
    this.#connectMirror = connect
    for (const { worker } of this.#threads) tellMirror(worker, connect())
  }

  /**
   * Listens on all threads.
   *
   * @returns the port; the system's choice when the address names port 0
   * @throws when the address cannot be listened on
   */
  async listen(address: Address): Promise<number> {
    let port = address.port
    const isShared = await isTaken(address)
    const reusePort = this.#threads.length > 1 || process.platform === 'linux'
    for (const thread of this.#threads) {
      const bound = { host: address.host, port }
      port = await this.#listenOn(thread, { do: 'listen', address: bound, reusePort })
    }
    // Only now is it known that the other one shares the port, and does not just have it.
    if (isShared) {
      this.#onShared(
        `Another process listens on ${addressText({ ...address, port })} too: the system shares connections ` +
          'between them. Stop one, unless this is a handover',
      )
    }
    this.#listen = { host: address.host, port }
    return port
  }

  #listenOn(thread: Thread, message: ToEdge & { do: 'listen' }): Promise<number> {
    return new Promise((resolve, reject) => {
      const { worker } = thread
      const cannot = `Cannot listen on ${addressText(message.address)} as`
      const end = (settle: () => void): void => {
        worker.off('message', hear)
        worker.off('exit', die)
        settle()
      }
      const hear = (word: FromEdge): void => {
        if (word.say === 'listening') end(() => resolve(word.port))
        else if (word.say === 'refused') {
          end(() => reject(new Error(`${cannot} ${word.reason}`)))
        }
      }
      const die = (): void => end(() => reject(new Error(`${cannot} the thread ended`)))
      worker.on('message', hear)
      worker.on('exit', die)
      worker.postMessage(message)
    })
  }

  closeTunnels(slot: number, afterMs: number): void {
    this.#tellAll({ do: 'closeTunnels', slot, afterMs })
  }

  /** Answers carry `Connection: close` from now on. */
  drain(): void {
    this.#draining = true
    this.#tellAll({ do: 'drain' })
  }

  /** Closes the listeners together and resolves when all threads have let go of their clients. */
  async finish(options: {
    readonly drainMs: number
    readonly tunnelDrainMs: number
  }): Promise<void> {
    this.#stopping = true
    clearInterval(this.#checks)
    const limitMs = Math.max(options.drainMs, options.tunnelDrainMs) + FINISH_SLACK_MS
    const gone = this.#threads.map((thread) => this.#drained(thread, limitMs))
    this.#tellAll({ do: 'finish', ...options })
    await Promise.all(gone)
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }

  /** Resolves when the thread has let go of its clients, has died, or hangs. */
  #drained({ worker }: Thread, limitMs: number): Promise<void> {
    if (hasExited(worker)) return Promise.resolve()
    return new Promise((resolve) => {
      const limit = setTimeout(resolve, limitMs)
      const done = (): void => {
        clearTimeout(limit)
        resolve()
      }
      worker.on('message', (word: FromEdge) => {
        if (word.say === 'drained') done()
      })
      worker.on('exit', done)
    })
  }

  views(): ThreadView[] {
    return this.#threads.map(({ number, restarts }) => ({
      thread: number,
      connections: connections(this.#board, number),
      restarts,
    }))
  }

  /** What does not work in the threads, each sentence once. */
  faults(): readonly string[] {
    return [...new Set(this.#faults.values())]
  }

  /** What one thread says of a file, the others say too: it is noted once. */
  #hear(number: number, word: FromEdge): void {
    if (word.say === 'failed') this.#onFailed(word)
    else if (word.say === 'fault') {
      if (!this.faults().includes(word.text)) this.#onNote(word.text)
      this.#faults.set(number, word.text)
    } else if (word.say === 'note') this.#onNote(word.text)
    else if (word.say === 'mended') {
      this.#faults.delete(number)
      this.#onNote(`${word.text} (edge thread ${number})`)
    }
  }

  #tellAll(message: ToEdge): void {
    for (const { worker } of this.#threads) worker.postMessage(message)
  }

  // --- replacing -----------------------------------------------------------------------------

  #spawn(number: number): Worker {
    const data: EdgeData = {
      thread: number,
      board: shareBoard(this.#board),
      settings: this.#settings,
    }
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), {
      workerData: data,
      name: `vertex-edge-${number}`,
    })
    let reason = 'it ended by itself'
    worker.on('error', (error) => {
      reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    })
    worker.on('exit', () => this.#onExit(number, worker, reason))
    worker.on('message', (word: FromEdge) => this.#hear(number, word))
    if (this.#table !== null) worker.postMessage({ do: 'table', table: this.#table } as ToEdge)
    if (this.#connectMirror !== null) tellMirror(worker, this.#connectMirror())
    if (this.#draining) worker.postMessage({ do: 'drain' } as ToEdge)
    if (this.#listen !== null) this.#listenAgain(worker, this.#listen)
    return worker
  }

  /** A thread that cannot have its port back is of no use: it is ended, and tried again later. */
  #listenAgain(worker: Worker, address: Address): void {
    const hear = (word: FromEdge): void => {
      if (word.say === 'refused') void worker.terminate()
      if (word.say === 'refused' || word.say === 'listening') worker.off('message', hear)
    }
    worker.on('message', hear)
    worker.postMessage({ do: 'listen', address, reusePort: true } as ToEdge)
  }

  #onExit(number: number, worker: Worker, reason: string): void {
    const thread = this.#threads[number]
    if (this.#stopping || thread === undefined || thread.worker !== worker) return
    this.#replace(thread, thread.fault ?? reason)
  }

  #check(): void {
    const now = performance.now()
    for (const thread of this.#threads) {
      const beat = heartbeat(this.#board, thread.number)
      if (beat !== thread.lastBeat) {
        thread.lastBeat = beat
        thread.heardMs = now
      } else if (now - thread.heardMs > SILENT_MS) {
        thread.heardMs = Number.POSITIVE_INFINITY // not twice while it is being ended
        thread.fault = 'its heartbeat was silent for 2 s'
        void thread.worker.terminate() // its end brings the new one, as any other end does
      }
    }
  }

  #replace(thread: Thread, reason: string): void {
    if (this.#stopping) return
    const now = performance.now()
    releaseThread(this.#board, thread.number)
    clearConnections(this.#board, thread.number)
    this.#faults.delete(thread.number)
    thread.restarts++
    const soon = now - thread.startedMs < 10_000
    const delayMs = soon
      ? Math.min(100 * 2 ** Math.min(thread.restarts, 10), MAX_RESTART_DELAY_MS)
      : 0
    thread.startedMs = now
    thread.fault = null
    thread.heardMs = Number.POSITIVE_INFINITY
    this.#onReplaced(`Edge thread ${thread.number} was replaced: ${reason}`)
    setTimeout(() => {
      if (this.#stopping) return
      thread.worker = this.#spawn(thread.number)
      thread.lastBeat = heartbeat(this.#board, thread.number)
      thread.heardMs = performance.now() + START_MS - SILENT_MS
    }, delayMs)
  }
}

function tellMirror(worker: Worker, port: MessagePort): void {
  worker.postMessage({ do: 'mirror', port } satisfies ToEdge, [port])
}

function hasExited(worker: Worker): boolean {
  return worker.threadId < 0
}

/**
 * Whether somebody listens there already. Listening itself would not tell: ports that are reused,
 * as ours are between threads and in a handover, are shared without a word.
 */
export function isTaken({ host, port }: Address): Promise<boolean> {
  if (port === 0) return Promise.resolve(false)
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'))
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(false)))
  })
}
