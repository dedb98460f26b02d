// The access log of a real edge: a line for each way in which a request can end, whole lines from
// several threads, rotation, and a log that has nowhere to go while traffic goes on.

import { type FileHandle, open } from 'node:fs/promises'
import { constants, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type net from 'node:net'
import t from 'tap'
import type { AccessLine } from '../../src/edge/access-line.ts'
import type { AccessLogConfig } from '../../src/config/config.ts'
import { AccessLog } from '../../src/edge/access-log.ts'
import { answering, eventually, SETTINGS } from './harness.ts'
import { startLab } from './lab.ts'
import { get, open as openWire, post, settled } from './wire.ts'

const folder = t.testdir()
const lab = await startLab()
t.teardown(() => lab.close())

let files = 0
const fresh = (): string => join(folder, `access-${files++}.log`)
const config = (to: string, change: Partial<AccessLogConfig> = {}): AccessLogConfig => ({
  ...{ to, sample: 1, redact: [] },
  ...change,
})

function linesOf(text: string): AccessLine[] {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new Error('The log does not end with a line end')
  return lines.map((line) => JSON.parse(line) as AccessLine)
}

function logged(file: string): AccessLine[] {
  return existsSync(file) ? linesOf(readFileSync(file, 'utf8')) : []
}

/** Waits for so many lines, which come with the next half second. */
async function lines(file: string, count: number): Promise<AccessLine[]> {
  await eventually(() => logged(file).length >= count)
  return logged(file)
}

/** Switches the log off, for its lines come at once then, and waits for so many. */
async function linesNow(file: string, count: number): Promise<AccessLine[]> {
  await settled(lab.edge)
  lab.edge.supervisor.useSettings(SETTINGS)
  return lines(file, count)
}

const closing = (socket: net.Socket): void => void socket.destroy()
const silent = (): void => undefined

await t.test(
  'a request has a line with who asked, who answered and how long it took',
  async (t) => {
    const origin = await lab.origin(answering('hello'))
    const to = fresh()
    await lab.serve({ stable: [origin.port], settings: { accessLog: config(to) } })
    await lab.ask(get('/cart?token=s3cret&x=1'))
    await lab.ask(post('12345678'))
    const [first, second] = await lines(to, 2)
    t.has(first, {
      ...{ log: 'access', client: '127.0.0.1', method: 'GET', host: 'shop.example' },
      ...{ path: '/cart?token=[redacted]&x=1', service: 'default', version: 'v1' },
      ...{ target: `127.0.0.1:${origin.port}`, status: 200, outcome: 'ok', blame: 'nobody' },
      ...{ bytes_in: 0, bytes_out: 5, attempts: 1 },
    })
    t.match(first?.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    t.ok(origin.requests[0]?.toLowerCase().includes(`x-request-id: ${first?.request_id}\r\n`))
    t.has(second, { method: 'POST', bytes_in: 8, path: '/' })
    for (const { wait_ms, connect_ms, first_byte_ms, total_ms } of [
      first as AccessLine,
      second as AccessLine,
    ]) {
      const phases = [wait_ms, connect_ms, first_byte_ms].map((ms) => ms ?? Number.NaN)
      t.ok(phases.every((ms) => ms >= 0))
      t.ok(phases.reduce((sum, ms) => sum + ms, 0) <= total_ms + 0.01, phases.join(' + '))
    }
    t.notMatch(readFileSync(to, 'utf8'), 's3cret')
  },
)

await t.test('a failure has a line that says whose it is', async (t) => {
  const [reset, mute] = [await lab.origin(closing), await lab.origin(silent)]
  const to = fresh()
  const settings = { accessLog: config(to, { sample: 0 }) }
  await lab.serve({ stable: [reset.port], settings })
  await lab.ask(post('x'))
  await lab.serve({ stable: [mute.port], settings, timeouts: { responseHeadMs: 50 } })
  await lab.ask(get())
  await lab.serve({ stable: [], settings })
  await lab.ask(get())
  await lab.serve({ stable: [mute.port], service: { matches: [] }, settings })
  await lab.ask(get('/nowhere'))
  const found = await linesNow(to, 4)
  const version = { service: 'default', version: 'v1', attempts: 1, bytes_out: 0 }
  t.match(found, [
    { ...version, status: 502, outcome: 'reset', blame: 'version', error: 'upstream-reset' },
    { ...version, status: 504, outcome: 'timeout', blame: 'version', error: 'response-timeout' },
    { status: 503, outcome: 'overload', blame: 'vertex', error: 'no-target', attempts: 0 },
    { status: 404, outcome: 'unjudged', blame: 'nobody', error: 'no-service', path: '/nowhere' },
  ])
  t.ok((found[1]?.total_ms ?? 0) >= 45)
  t.equal(found[1]?.first_byte_ms, undefined)
})

await t.test('a client that went away is a 499', async (t) => {
  const mute = await lab.origin(silent)
  const to = fresh()
  await lab.serve({ stable: [mute.port], settings: { accessLog: config(to) } })
  const client = await lab.client()
  client.send(get('/slow'))
  await eventually(() => mute.requests.length === 1)
  client.destroy()
  const [line] = await linesNow(to, 1)
  t.has(line, { status: 499, outcome: 'aborted', blame: 'client', path: '/slow', attempts: 1 })
})

await t.test('a rescued request says what was spared and who answered', async (t) => {
  const [good, bad] = [await lab.origin(answering('good')), await lab.origin(closing)]
  const to = fresh()
  const settings = { accessLog: config(to, { sample: 0 }) }
  await lab.serve({ stable: [good.port], candidate: [bad.port], weight: 10_000, settings })
  await lab.ask(get())
  const [line] = await linesNow(to, 1)
  t.has(line, {
    ...{ status: 200, outcome: 'reset', blame: 'version', version: 'v2', rescued_by: 'v1' },
    ...{ attempts: 2, target: `127.0.0.1:${good.port}`, bytes_out: 4 },
  })
})

await t.test('an answer that breaks off is logged as it began, with the reason', async (t) => {
  const origin = await lab.origin((socket) => {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort')
  })
  const to = fresh()
  const settings = { accessLog: config(to, { sample: 0 }) }
  await lab.serve({ stable: [origin.port], settings })
  const client = await lab.client()
  await client.send(get()).gone()
  const [line] = await linesNow(to, 1)
  t.has(line, { status: 200, outcome: 'reset', error: 'upstream-reset', bytes_out: 5 })
})

await t.test('a tunnel has its line when it ends, with what went through', async (t) => {
  const origin = await lab.origin((socket) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    socket.once('data', () => socket.end('goodbye'))
  })
  const to = fresh()
  await lab.serve({ stable: [origin.port], settings: { accessLog: config(to) } })
  const client = await lab.client()
  await client.ask(get('/ws', 'Connection: upgrade\r\nUpgrade: websocket\r\n'))
  client.send('hey')
  await client.gone()
  const [line] = await linesNow(to, 1)
  t.has(line, { status: 101, outcome: 'ok', path: '/ws', bytes_in: 3, bytes_out: 7 })
})

await t.test(
  'a refused head is logged with what is known of it, and nothing of others',
  async (t) => {
    const origin = await lab.origin(answering('x'))
    const to = fresh()
    const settings = { accessLog: config(to, { sample: 0 }) }
    await lab.serve({ stable: [origin.port], settings, timeouts: { requestHeadMs: 50 } })
    const host = 'Host: shop.example\r\n'
    await lab.ask(get('/other?q=1'))
    await lab.ask(`GET /two HTTP/1.1\r\n${host}Host: b\r\n\r\n`)
    await lab.ask('GET /x y HTTP/1.1\r\n\r\n')
    await lab.ask(`get / HTTP/1.1\r\n${host}\r\n`)
    await lab.ask(`GET / HTTP/2.0\r\n${host}\r\n`)
    await lab.ask(`GET http://joe:s3cret@shop.example/ HTTP/1.1\r\n${host}\r\n`)
    await lab.ask(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n`)
    const late = await lab.client()
    await late.send('GET /late HTT').answer()
    const found = await linesNow(to, 7)
    const refused = { client: '127.0.0.1', outcome: 'unjudged', blame: 'client', attempts: 0 }
    t.match(found, [
      { ...refused, status: 400, error: 'bad-host', method: 'GET', path: '/two' },
      { ...refused, status: 400, error: 'bad-version' },
      { ...refused, status: 501, error: 'method-unknown' },
      { ...refused, status: 505, error: 'version-unsupported' },
      { ...refused, status: 400, error: 'bad-target' },
      { ...refused, status: 414, error: 'target-too-long' },
      { ...refused, status: 408, error: 'request-timeout' },
    ])
    const text = readFileSync(to, 'utf8')
    t.notMatch(text, 's3cret')
    t.notMatch(text, '/other')
    t.notOk(found[6]?.path ?? found[6]?.host, 'a head that did not come says nothing')
  },
)

await t.test('two threads write whole lines to one file', async (t) => {
  const pair = await startLab(2)
  t.teardown(() => pair.close())
  const origin = await pair.origin(answering('x'))
  const to = fresh()
  await pair.serve({ stable: [origin.port], settings: { accessLog: config(to) } })
  const path = `/${'long-path/'.repeat(180)}`
  const total = 40 * 50
  await Promise.all(
    Array.from({ length: 40 }, async (_, number) => {
      const client = await openWire(pair.port)
      for (let i = 0; i < 50; i++) await client.ask(get(`${path}${number}-${i}`))
      client.destroy()
    }),
  )
  const found = await lines(to, total)
  const ids = new Set(found.map(({ request_id }) => request_id?.slice(0, 12)))
  t.equal(ids.size, 2, 'both threads had work')
  t.equal(new Set(found.map((line) => line.path)).size, total)
})

await t.test(
  'two logs write whole lines to one pipe, and none is lost while it is full',
  async (t) => {
    const to = join(folder, 'pipe')
    execFileSync('mkfifo', [to])
    const reader = await open(to, constants.O_RDONLY | constants.O_NONBLOCK)
    const said: string[] = []
    const make = (): AccessLog =>
      new AccessLog({ config: config(to), tell: ({ text }) => said.push(text) })
    const logs = [make(), make()]
    const total = 600 // of 2 KiB: ten times what a pipe holds
    for (let i = 0; i < total; i++) {
      const head = { method: 'GET', host: 'h', target: `/${i}/${'p'.repeat(1500 + (i % 500))}` }
      const by = { address: '192.0.2.1', proto: 'http', trusted: false } as const
      const log = logs[i % 2] as AccessLog
      log.write(log.begin(head, by, 0), 1)
    }
    const closed = Promise.all(logs.map((log) => log.close(4000)))
    const text = await drain(reader, { count: total, ended: AbortSignal.timeout(4000) })
    await closed
    await reader.close()
    const found = linesOf(text)
    t.equal(new Set(found.map((line) => line.path)).size, total)
    t.strictSame(said, [])
  },
)

/** Reads until so many lines have come, or until it is empty once the writers have ended. */
async function drain(
  reader: FileHandle,
  until: { readonly count: number; readonly ended: AbortSignal },
): Promise<string> {
  const buffer = Buffer.alloc(5000) // so that a full pipe often has a little room
  let text = ''
  let count = 0
  while (count < until.count) {
    const last = until.ended.aborted
    const read = await reader.read(buffer, 0, buffer.length, null).catch(() => null)
    const piece = buffer.toString('latin1', 0, read?.bytesRead ?? 0)
    text += piece
    count += piece.split('\n').length - 1
    if (piece === '' && last) break
    if (piece === '') await new Promise((resolve) => setImmediate(resolve))
  }
  return text
}

await t.test('a pipe that nobody reads costs its bound, and is told once', async (t) => {
  const to = join(folder, 'hung')
  execFileSync('mkfifo', [to])
  const reader = await open(to, constants.O_RDONLY | constants.O_NONBLOCK)
  const said: string[] = []
  const log = new AccessLog({
    config: config(to),
    tell: ({ say, text }) => said.push(`${say}: ${text}`),
  })
  const head = { method: 'GET', host: 'h', target: `/${'p'.repeat(2000)}` }
  const by = { address: '192.0.2.1', proto: 'http', trusted: false } as const
  const total = 1000
  for (let i = 0; i < total; i++) log.write(log.begin(head, by, 0), 1)
  log.tick(1000)
  log.tick(2000)
  t.match(said, [/^fault: .* as fast as it grows: lines are lost$/])
  const ended = new AbortController()
  const read = drain(reader, { count: total, ended: ended.signal })
  await log.close(4000)
  ended.abort()
  const found = linesOf(await read)
  await reader.close()
  t.equal(said.length, 2)
  const lost = Number(/(\d+) lines were lost/.exec(said[1] ?? '')?.[1])
  t.equal(found.length + lost, total, 'each line is there or counted')
  t.ok(found.length > 400 && found.length < 600, `${found.length} lines of 2 KiB fit into 1 MiB`)
})

await t.test('a reload opens the file anew, so that logs can be rotated', async (t) => {
  const origin = await lab.origin(answering('x'))
  const to = fresh()
  const needs = { stable: [origin.port], settings: { accessLog: config(to) } }
  await lab.serve(needs)
  await lab.ask(get('/before'))
  await lines(to, 1)
  renameSync(to, `${to}.1`)
  await lab.serve(needs)
  await eventually(() => existsSync(to))
  await lab.ask(get('/after'))
  t.equal((await lines(to, 1))[0]?.path, '/after')
  t.equal(logged(`${to}.1`).length, 1)
})

await t.test(
  'a folder that is missing stops nothing: it is said once and tried again',
  async (t) => {
    const origin = await lab.origin(answering('x'))
    const missing = join(folder, 'missing')
    const to = join(missing, 'access.log')
    const needs = { stable: [origin.port], settings: { accessLog: config(to) } }
    const { notes, supervisor } = lab.edge
    const before = notes.length
    await lab.serve(needs)
    t.equal((await lab.ask(get('/first'))).status, 200)
    await eventually(() => supervisor.faults().length === 1)
    t.match(supervisor.faults(), [/^Cannot open the access log .*: ENOENT/])
    t.equal((await lab.ask(get('/second'))).status, 200)
    mkdirSync(missing)
    await lab.serve(needs) // a reload
    t.strictSame(
      (await lines(to, 2)).map((line) => line.path),
      ['/first', '/second'],
      'what was gathered meanwhile is not lost',
    )
    await lab.serve({ stable: [origin.port] }) // switched off
    await eventually(() => supervisor.faults().length === 0)
    t.match(notes.slice(before), [/^Cannot open the access log/, /is closed: 0 lines were lost/])
  },
)

await t.test('of good requests the sample is logged, of the others all', async (t) => {
  const to = fresh()
  let draw = 0
  const log = new AccessLog({
    config: config(to, { sample: 0.25 }),
    tell: (word) => t.fail(word.text),
    random: () => (draw++ % 4) / 4,
  })
  const head = { method: 'GET', host: 'h', target: '/' }
  const by = { address: '192.0.2.1', proto: 'http', trusted: false } as const
  for (let i = 0; i < 40; i++) {
    const good = log.begin(head, by, 0)
    log.write(Object.assign(good, { status: i % 2 === 0 ? 200 : 404, outcome: 'ok' }), 1)
  }
  for (let i = 0; i < 5; i++) {
    log.write(Object.assign(log.begin(head, by, 0), { status: 500, outcome: 'serverError' }), 1)
  }
  await log.close(1000)
  t.equal(logged(to).filter(({ status }) => status === 500).length, 5)
  t.equal(logged(to).length, 15)
})

await t.test('a drain ends when the last line is written', async (t) => {
  const own = await startLab(2)
  const origin = await own.origin(answering('x'))
  const to = fresh()
  await own.serve({ stable: [origin.port], settings: { accessLog: config(to) } })
  for (let i = 0; i < 20; i++) await own.ask(get(`/${i}`))
  await own.close()
  t.equal(logged(to).length, 20)
})
