// The entry of the thread that runs synthetic transactions. It carries out what it is told, several
// runs at a time, and ends when the main thread does.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { Beginning, FromThread, RunOrder, ToThread } from './messages.ts'
import { rehearse } from './rehearsal.ts'
import { Run } from './run.ts'

/** Null before its first request. */
const runs = new Map<string, Run | null>()
const { checking, rehearses } = workerData as Beginning
// Without it the first run is slower, and no more.
const rehearsed = rehearses ? rehearse(checking).catch(() => 0) : null

async function carryOut(port: MessagePort, order: RunOrder): Promise<void> {
  const { run } = order
  runs.set(run, null)
  await rehearsed
  let report: FromThread['report'] = null
  if (runs.has(run)) {
    const running = new Run(order, checking)
    runs.set(run, running)
    report = await running.done
    runs.delete(run)
  }
  port.postMessage({ run, report } satisfies FromThread)
}

function stop(run: string): void {
  const running = runs.get(run)
  if (running === null) runs.delete(run)
  else running?.stop()
}

const port = parentPort
if (port === null) throw new Error('this file is the entry of a thread')
port.on('message', (message: ToThread) => {
  if (message.do === 'run') void carryOut(port, message.run)
  else stop(message.run)
})
