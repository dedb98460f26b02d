// The admin thread's end of the line to the control thread: every question gets a number, every
// answer finds its asker by it. An answer that takes longer than 5 s (a synthetic transaction may
// take minutes) becomes a 503 for that asker; it may still come and is then dropped. Who goes away
// takes a synthetic transaction back, so that it is not run for nobody. The number of open
// questions is bounded, so that a control thread that stands still does not collect an endless
// queue.

import type { MessagePort } from 'node:worker_threads'
import type { Answer, Ask, Cancel, Command, Probe, Tell } from '../core/command.ts'
import type { JournalEntry } from '../core/journal.ts'
import type { Problem } from '../core/problem.ts'

/** How long an operator waits before being told that the control thread is silent. */
export const ANSWER_LIMIT_MS = 5000
/** The longest run of a synthetic transaction, behind others that it may have to wait for. */
export const SYNTHETIC_LIMIT_MS = 1_800_000
/** More open questions than a person and a few scrapers can have. */
const OPEN_LIMIT = 256

interface Open {
  readonly settle: (answer: Answer) => void
  readonly timer: NodeJS.Timeout
}

function silent(detail: string): Answer {
  const problem: Problem = {
    status: 503,
    code: 'control-silent',
    title: 'The control thread does not answer',
    detail,
  }
  return { ok: false, problem }
}

export interface LinkEvents {
  readonly onEvent: (entry: JournalEntry) => void
  /** Control can answer from now on. */
  readonly onListen: () => void
  readonly onStop: () => void
}

export class ControlLink {
  readonly #port: MessagePort
  readonly #open = new Map<number, Open>()
  #nextId = 1

  constructor(port: MessagePort, { onEvent, onListen, onStop }: LinkEvents) {
    this.#port = port
    port.on('message', (message: Tell) => {
      if (message.tell === 'answer') this.#settle(message.id, message.answer)
      else if (message.tell === 'event') onEvent(message.entry)
      else if (message.tell === 'listen') onListen()
      else if (message.tell === 'stop') onStop()
    })
    port.on('close', () => {
      const answer = silent('Cannot ask the control thread as it has closed the line')
      for (const id of this.#open.keys()) this.#settle(id, answer)
      onStop()
    })
  }

  #settle(id: number, answer: Answer): void {
    const open = this.#open.get(id)
    if (open === undefined) return // it came after its time limit
    this.#open.delete(id)
    clearTimeout(open.timer)
    open.settle(answer)
  }

  /** Resolves within the command's limit; never rejects. */
  ask(command: Command): Promise<Answer> {
    if (this.#open.size >= OPEN_LIMIT) {
      const detail = `Cannot ask the control thread as ${OPEN_LIMIT} questions are open already`
      return Promise.resolve(silent(detail))
    }
    const id = this.#nextId++
    const limitMs = command.do === 'synthetic' ? SYNTHETIC_LIMIT_MS : ANSWER_LIMIT_MS
    return new Promise((settle) => {
      const timer = setTimeout(() => {
        const seconds = limitMs / 1000
        const detail = `Cannot carry out "${command.do}" as the control thread did not answer within ${seconds} s: the change may still happen`
        this.#settle(id, silent(detail))
      }, limitMs)
      this.#open.set(id, { settle, timer })
      this.#port.postMessage({ id, command } satisfies Ask)
    })
  }

  /** Like `ask`; when the signal aborts, the transaction is ended and the promise fulfilled. */
  async probe(command: Probe, signal: AbortSignal): Promise<Answer> {
    const id = this.#nextId // the one that `ask` takes
    const answer = this.ask(command)
    const cancel = (): void => {
      if (!this.#open.has(id)) return
      this.#port.postMessage({ cancel: id } satisfies Cancel)
      this.#settle(id, silent('Cannot report on the synthetic transaction as its asker has gone'))
    }
    if (signal.aborted) cancel()
    else signal.addEventListener('abort', cancel, { once: true })
    return answer
  }

  tellListening(port: number): void {
    this.#port.postMessage({ tell: 'listening', port } satisfies Tell)
  }

  close(): void {
    this.#port.close()
  }
}
