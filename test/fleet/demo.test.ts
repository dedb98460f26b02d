// `npm run fleet` is how a fleet is met for the first time: three nodes that see each other, by one
// command, and nothing left of them when it is interrupted.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { endAll, endChild, track } from '../../bench/lab/children.ts'
import { until } from '../../bench/lab/clock.ts'
import type { FleetView } from '../../src/core/fleet/view.ts'
import './redis-needed.ts'

const BIN = fileURLToPath(new URL('../../bin/vertex.js', import.meta.url))
const NODES = ['edge-1', 'edge-2', 'edge-3']

async function fleetSeenBy(adminUrl: string): Promise<FleetView> {
  return (await (await fetch(`${adminUrl}v1/fleet`)).json()) as FleetView
}

await t.test('three nodes are live, one leads, and all ends with the demo', async (t) => {
  t.teardown(endAll)
  const folder = t.testdir()
  const child = spawn(process.execPath, [BIN, 'demo', '--fleet'], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  track(child)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  await until(() => (/users +\d+ requests/.test(text) ? true : null), {
    what: 'the demo says where to look',
    withinMs: 30_000,
  })
  const admins = [...text.matchAll(/node (\S+) .* dashboard (http:\S+)/g)]
  t.strictSame(
    admins.map(([, name]) => name),
    NODES,
  )
  const views = await Promise.all(admins.map(([, , adminUrl = '']) => fleetSeenBy(adminUrl)))
  for (const { members } of views) {
    t.strictSame(
      members.map(({ isLive, node }) => [node, isLive]),
      NODES.map((node) => [node, true]),
    )
  }
  t.strictSame(
    views.map(({ standing }) => standing),
    ['leading', 'following', 'following'],
  )
  t.match(text, /vertex fleet --admin http/)
  t.equal(await endChild(child, { signal: 'SIGINT', withinMs: 15_000 }), 0)
  for (const [, , adminUrl = ''] of admins) await t.rejects(fetch(adminUrl), 'the node is gone')
  const redis = /redis:(\S+)/.exec(text)?.[1]
  await t.rejects(fetch(`http:${redis}`), /fetch failed/, 'and so is Redis')
  t.same(readdirSync(folder), [], 'no folder is left behind')
})

await t.test('without redis-server it says what to install', async (t) => {
  t.teardown(endAll)
  const child = spawn(process.execPath, [BIN, 'demo', '--fleet'], {
    env: { ...process.env, PATH: '/nowhere' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  track(child)
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  t.equal(code, 1)
  t.match(said, /redis-server is not installed: apt-get install redis-server/)
})
