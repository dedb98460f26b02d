// The turns of the thread's loop. In a turn the sockets that are readable are read, and what flows
// (bodies, large answers, tunnels) passes on at once; the rest of the work comes at its end, first
// on the answers of targets, then on the requests of clients. So work of one kind is done in one
// go, by code that is in the first caches, where the kernel's in between would push it out.
//
// A connection that has become free joins its pool at the end of the next turn, before any request
// of it: it has been read once more by then.
//
// A turn also proves something. All sockets that were readable when the loop looked are read before
// it looks again. So what arrives on a connection in the very turn in whose middle a request was
// written to it was there before the request: it cannot be its answer.
//
// libuv asks for 1024 events at a time and looks again at once when it got as many; then a turn
// proves nothing. It cannot get as many from fewer sockets.

import { Staging } from './staging.ts'

/** Below this many sockets, with some to spare for listeners and pipes, the loop looks once. */
const FEW_SOCKETS = 960

/** A connection to a target that has read an answer, or the beginning of one. */
export interface Answering {
  workOnAnswer(): void
}

/** A connection of a client that has read a request, or the beginning of one. */
export interface Asking {
  workOnRequest(): void
}

/** A connection to a target whose answer is whole. */
export interface Free {
  joinPool(): void
}

export class Turns {
  #turn = 0
  /**
   * Whether sockets are being read in this turn: neither timers run nor closed handles nor its
   * end.
   */
  #serving = false
  #armed = false
  #sockets = 0
  /** The most sockets that were open at a time in this turn. */
  #most = 0
  #answers: Answering[] = []
  #requests: Asking[] = []
  /** Free since the last turn, and since this one. */
  #resting: Free[] = []
  #free: Free[] = []
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

  /**
   * A target's socket has been read. (A client's may speak later, when what it had buffered is let
   * go, and begins no request in the middle of a turn.)
   */
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

  /** Calls back at the end of this turn. */
  answerRead(one: Answering): void {
    this.#answers.push(one)
    if (!this.#armed) this.#arm()
  }

  /** Calls back at the end of this turn; of the next one, when requests are worked on already. */
  requestRead(one: Asking): void {
    this.#requests.push(one)
    if (!this.#armed) this.#arm()
  }

  /** Calls back at the end of the next turn. */
  freed(one: Free): void {
    this.#free.push(one)
    if (!this.#armed) this.#arm()
  }

  #arm(): void {
    this.#armed = true
    setImmediate(this.#endTurn)
  }

  readonly #endTurn = (): void => {
    this.#lookAtClock()
    this.#serving = false
    if (this.#resting.length > 0) this.#joinPools()
    if (this.#answers.length > 0) this.#workOnAnswers()
    if (this.#requests.length > 0) this.#workOnRequests()
    if (this.#free.length > 0) {
      this.#resting = this.#free
      this.#free = []
    }
    this.#turn++
    this.#most = this.#sockets
    this.#armed = false
    if (this.#requests.length > 0) this.#arm() // nothing else is asked for in this work
  }

  #joinPools(): void {
    const resting = this.#resting
    this.#resting = []
    for (const one of resting) one.joinPool()
  }

  #workOnAnswers(): void {
    const answers = this.#answers
    this.#answers = []
    for (const one of answers) one.workOnAnswer()
    this.staging.clear()
  }

  #workOnRequests(): void {
    const requests = this.#requests
    this.#requests = []
    for (const one of requests) one.workOnRequest()
  }
}
