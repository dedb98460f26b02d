// How long a call may take: until its time is up or one of its signals aborts. It is made of what
// Node 20.0 has, which knows no AbortSignal.any, and leaves nothing behind on a signal that lives
// as long as the program.

/** What setTimeout can count. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

export type Signals = readonly AbortSignal[]

/** Throws a RangeError for a time that no timer can wait. */
export function checkTimeout(timeoutMs: number): number {
  if (Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= TIMEOUT_MAX_MS) return timeoutMs
  throw new RangeError(
    `Cannot use timeoutMs as it must be whole milliseconds from 1 to ${TIMEOUT_MAX_MS}: current value is ${timeoutMs}`,
  )
}

/** The signals that are given. */
export function signalsOf(...signals: readonly (AbortSignal | undefined)[]): Signals {
  return signals.filter((signal) => signal !== undefined)
}

export function abortedOf(signals: Signals): AbortSignal | undefined {
  return signals.find((signal) => signal.aborted)
}

interface Listening {
  readonly stops: Set<() => void>
  readonly onAbort: () => void
}

/** One listener a signal, however many calls it ends: Node warns of many, as they may be a leak. */
const listening = new WeakMap<AbortSignal, Listening>()

function listen(signal: AbortSignal, stop: () => void): void {
  const known = listening.get(signal)
  if (known !== undefined) {
    known.stops.add(stop)
    return
  }
  const stops = new Set([stop])
  const onAbort = (): void => {
    for (const one of stops) one()
  }
  listening.set(signal, { stops, onAbort })
  signal.addEventListener('abort', onAbort)
}

function leave(signal: AbortSignal, stop: () => void): void {
  const known = listening.get(signal)
  if (known === undefined) return
  known.stops.delete(stop)
  if (known.stops.size > 0) return
  listening.delete(signal)
  signal.removeEventListener('abort', known.onAbort)
}

export class Deadline {
  readonly #controller = new AbortController()
  readonly #signals: Signals
  readonly #stop = (): void => this.#controller.abort()
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Whether it was the time that ended it. */
  passed = false

  constructor(timeoutMs: number, signals: Signals) {
    this.#signals = signals
    for (const signal of signals) listen(signal, this.#stop)
    if (abortedOf(signals) !== undefined) this.#stop()
    this.restart(timeoutMs)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Time does not count until `restart`; the signals still do. */
  hold(): void {
    clearTimeout(this.#timer)
  }

  /** The time counts anew from now. */
  restart(timeoutMs: number): void {
    this.hold()
    this.#timer = setTimeout(() => {
      this.passed = true
      this.#stop()
    }, timeoutMs)
  }

  /** Lets go of the timer and of the signals; whoever still waits on its signal is ended. */
  end(): void {
    this.hold()
    for (const signal of this.#signals) leave(signal, this.#stop)
    this.#stop()
  }
}

/**
 * Waits for work at most until the signal aborts, whether or not the work heeds it: a `fetch` of
 * the program's own may not.
 *
 * @param onLate takes what comes of it when nobody waits any more
 * @throws what the work throws, or the signal's reason
 */
export function within<T>(
  work: Promise<T>,
  signal: AbortSignal,
  onLate: (result: T) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    const leave = (): void => signal.removeEventListener('abort', onAbort)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    const onDone = (result: T): void => {
      leave()
      if (signal.aborted) onLate(result)
      else resolve(result)
    }
    work.then(onDone, (error: unknown) => {
      leave()
      reject(error)
    })
  })
}

/** Waits, at most until a signal aborts. */
export function pause(ms: number, signals: Signals): Promise<void> {
  return new Promise((resolve) => {
    const deadline = new Deadline(ms, signals)
    const done = (): void => {
      deadline.end()
      resolve()
    }
    if (deadline.signal.aborted) done()
    else deadline.signal.addEventListener('abort', done, { once: true })
  })
}
