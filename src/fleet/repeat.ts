// A task that is done again and again, never twice at once. It decides only when.

export interface Repeat {
  stop(): void
}

/**
 * Does the task at once and then again and again. It answers with the milliseconds after which it
 * is to begin anew, reckoned from its last beginning; it must not reject.
 */
export function repeat(task: () => Promise<number>): Repeat {
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  const once = async (): Promise<void> => {
    const began = performance.now()
    const waitMs = await task()
    if (stopped) return
    timer = setTimeout(start, Math.max(0, began + waitMs - performance.now()))
  }
  const start = (): void => {
    void once()
  }
  start()
  return {
    stop: () => {
      stopped = true
      if (timer !== null) clearTimeout(timer)
    },
  }
}
