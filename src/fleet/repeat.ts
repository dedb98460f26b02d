// A task that is done again and again, never twice at once. It decides only when.

export interface Repeat {
  /** The next time is now, or at once behind the one that goes on. */
  hurry(): void
  stop(): void
}

/**
 * Does the task at once and then again and again. It answers with the milliseconds after which it
 * is to begin anew, reckoned from its last beginning; it must not reject.
 */
export function repeat(task: () => Promise<number>): Repeat {
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  let isUnderWay = false
  let isHurried = false
  const once = async (): Promise<void> => {
    const began = performance.now()
    isUnderWay = true
    const waitMs = await task()
    isUnderWay = false
    if (stopped) return
    const leftMs = isHurried ? 0 : began + waitMs - performance.now()
    isHurried = false
    timer = setTimeout(start, Math.max(0, leftMs))
  }
  const start = (): void => {
    void once()
  }
  start()
  return {
    hurry: () => {
      isHurried = isUnderWay
      if (isUnderWay || timer === null) return
      clearTimeout(timer)
      timer = setTimeout(start, 0)
    },
    stop: () => {
      stopped = true
      if (timer !== null) clearTimeout(timer)
    },
  }
}
