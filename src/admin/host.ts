// The main thread's end of the admin API: starts its thread when customers are served, as loading
// its modules takes a core for a while; answers its questions, passes the journal on to it, and
// starts it again when it dies. Its death costs operators an answer, never a request.

import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { type Board, shareBoard } from '../board/board.ts'
import type { Address } from '../config/config.ts'
import type { Answer, Ask, Cancel, Command, Tell } from '../core/command.ts'
import type { JournalEntry } from '../core/journal.ts'
import type { AdminData } from './admin-data.ts'

const RESTART_MS = 500

export interface AdminHostOptions {
  readonly board: Board
  readonly listen: Address
  readonly token: string | null
  readonly stateDir: string
  readonly version: string
  /** The signal aborts when nobody waits for the answer any more. */
  readonly answer: (command: Command, signal: AbortSignal) => Promise<Answer>
  /** Called with a sentence when the thread died and is being started again. */
  readonly onDeath: (text: string) => void
}

export class AdminHost {
  readonly #options: AdminHostOptions
  #listen: Address
  #port: MessagePort | null = null
  #worker: Worker | null = null
  #stopping = false
  #started = false

  constructor(options: AdminHostOptions) {
    this.#options = options
    this.#listen = options.listen
  }

  /**
   * Starts the thread and serves the API; throws with one sentence when its address cannot be
   * listened on, or when it is stopped meanwhile.
   */
  async listen(): Promise<void> {
    const listening = this.#start()
    this.#tell({ tell: 'listen' })
    const port = await listening
    this.#started = true
    this.#listen = { host: this.#options.listen.host, port }
  }

  get address(): Address {
    return this.#listen
  }

  #start(): Promise<number> {
    const { board, token, stateDir, version } = this.#options
    const { port1, port2 } = new MessageChannel()
    const data: AdminData = {
      port: port2,
      board: shareBoard(board),
      listen: this.#listen,
      token,
      stateDir,
      version,
    }
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), {
      workerData: data,
      transferList: [port2],
      name: 'vertex-admin',
    })
    this.#worker = worker
    this.#port = port1
    const asking = new Map<number, AbortController>()
    return new Promise((resolve, reject) => {
      port1.on('message', (message: Ask | Cancel | Tell) => {
        if ('command' in message) void this.#answer(port1, { ask: message, asking })
        else if ('cancel' in message) asking.get(message.cancel)?.abort()
        else if (message.tell === 'listening') resolve(message.port)
      })
      let reason = 'it ended by itself'
      worker.on('error', (error) => {
        reason = error instanceof Error ? error.message : String(error)
      })
      worker.on('exit', () => {
        reject(new Error(`Cannot serve the admin API: ${reason}`))
        for (const asked of asking.values()) asked.abort()
        this.#onExit(worker, reason)
      })
    })
  }

  async #answer(
    port: MessagePort,
    { ask, asking }: { ask: Ask; asking: Map<number, AbortController> },
  ): Promise<void> {
    const { command, id } = ask
    const asked = new AbortController()
    asking.set(id, asked)
    let answer: Answer
    try {
      answer = await this.#options.answer(command, asked.signal)
    } catch (error) {
      answer = failed(command, error)
    }
    asking.delete(id)
    port.postMessage({ tell: 'answer', id, answer } satisfies Tell)
  }

  #onExit(worker: Worker, reason: string): void {
    if (this.#stopping || this.#worker !== worker || !this.#started) return
    this.#options.onDeath(`The admin thread is being started again: ${reason}`)
    setTimeout(() => {
      if (this.#stopping) return
      // A failure leads here again through the exit of the thread.
      this.#start().catch(() => undefined)
      this.#tell({ tell: 'listen' })
    }, RESTART_MS)
  }

  /** Hands a journal entry to the live feed. */
  tell(entry: JournalEntry): void {
    this.#tell({ tell: 'event', entry })
  }

  #tell(words: Tell): void {
    this.#port?.postMessage(words)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    const worker = this.#worker
    if (worker === null) return
    const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    this.#tell({ tell: 'stop' })
    const force = setTimeout(() => void worker.terminate(), 3000)
    await gone
    clearTimeout(force)
  }
}

/** A bug in answering costs this one answer, and says so. */
function failed(command: Command, error: unknown): Answer {
  const reason = error instanceof Error ? error.message : String(error)
  const detail = `Cannot carry out "${command.do}" as the control thread failed: ${reason}`
  return {
    ok: false,
    problem: { status: 503, code: 'control-failed', title: 'Control failed', detail },
  }
}
