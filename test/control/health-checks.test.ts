// Active checks against real apps: what counts as well, how long a change of mind takes, how many
// are on their way at a time, and that nothing is left of them when they end.

import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { unfollowed } from '../../bench/lab/children.ts'
import type { HealthCheckConfig } from '../../src/config/config.ts'
import { connectOnce } from '../../src/control/check-request.ts'
import { Gauge } from '../../src/control/gauge.ts'
import { HealthChecks } from '../../src/control/health-checks.ts'
import type { ResidentVersion } from '../../src/control/residency.ts'
import { seededRandom } from '../core/random.ts'
import { App, type Mood } from './app.ts'
import { until } from './node.ts'

const RULES: HealthCheckConfig = {
  path: '/health?deep=1',
  intervalMs: 20,
  timeoutMs: 150,
  up: 2,
  down: 3,
}

function versionOf(urls: readonly string[]): ResidentVersion {
  const targets = new Map(urls.map((url, i) => [url, i]))
  return {
    ...{ service: 'shop', name: 'v1', slot: 0, stripe: null, targets },
    ...{ gauge: new Gauge(), since: 0 },
  }
}

class Checked {
  readonly version: ResidentVersion
  readonly checks: HealthChecks
  changes = 0

  constructor(urls: readonly string[], options: { underWay?: number } = {}) {
    this.version = versionOf(urls)
    const random = seededRandom(2026)
    this.checks = new HealthChecks({
      ...options,
      random: () => random.next(),
      onChange: () => this.changes++,
    })
  }

  follow(rules: HealthCheckConfig | null): void {
    this.checks.follow([{ version: this.version, rules }])
  }

  word(url: string): string {
    return this.checks.stateOf(this.version, url)?.word ?? 'none'
  }

  reason(url: string): string {
    return this.checks.stateOf(this.version, url)?.reason ?? ''
  }
}

await t.test('an app is well by its status and a whole answer, within its time', async (t) => {
  const expected: readonly (readonly [Mood, string, RegExp])[] = [
    ['well', 'well', /^$/],
    ['redirect', 'well', /^$/],
    ['endless', 'well', /^$/],
    ['error', 'bad', /a health check failed: status 500|checks in a row failed: status 500/],
    ['hang', 'bad', /no whole answer within 150 ms/],
    ['half', 'bad', /no whole answer within 150 ms/],
    ['close', 'bad', /the connection was closed before the answer was whole/],
  ]
  await Promise.all(
    expected.map(async ([mood, word, reason]) => {
      const app = await App.start(mood)
      const checked = new Checked([app.url])
      checked.follow(RULES)
      await until(`a word about ${mood}`, () => checked.word(app.url) !== 'unknown')
      t.equal(checked.word(app.url), word, mood)
      t.match(checked.reason(app.url), reason)
      t.equal(app.asked[0], RULES.path)
      checked.checks.close()
      await app.stop()
    }),
  )
})

await t.test('what does not listen, or does not speak HTTP, is bad and says why', async (t) => {
  const raw = createServer((socket) => socket.end('220 mail ready\r\n\r\n'))
  await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve))
  const { port } = raw.address() as AddressInfo
  const gone = await App.start()
  await gone.stop()
  const mail = `http://127.0.0.1:${port}`
  const checked = new Checked([mail, gone.url])
  checked.follow(RULES)
  await until('both', () => checked.word(mail) === 'bad' && checked.word(gone.url) === 'bad')
  t.match(checked.reason(mail), /the answer is not HTTP/)
  t.match(checked.reason(gone.url), /connection refused/)
  checked.checks.close()
  raw.close()
})

await t.test('three failures take it out, two good checks bring it back', async (t) => {
  const app = await App.start()
  const checked = new Checked([app.url])
  checked.follow(RULES)
  await until('well', () => checked.word(app.url) === 'well')
  app.mood = 'error'
  const before = app.asked.length
  await until('bad', () => checked.word(app.url) === 'bad')
  const failed = app.asked.length - before
  t.ok(failed >= 3 && failed <= 4, `${failed} failures`)
  await app.stop()
  await until('the reason of now', () => /refused/.test(checked.reason(app.url)))
  app.mood = 'well'
  app.asked.length = 0
  await app.listen()
  await until('well again', () => checked.word(app.url) === 'well')
  t.ok(app.asked.length >= 2)
  t.equal(checked.changes, 3)
  checked.checks.close()
  await app.stop()
})

await t.test('a kept connection that closes as it is used is no failure', async (t) => {
  // Closes each connection when its second request comes, as a server with a short idle time may.
  let served = 0
  const server = createServer((socket) => {
    let requests = 0
    socket.on('error', () => undefined)
    socket.on('data', () => {
      requests++
      served++
      if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      else socket.resetAndDestroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const checked = new Checked([url])
  checked.follow({ ...RULES, down: 1 })
  await until('many checks', () => served > 20)
  t.equal(checked.word(url), 'well')
  t.equal(checked.changes, 1)
  checked.checks.close()
  server.close()
})

await t.test('checks of one target share a connection', async (t) => {
  const app = await App.start()
  const checked = new Checked([app.url])
  checked.follow(RULES)
  await until('some checks', () => app.asked.length > 10)
  t.equal(app.connections, 1)
  checked.checks.close()
  await app.stop()
})

await t.test('no more than the bound are on their way, and everybody has a turn', async (t) => {
  // Twelve targets that never answer: on loopback each address is this machine.
  let open = 0
  let most = 0
  const server = createServer((socket) => {
    most = Math.max(most, ++open)
    socket.on('error', () => undefined)
    socket.on('data', () => undefined)
    socket.on('close', () => open--)
  })
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  const { port } = server.address() as AddressInfo
  const urls = Array.from({ length: 12 }, (_, i) => `http://127.0.0.${i + 1}:${port}`)
  const checked = new Checked(urls, { underWay: 3 })
  checked.follow({ ...RULES, timeoutMs: 40 })
  await until('a word about each', () => urls.every((url) => checked.word(url) === 'bad'))
  // A connection that was given up is closed a moment later than its place is taken.
  t.ok(most <= 6, `${most} at a time`)
  checked.checks.close()
  server.close()
})

await t.test('a target that leaves, or checks that are switched off, are forgotten', async (t) => {
  const [some, other] = [await App.start(), await App.start()]
  const checked = new Checked([some.url, other.url])
  checked.follow(RULES)
  await until('both', () => checked.word(some.url) === 'well' && checked.word(other.url) === 'well')
  checked.version.targets.delete(some.url)
  checked.follow(RULES)
  t.equal(checked.word(some.url), 'none')
  const asked = some.asked.length
  const before = other.asked.length
  await until('more checks of the other', () => other.asked.length > before + 3)
  t.ok(some.asked.length <= asked + 1, 'one may have been on its way')
  checked.follow(null)
  t.equal(checked.word(other.url), 'none')
  await until('no connection', () => some.open === 0 && other.open === 0)
  await some.stop()
  await other.stop()
})

await t.test('other rules hold at once: a long interval does not delay them', async (t) => {
  const app = await App.start()
  const checked = new Checked([app.url])
  checked.follow({ ...RULES, intervalMs: 3_600_000 })
  await checked.checks.hurry(checked.version)
  t.equal(checked.word(app.url), 'well', 'who hurries does not wait for the interval either')
  checked.follow({ ...RULES, path: '/other' })
  await until('the other path', () => app.asked.includes('/other'))
  checked.checks.close()
  await app.stop()
})

await t.test('who waits for a check is not left waiting when it ends', async (t) => {
  const app = await App.start('hang')
  const checked = new Checked([app.url])
  checked.follow({ ...RULES, timeoutMs: 60_000 })
  const hurried = checked.checks.hurry(checked.version)
  await until('the question', () => app.open === 1)
  checked.checks.close()
  await hurried
  await until('its end', () => app.open === 0)
  await app.stop()
  t.pass('and the connection is closed')
})

await t.test('checks keep no process alive', async (t) => {
  const path = join(import.meta.dirname, 'checks-process.ts')
  const { args, file } = unfollowed([process.execPath, path])
  const child = spawn(file, args, { timeout: 30_000 })
  const code = await new Promise((resolve) => child.on('exit', resolve))
  t.equal(code, 0)
})

await t.test('a connection that is tried says why it failed', async (t) => {
  const app = await App.start()
  const address = { host: '127.0.0.1', port: app.port }
  t.same(await connectOnce(address, 1000), { good: true, reason: '' })
  await app.stop()
  t.same(await connectOnce(address, 1000), { good: false, reason: 'connection refused' })
  const nowhere = { host: 'nowhere.invalid', port: 1 }
  t.match((await connectOnce(nowhere, 3000)).reason, /name/)
})
