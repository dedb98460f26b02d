// A fleet is joined at the start. A config that is read again with another one changes nothing but
// the log, in which no secret stands. One with mistakes shows until a good one is read.

import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { endAll } from '../../bench/lab/children.ts'
import { until } from '../../bench/lab/clock.ts'
import { labConfig, startVertex } from '../../bench/lab/vertex.ts'
import type { NodeView } from '../../src/core/command.ts'

await t.test('a fleet cannot be joined while running', async (t) => {
  t.teardown(endAll)
  const accessLog = join(t.testdir(), 'access.log')
  const config = (more: Readonly<Record<string, unknown>>): unknown =>
    labConfig({
      ...{ versions: { v1: ['http://127.0.0.1:9'] }, stable: 'v1' },
      more: { access_log: { to: accessLog }, ...more },
    })
  const vertex = await startVertex(config({}))
  const reload = async (fleet: object, says: string): Promise<string> => {
    const from = vertex.log.length
    writeFileSync(vertex.configFile, JSON.stringify(config({ fleet })))
    process.kill(vertex.pid, 'SIGHUP')
    const since = (): string => vertex.log.slice(from).join('\n')
    const probe = (): true | null => (since().includes(says) ? true : null)
    await until(probe, { what: says, withinMs: 60_000 })
    return since()
  }

  const good = { redis: 'rediss://me@127.0.0.1:1', password: 'hunter2' }
  const said = await reload(good, 'The config was reloaded')
  t.match(said, 'Cannot change \\"fleet\\" while running: restart for the new value')
  t.notMatch(said, 'hunter2')

  const bad = { redis: 'redis://me:hunter2@h:0', rediss: 1 }
  renameSync(accessLog, `${accessLog}.1`)
  const wrong = await reload(bad, 'The config was not reloaded')
  t.match(wrong, 'Cannot set fleet.redis as its port must be from 1 to 65535')
  t.notMatch(wrong, 'hunter2')
  const degraded = async (): Promise<readonly string[]> => {
    const { body } = await vertex.ask('GET', '/v1/node')
    return (body as NodeView).degraded
  }
  const [why = '', ...others] = await degraded()
  t.match(why, /^Cannot take the config file over as it had mistakes when it was last read/)
  t.match(
    why,
    /:\d+:\d+: Cannot set fleet.redis as its port must be from 1 to 65535[^\n]* \(and 1 more\)$/,
  )
  t.notMatch(why, 'hunter2')
  t.strictSame(others, [])
  const isAnew = (): true | null => (existsSync(accessLog) ? true : null)
  await until(isAnew, { what: 'the access log is opened anew all the same', withinMs: 60_000 })

  await reload(good, 'The config was reloaded')
  t.strictSame(await degraded(), [])
  t.equal(await vertex.end('SIGTERM'), 0)
})
