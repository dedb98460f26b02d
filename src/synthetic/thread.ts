// The entry of the thread that runs synthetic transactions. It carries out what it is told, several
// runs at a time, and ends when the main thread does.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { Checking, FromThread, ToThread } from './messages.ts'
import { Run } from './run.ts'

const runs = new Map<string, Run>()
const checking = workerData as Checking

async function carryOut(port: MessagePort, message: ToThread & { do: 'run' }): Promise<void> {
  const { run } = message.run
  const running = new Run(message.run, checking)
  runs.set(run, running)
  const report = await running.done
  runs.delete(run)
  port.postMessage({ run, report } satisfies FromThread)
}

const port = parentPort
if (port === null) throw new Error('this file is the entry of a thread')
port.on('message', (message: ToThread) => {
  if (message.do === 'run') void carryOut(port, message)
  else runs.get(message.run)?.stop()
})
