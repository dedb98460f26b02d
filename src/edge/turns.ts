// The turns of the thread's loop. In a turn all sockets that are readable are read; the work comes
// at its end: first the answers of targets, then the requests of clients, then the connections that
// have become free join their pools. So work of one kind is done in one go, by code that is in the
// first caches, where the kernel's in between would push it out; and a free connection is looked at
// once more before a request gets it, and is there for whoever asks next.
//
// A turn also proves something. All sockets that were readable when the loop looked are read before
// it looks again. So what arrives on a connection in the very turn in which a request was written
// to it was there before the request: it cannot be its answer.
//
// libuv asks for 1024 events at a time and looks again at once when it got as many; then a turn
// proves nothing. It cannot get as many from fewer sockets.

import { Staging } from './staging.ts'

/** Below this many sockets, with some to spare for listeners and pipes, the loop looks once. */
const FEW_SOCKETS = 960

/** Of a target, of which an answer has been read. */
export interface Answering {
  onAnswerRead(): void
}

/** Of a client, of which a request has been read, or the beginning of one. */
export interface Asking {
  onRequestRead(): void
}

/** Of a target, whose answer is whole. */
export interface Freed {
  onFree(): void
}

export class Turns {
  #turn = 0
  /** Whether sockets are being served in this turn, not timers or closed handles. */
  #serving = false
  #armed = false
  #sockets = 0
  /** The most sockets that were open at a time in this turn. */
  #most = 0
  #answers: Answering[] = []
  #requests: Asking[] = []
  #freed: Freed[] = []
  /** Of this turn's answers. */
  readonly staging = new Staging()
  readonly #lookAtClock: () => void

  /** @param lookAtClock called at the end of each turn, before its work */
  constructor(lookAtClock: () => void) {
    this.#lookAtClock = lookAtClock
  }

  socketOpened(): void {
    if (++this.#sockets > this.#most) this.#most = this.#sockets
  }

  socketClosed(): void {
    this.#sockets--
  }

  /** The number of the present turn. */
  get present(): number {
    return this.#turn
  }

  /** The same for who compares it later: a turn that nobody asks about has no end of its own. */
  mark(): number {
    if (!this.#armed) this.#arm()
    return this.#turn
  }

  /** Timers have run in this turn, and may have set buffered bytes free before the loop looked. */
  timersRan(): void {
    this.#most = FEW_SOCKETS
    if (!this.#armed) this.#arm()
  }

  /** Bytes that a socket has received are being served. */
  serving(): void {
    this.#serving = true
    if (!this.#armed) this.#arm()
  }

  /**
   * The number of the present turn for a request that is written now; −1 when it proves nothing.
   */
  get ofWrite(): number {
    return this.#serving && this.#most < FEW_SOCKETS ? this.#turn : -1
  }

  /** Whether something that was written in `turn` can have been answered by now. */
  isLater(turn: number): boolean {
    return turn !== this.#turn || this.#most >= FEW_SOCKETS
  }

  /** Calls back at the end of this turn, as do the two below. */
  answerRead(one: Answering): void {
    this.#answers.push(one)
    if (!this.#armed) this.#arm()
  }

  /** From within a call back: at the end of the next turn. */
  requestRead(one: Asking): void {
    this.#requests.push(one)
    if (!this.#armed) this.#arm()
  }

  freed(one: Freed): void {
    this.#freed.push(one)
    if (!this.#armed) this.#arm()
  }

  #arm(): void {
    this.#armed = true
    setImmediate(this.#onEnd)
  }

  readonly #onEnd = (): void => {
    this.#lookAtClock()
    this.#serving = false
    if (this.#answers.length > 0) this.#workOnAnswers()
    if (this.#requests.length > 0) this.#workOnRequests()
    this.#turn++
    this.#most = this.#sockets
    if (this.#freed.length > 0) this.#setFree()
    this.#armed = false
    if (this.#requests.length > 0) this.#arm()
  }

  #workOnAnswers(): void {
    const answers = this.#answers
    this.#answers = []
    for (const one of answers) one.onAnswerRead()
    this.staging.clear()
  }

  #workOnRequests(): void {
    const requests = this.#requests
    this.#requests = []
    for (const one of requests) one.onRequestRead()
  }

  #setFree(): void {
    const freed = this.#freed
    this.#freed = []
    for (const one of freed) one.onFree()
  }
}
