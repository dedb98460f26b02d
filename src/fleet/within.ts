// The bound of every wait for Redis. What comes after the bound is dropped: whoever waited has
// been told that the call failed.

export class Overdue extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms} ms`)
    this.name = 'Overdue'
  }
}

/**
 * The promise, or a rejection with `Overdue`. When this process itself stood still, the answer may
 * lie in the socket unread: so the loop gets one more turn to read before the wait is given up.
 */
export function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      setImmediate(() => reject(new Overdue(ms)))
    }, ms)
    promise.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error instanceof Error ? error : new Error(String(error)))
      },
    )
  })
}
