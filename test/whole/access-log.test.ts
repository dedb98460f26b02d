// The access log of a whole node: on stdout beside the node's own lines, rotated by SIGHUP, whole
// when the node ends.

import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { endAll } from '../../bench/lab/children.ts'
import { until } from '../../bench/lab/clock.ts'
import { startOrigin } from '../../bench/lab/origin.ts'
import { labConfig, startVertex } from '../../bench/lab/vertex.ts'

t.teardown(endAll)
const origin = await startOrigin({ version: 'v1', record: false })

const config = (to: string, threads: number): unknown =>
  labConfig({
    versions: { v1: [origin.url] },
    stable: 'v1',
    threads,
    more: { access_log: { to, redact: ['card'] } },
  })

function pathsIn(lines: readonly string[]): string[] {
  const parsed = lines.map((line) => JSON.parse(line) as { log?: string; path?: string })
  return parsed.filter(({ log }) => log === 'access').map((line) => line.path ?? '')
}

await t.test('lines on stdout are whole, and none is missing after SIGTERM', async (t) => {
  const vertex = await startVertex(config('stdout', 2))
  const asked = Array.from({ length: 200 }, (_, i) => `/${'p'.repeat(i * 9)}?n=${i}&card=s3cret`)
  await Promise.all(asked.map((target) => fetch(vertex.url + target).then((it) => it.text())))
  t.equal(await vertex.end(), 0)
  const shown = asked.map((target) => target.replace('s3cret', '[redacted]'))
  t.strictSame(pathsIn(vertex.log).toSorted(), shown.toSorted())
  t.ok(vertex.log.some((line) => line.includes('"msg":"Stopped"')))
})

await t.test('SIGHUP opens a rotated file anew; a missing folder shows as degraded', async (t) => {
  const vertex = await startVertex(config('logs/access.log', 1))
  const folder = path.join(vertex.folder, 'logs')
  const file = path.join(folder, 'access.log')
  const degraded = async (): Promise<readonly string[]> => {
    const { body } = await vertex.change('GET', '/v1/node')
    return (body as { degraded: readonly string[] }).degraded
  }
  const get = async (at: string): Promise<number> => (await fetch(vertex.url + at)).status
  const withinMs = 60_000
  await until(async () => ((await degraded()).length > 0 ? true : null), {
    ...{ what: 'the node says what does not work', withinMs },
  })
  t.match(await degraded(), [/^Cannot open the access log .*ENOENT/])
  t.equal(await get('/unlogged-yet'), 200)
  mkdirSync(folder)
  const hangUp = async (): Promise<void> => {
    process.kill(vertex.pid, 'SIGHUP')
    await until(() => (existsSync(file) ? true : null), { what: 'the file is there', withinMs })
  }
  await hangUp()
  await get('/first')
  renameSync(file, `${file}.1`)
  await hangUp()
  await get('/second')
  t.equal(await vertex.end(), 0)
  const all = [`${file}.1`, file].flatMap((name) => readFileSync(name, 'utf8').trim().split('\n'))
  t.strictSame(pathsIn(all).toSorted(), ['/first', '/second', '/unlogged-yet'])
  t.ok(readFileSync(file, 'utf8').includes('/second'))
})
