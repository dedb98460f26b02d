// Questions and answers between a measurement and its child processes, over the IPC channel that
// node:child_process gives. A question has a number, its answer carries the same number.

import type { ChildProcess } from 'node:child_process'

interface Question {
  readonly id: number
  readonly ask: string
  readonly with: unknown
}

interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

let questions = 0

/** Asks a child. Fails when the child ends first or `withinMs` have passed. */
export function askChild(
  child: ChildProcess,
  ask: string,
  options: { with?: unknown; withinMs?: number } = {},
): Promise<unknown> {
  const id = ++questions
  return new Promise((resolve, reject) => {
    const finish = (error: string | undefined, value: unknown): void => {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
      if (error === undefined) resolve(value)
      else reject(new Error(`Cannot get "${ask}" from a child process as ${error}`))
    }
    const onMessage = (message: unknown): void => {
      const reply = message as Reply
      if (reply.id === id) finish(reply.error, reply.value)
    }
    const onExit = (): void => finish('it has ended', null)
    const withinMs = options.withinMs ?? 60_000
    const timer = setTimeout(() => finish(`it was silent for ${withinMs} ms`, null), withinMs)
    child.setMaxListeners(100)
    child.on('message', onMessage)
    child.once('exit', onExit)
    child.send({ id, ask, with: options.with } satisfies Question)
  })
}

/** In the child: answers questions with these functions, and ends when the parent is gone. */
export function answerParent(
  answers: Readonly<Record<string, (argument: unknown) => unknown>>,
): void {
  process.on('message', (message) => {
    const question = message as Question
    const reply = (fields: { value?: unknown; error?: string }): void => {
      process.send?.({ id: question.id, ...fields } satisfies Reply)
    }
    const answer = answers[question.ask]
    if (answer === undefined) return reply({ error: `it does not know "${question.ask}"` })
    Promise.resolve()
      .then(() => answer(question.with))
      .then((value) => reply({ value }))
      .catch((error: unknown) => reply({ error: String(error) }))
  })
  process.once('disconnect', () => process.exit(0))
}
