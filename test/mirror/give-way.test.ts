// What the system's scheduler knows of the mirror's thread, beside an edge thread: as /proc tells.

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { eventually } from '../edge/harness.ts'
import { startMirrorLab } from './lab.ts'

const SCHED_OTHER = 0
const SCHED_BATCH = 3

/** Niceness and policy of this process's thread with that name (proc_pid_stat(5), 19 and 41). */
function scheduling(name: string): { nice: number; policy: number } | null {
  for (const thread of readdirSync('/proc/self/task')) {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
    if (!stat.includes(`(${name})`)) continue
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the third comes first
    return { nice: Number(fields[16]), policy: Number(fields[38]) }
  }
  return null
}

const skip = process.platform === 'linux' ? false : 'there are no threads to look at'
await t.test('the mirror gives way to those that serve customers', { skip }, async (t) => {
  const mirror = await startMirrorLab()
  t.teardown(() => mirror.close())
  await eventually(
    () => scheduling('vertex-mirror')?.policy === SCHED_BATCH || mirror.notes.length > 0,
  )
  t.same(mirror.notes, [], 'there is a chrt here')
  const edge = scheduling('vertex-edge-0')
  t.equal(edge?.policy, SCHED_OTHER)
  t.match(scheduling('vertex-mirror'), {
    nice: Math.min(19, (edge?.nice ?? 0) + 10),
    policy: SCHED_BATCH,
  })
})
