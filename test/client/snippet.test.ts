// The call that the SDK was made for, against a running node with a version that is as it should
// be, one that is slow and one that fails. The words are those of bench/lab/snippet.ts; only the
// bounds are such that they can be held on a machine that does other things too.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { Vertex } from '../../bench/lab/vertex.ts'
import { VertexClient } from '../../src/client/client.ts'
import { errorOf } from './failure.ts'

type Snippet = typeof import('../../bench/lab/snippet.ts')

/** Much less than the version that is slow takes, and more than a busy machine. */
const THRESHOLD_MS = 400
const SLOW_MS = 700
const BOUNDS = [
  ['threshold: 50 ', `threshold: ${THRESHOLD_MS} `],
  ['min: 10000 ', 'min: 5 '],
] as const
const SCENARIO = `rate: 50
duration: 1s
assertions: { error_rate: 100% }  # those of the call are to be shown
steps:
  - { name: look, path: /look }
  - { name: buy, path: /buy, method: POST, json: { item: 1 } }
`

const directory = mkdtempSync(join(tmpdir(), 'vertex-snippet-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

/** The words with other bounds. */
async function snippet(): Promise<Snippet> {
  const file = new URL('../../bench/lab/snippet.ts', import.meta.url)
  let words = readFileSync(file, 'utf8')
  for (const [asked, here] of BOUNDS) {
    if (!words.includes(asked)) throw new Error(`it does not ask for ${asked}`)
    words = words.replace(asked, here)
  }
  const copy = join(directory, 'snippet.ts')
  writeFileSync(copy, words)
  return (await import(pathToFileURL(copy).href)) as Snippet
}

/** An app server, and its address. */
async function app(listener: RequestListener): Promise<string> {
  const server = createServer((asking, answer) => {
    asking.resume()
    listener(asking, answer)
  })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

let asked = 0
const good = await app((_, answer) => answer.end('{}'))
const slow = await app((_, answer) => {
  setTimeout(() => answer.end('{}'), SLOW_MS)
})
const failing = await app((_, answer) => {
  answer.writeHead(asked++ % 10 === 0 ? 500 : 200).end('{}')
})

const vertex = new Vertex({
  listen: '127.0.0.1:0',
  admin: '127.0.0.1:0',
  threads: 1,
  timeouts: { drain_delay: '0', drain: '1s' },
  versions: {
    good: { targets: [good] },
    slow: { targets: [slow] },
    failing: { targets: [failing] },
  },
  routing: { stable: 'good' },
})
mkdirSync(join(vertex.folder, 'scenarios'))
writeFileSync(join(vertex.folder, 'scenarios', 'critical_path.yaml'), SCENARIO)
await vertex.start()
t.teardown(() => vertex.end('SIGKILL'))
const vertexClient = new VertexClient({ url: vertex.adminUrl })
const { proveVersion } = await snippet()

await t.test('a version that is as it should be is healthy', async (t) => {
  t.same(await proveVersion(vertexClient, 'good'), {
    healthy: true,
    service: 'default',
    version: 'good',
    scenario: 'critical_path',
    failures: [],
  })
})

await t.test('a slow version is not, and the assertion is named', async (t) => {
  const { healthy, failures } = await proveVersion(vertexClient, 'slow')
  t.equal(healthy, false)
  t.match(failures, [new RegExp(`^p99_latency is \\d{3,4}(\\.\\d+)? ms, .*${THRESHOLD_MS} ms`)])
  t.equal(failures.length, 1)
})

await t.test('a version that fails is not, and the assertion is named', async (t) => {
  const { healthy, failures } = await proveVersion(vertexClient, 'failing')
  t.equal(healthy, false)
  t.match(failures[0], /^error_rate is /)
  t.notMatch(failures.join(), /p99_latency|throughput/)
})

await t.test('the report is whole, and nothing was changed by it', async (t) => {
  const before = await vertexClient.service()
  const report = await vertexClient.runSyntheticTransaction({
    version: 'good',
    scenario: 'critical_path',
    rate: 20,
    duration: '500ms',
  })
  t.equal(report.transactions, 10)
  t.match(report, { requests: 20, errors: 0, errorRate: 0, result: { healthy: true } })
  t.same(
    report.steps.map(({ name }) => name),
    ['look', 'buy'],
  )
  const after = await vertexClient.service()
  t.equal(after.revision, before.revision)
  t.equal(after.stable?.stats.requests, 0, 'and is no evidence')
})

await t.test('what is not there is refused, with what there is', async (t) => {
  const unknown = { version: 'good', scenario: 'checkout' }
  t.match(await errorOf(vertexClient.runSyntheticTransaction(unknown)), {
    name: 'VertexError',
    code: 'unknown-scenario',
    allowed: ['critical_path'],
  })
  const nobody = { version: 'v9', scenario: 'critical_path' }
  t.match(await errorOf(vertexClient.runSyntheticTransaction(nobody)), { name: 'VertexError' })
})
