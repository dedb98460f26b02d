// The processes that a test starts end with it, also when its time is over before it is.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { until } from '../../bench/lab/clock.ts'

const CHILDREN = new URL('../../bench/lab/children.ts', import.meta.url).href
/** Says the pid of its child, and waits. */
const SCRIPT = `
  import { startProgram } from '${CHILDREN}'
  const { pid } = startProgram([process.execPath, '-e', 'setTimeout(() => {}, 60_000)'])
  console.log(pid)
  setInterval(() => {}, 1000)
`

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false // no such process
  }
}

for (const signal of ['SIGALRM', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  void t.test(`no child outlives a test that is ended by ${signal}`, async (t) => {
    const test = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => test.kill('SIGKILL'))
    const ended = once(test, 'exit')
    const [said] = (await once(test.stdout, 'data')) as [Buffer]
    const pid = Number(said.toString())
    t.teardown(() => isThere(pid) && process.kill(pid, 'SIGKILL'))
    t.equal(isThere(pid), true)
    test.kill(signal)
    await ended
    await until(() => (isThere(pid) ? null : true), { what: 'its end', withinMs: 2000 })
  })
}
