// One clock for all processes of a measurement. CLOCK_MONOTONIC counts from the machine's start, so
// readings of two processes on one machine can be compared; performance.now() cannot, since each
// process has its own zero.

/** Milliseconds of the machine's monotonic clock, with fractions of a microsecond. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** The monotonic time of a wall clock time, e.g. of a journal entry, in milliseconds. */
export function monotonicOfWall(wallMs: number): number {
  return wallMs + (monotonicMs() - (performance.timeOrigin + performance.now()))
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

/**
 * Asks `probe` again and again until it answers with something other than null.
 * Throws when that has not happened after `withinMs`; `what` completes the sentence.
 */
export async function until<T>(
  probe: () => Promise<T | null> | T | null,
  options: { what: string; withinMs: number; everyMs?: number },
): Promise<T> {
  const end = monotonicMs() + options.withinMs
  for (;;) {
    const value = await probe()
    if (value !== null) return value
    if (monotonicMs() > end) {
      throw new Error(
        `Cannot go on as this did not happen in ${options.withinMs} ms: ${options.what}`,
      )
    }
    await sleep(options.everyMs ?? 10)
  }
}
