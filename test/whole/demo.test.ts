// The demo is the first thing that anybody runs: it must tell its story to the end, and leave
// nothing behind.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { endAll, endChild, startProgram } from '../../bench/lab/children.ts'
import { until } from '../../bench/lab/clock.ts'

const BIN = fileURLToPath(new URL('../../bin/vertex.js', import.meta.url))

/** Of its own, as other tests show demos at the same time. */
const temporary = mkdtempSync(join(tmpdir(), 'vertex-test-demo-'))
t.teardown(() => rmSync(temporary, { recursive: true, force: true }))

/** The command of a demo that has its temporary files there. */
function demo(): string[] {
  return ['env', `TMPDIR=${temporary}`, process.execPath, BIN, 'demo', '--once']
}

t.teardown(endAll)
// Both at the same time: the story is mostly waiting.
t.jobs = 2

const told = t.test('vertex demo --once tells its story and exits 0', async (t) => {
  const child = startProgram(demo())
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  child.stderr?.resume()
  const [code] = await new Promise<[number | null]>((resolve) => {
    child.once('close', (code) => resolve([code]))
  })
  t.equal(code, 0, text)
  t.match(text, /v2 is the new stable/)
  t.match(text, /Users who saw an error: 0/)
  t.match(text, /On-call was paged/)
})

const interrupted = t.test('one that is interrupted ends everything that it started', async (t) => {
  const child = startProgram(demo())
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  child.stderr?.resume()
  const address = await until(() => /in front +(http:\S+)/.exec(text)?.[1] ?? null, {
    what: 'the demo names its proxy',
    withinMs: 60_000,
  })
  t.equal(await endChild(child, { signal: 'SIGINT', withinMs: 60_000 }), 130)
  await t.rejects(fetch(address), 'the proxy is gone')
})

await Promise.all([told, interrupted])
t.same(
  readdirSync(temporary).filter((name) => name.startsWith('vertex-demo-')),
  [],
  'no folder is left behind',
)
