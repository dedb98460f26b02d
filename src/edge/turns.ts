// The turns of the thread's loop, as far as they prove something. All sockets that were readable
// when the loop looked are served before it looks again. So what arrives on a connection in the
// very turn in which a request was written to it was there before the request: it cannot be its
// answer.
//
// libuv asks for 1024 events at a time and looks again at once when it got as many; then a turn
// proves nothing. It cannot get as many from fewer sockets.

/** Below this many sockets, with some to spare for listeners and pipes, the loop looks once. */
const FEW_SOCKETS = 960

export interface AtTurnEnd {
  onTurnEnd(): void
}

export class Turns {
  #turn = 0
  /** Whether sockets are being served in this turn, not timers or closed handles. */
  #serving = false
  #armed = false
  #sockets = 0
  /** The most sockets that were open at a time in this turn. */
  #most = 0
  #waiting: AtTurnEnd[] = []
  readonly #lookAtClock: () => void

  /** @param lookAtClock called at the end of each turn, before what waits for it */
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

  /** Calls back when all sockets of this turn have been served. */
  atEnd(waiting: AtTurnEnd): void {
    this.#waiting.push(waiting)
    if (!this.#armed) this.#arm()
  }

  #arm(): void {
    this.#armed = true
    setImmediate(this.#onEnd)
  }

  readonly #onEnd = (): void => {
    this.#lookAtClock()
    this.#armed = false
    this.#serving = false
    this.#turn++
    this.#most = this.#sockets
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const each of waiting) each.onTurnEnd()
  }
}
