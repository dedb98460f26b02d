// The moments of a start at which customers are served and operators are not yet: a signal drains
// already, and a node that cannot have its admin address never takes a customer.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { endAll, startProgram } from '../../bench/lab/children.ts'
import { sleep } from '../../bench/lab/clock.ts'
import { freePort } from '../../bench/lab/free-port.ts'
import { startOrigin } from '../../bench/lab/origin.ts'
import { labConfig } from '../../bench/lab/vertex.ts'

const BIN = fileURLToPath(new URL('../../bin/vertex.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'vertex-begin-'))
t.teardown(async () => {
  await endAll()
  rmSync(folder, { recursive: true, force: true })
})
const origin = await startOrigin({ version: 'v1' })

interface Started {
  readonly port: number
  /** All that it has printed. */
  readonly said: () => string
  readonly ended: Promise<unknown>
  readonly kill: (signal: NodeJS.Signals) => void
}

async function start(name: string, more: Record<string, unknown>): Promise<Started> {
  const port = await freePort()
  const config = labConfig({
    ...{ versions: { v1: [origin.url] }, stable: 'v1' },
    more: { listen: `127.0.0.1:${port}`, state: join(folder, name), ...more },
  })
  const file = join(folder, `${name}.yaml`)
  writeFileSync(file, JSON.stringify(config))
  const child = startProgram([process.execPath, BIN, 'run', '-c', file], {})
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
  }
  const ended = once(child, 'exit').then(([code]: unknown[]) => code)
  return { port, ended, said: () => text, kill: (signal) => child.kill(signal) }
}

async function isServed(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/`)
    await answer.text()
    return answer.status === 200
  } catch {
    return false // it does not listen yet, or any more
  }
}

await t.test('a signal behind the first answer drains', async (t) => {
  const node = await start('drains', { timeouts: { drain_delay: '50ms' } })
  while (!(await isServed(node.port))) await sleep(2)
  node.kill('SIGTERM')
  t.equal(await node.ended, 0, node.said())
  t.match(node.said(), /"msg":"Draining"/)
  t.match(node.said(), /"msg":"Stopped"/)
})

await t.test('without its admin address it takes no customer', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as { port: number }
  const node = await start('refused', { admin: `127.0.0.1:${port}` })
  let hasEnded = false
  void node.ended.then(() => {
    hasEnded = true
  })
  let served = false
  while (!hasEnded) {
    served ||= await isServed(node.port)
    await sleep(2)
  }
  t.equal(await node.ended, 1)
  t.equal(served, false)
  t.match(node.said(), /Cannot serve the admin API: another process listens on 127\.0\.0\.1:\d+/)
})
