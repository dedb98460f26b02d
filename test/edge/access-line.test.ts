// What a line of the access log says, without sockets: the phases, whose fault it was, and that no
// secret of a target gets through, however its name is written.

import fc from 'fast-check'
import t from 'tap'
import {
  type AccessEntry,
  accessLine,
  loggedPath,
  secretNames,
} from '../../src/edge/access-line.ts'

const SECRETS = secretNames(['Card-Number'])
const WALL_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

function entry(change: Partial<AccessEntry> = {}): AccessEntry {
  return {
    client: '192.0.2.1',
    method: 'GET',
    host: 'shop.example',
    target: '/cart',
    startedMs: 1000,
    requestId: 'id-1',
    service: 'shop',
    version: 'v1',
    rescuedBy: '',
    upstream: '10.0.0.1:3000',
    status: 200,
    outcome: 'ok',
    fault: '',
    attempts: 1,
    attemptMs: 1000.25,
    connectedMs: 1001.5,
    answeredMs: 1010.1234,
    bytesIn: 0,
    bytesOut: 42,
    ...change,
  }
}

const line = (change?: Partial<AccessEntry>): unknown =>
  JSON.parse(JSON.stringify(accessLine(entry(change), { nowMs: 1020.5, wallMs: WALL_MS }, SECRETS)))

await t.test(
  'a line has the facts, the phases and the time at which its head was read',
  async (t) => {
    t.strictSame(line(), {
      log: 'access',
      time: '2026-01-02T03:04:05.657Z',
      request_id: 'id-1',
      client: '192.0.2.1',
      method: 'GET',
      host: 'shop.example',
      path: '/cart',
      service: 'shop',
      version: 'v1',
      target: '10.0.0.1:3000',
      status: 200,
      outcome: 'ok',
      blame: 'nobody',
      bytes_in: 0,
      bytes_out: 42,
      wait_ms: 0.25,
      connect_ms: 1.25,
      first_byte_ms: 8.623,
      total_ms: 20.5,
      attempts: 1,
    })
  },
)

await t.test('times are ISO 8601, whatever the millisecond', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e12 }), (wallMs) => {
      const at = { nowMs: 1000, wallMs }
      return accessLine(entry(), at, SECRETS).time === new Date(wallMs).toISOString()
    }),
  )
})

await t.test('what never happened is left out', async (t) => {
  const never = { attemptMs: -1, connectedMs: -1, answeredMs: -1, attempts: 0, upstream: '' }
  const before = { service: '', version: '', requestId: '', outcome: '' } as const
  const found = line({ ...never, ...before, status: 404, fault: 'no-service' })
  t.has(found, { status: 404, outcome: 'unjudged', blame: 'nobody', error: 'no-service' })
  for (const name of ['wait_ms', 'connect_ms', 'first_byte_ms', 'target', 'version', 'request_id'])
    t.notOk(Object.hasOwn(found as object, name), name)
})

await t.test('a client that went away is 499 and its own fault', async (t) => {
  const gone = line({ status: 200, fault: 'client-gone', outcome: 'aborted' })
  t.has(gone, { status: 499, outcome: 'aborted', blame: 'client' })
  t.notOk(Object.hasOwn(gone as object, 'error'))
  t.has(line({ status: 0, fault: 'client-gone', outcome: '' }), { status: 499, blame: 'client' })
})

await t.test('blame is of the version, of Vertex, or of the client', async (t) => {
  const failed = { status: 502, fault: 'upstream-reset', outcome: 'reset' } as const
  t.has(line(failed), { blame: 'version', error: 'upstream-reset' })
  t.has(line({ status: 503, fault: 'no-target', outcome: '' }), { blame: 'vertex' })
  t.has(line({ status: 400, fault: 'bad-path', outcome: '' }), { blame: 'client' })
  t.has(line({ status: 500, outcome: 'serverError' }), { blame: 'version' })
})

await t.test('values of secret parameters are replaced', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['/a?token=s3cret', '/a?token=[redacted]'],
    ['/a?x=1&Access_Token=s3cret&y=2', '/a?x=1&Access_Token=[redacted]&y=2'],
    ['/a?X-Amz-Signature=s3cret', '/a?X-Amz-Signature=[redacted]'],
    ['/a?%74oken=s3cret', '/a?%74oken=[redacted]'],
    ['/a?%2574oken=s3cret', '/a?%2574oken=[redacted]'],
    ['/a?user[password]=s3cret', '/a?user[password]=[redacted]'],
    ['/a?user%5Bpassword%5D=s3cret', '/a?user%5Bpassword%5D=[redacted]'],
    ['/a?token[]=s3cret', '/a?token[]=[redacted]'],
    ['/a?x=1;sid=s3cret', '/a?x=1;sid=[redacted]'],
    ['/a??token=s3cret', '/a??token=[redacted]'],
    ['/a?card_number=s3cret', '/a?card_number=[redacted]'],
    ['/a?password=a=b=c', '/a?password=[redacted]'],
    ['/a;jsessionid=s3cret/b', '/a;jsessionid=[redacted]/b'],
    ['http://joe:s3cret@shop.example/a', 'http://[redacted]@shop.example/a'],
    ['joe:s3cret@shop.example', '[redacted]@shop.example'],
    ['/a?monkey=1&tokens=2&zip_code=3', '/a?monkey=1&tokens=2&zip_code=3'],
    ['/a/@scope/b?q=x@y', '/a/@scope/b?q=x@y'],
    ['/a?token', '/a?token'],
    ['*', '*'],
  ]
  for (const [target, shown] of cases) t.equal(loggedPath(target, SECRETS), shown, target)
})

/** A name as somebody could write it: any case, any of its letters percent-encoded, separators. */
const written = fc
  .tuple(
    fc.constantFrom(...SECRETS),
    fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.constantFrom('', '-', '_')), {
      minLength: 24,
      maxLength: 24,
    }),
  )
  .map(([name, choices]) =>
    Array.from(name)
      .map((letter, i) => {
        const [upper, encoded, gap] = choices[i] ?? [false, false, '']
        const char = upper ? letter.toUpperCase() : letter
        const text = encoded ? `%${char.charCodeAt(0).toString(16)}` : char
        return text + (i < name.length - 1 ? gap : '')
      })
      .join(''),
  )

const VISIBLE = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))
const plain = fc.string({ unit: fc.constantFrom(...VISIBLE, '\xe9'), maxLength: 40 })
const quiet = plain.map((text) => text.replace(/[?#]/g, ''))

await t.test('no secret survives, wherever in a target it stands', async () => {
  const marker = 'S3CR3T~VALUE'
  fc.assert(
    fc.property(
      ...([written, quiet, quiet, fc.constantFrom('&', ';', '?'), fc.boolean()] as const),
      (name, before, after, separator, wrapped) => {
        const key = wrapped ? `form[${name}]` : name
        const target = `/p?${before}${separator}${key}=${marker}${separator}${after}`
        return !loggedPath(target, SECRETS).includes(marker)
      },
    ),
    { numRuns: 2000 },
  )
})

await t.test('nor does one of a path that is cut', async () => {
  const marker = 'S3CR3T~VALUE'
  fc.assert(
    fc.property(fc.integer({ min: 2000, max: 2060 }), written, (length, name) => {
      const target = `/${'a'.repeat(length)}?${name}=${marker}`
      const path = loggedPath(target, SECRETS)
      return !path.includes('S3C') && path.length <= 2048 + '[cut]'.length
    }),
  )
})

await t.test('a line is plain ASCII and fits into one write to a pipe', async (t) => {
  const name = 'n'.repeat(128)
  const longest = entry({
    ...{ method: 'M'.repeat(64), host: 'h'.repeat(255), target: `/${'\xff"\\'.repeat(9000)}` },
    ...{ requestId: '\xff\t"'.repeat(9000), service: name, version: name, rescuedBy: name },
    ...{ upstream: `${'u'.repeat(253)}:65535`, fault: 'unknown-version-override' },
    ...{ client: 'f'.repeat(45), bytesIn: 2 ** 53, bytesOut: 2 ** 53, outcome: 'clientError' },
    ...{ attemptMs: 123456789.123, connectedMs: 323456789.123, answeredMs: 523456789.123 },
  })
  const at = { nowMs: 923456789.123, wallMs: WALL_MS }
  const text = JSON.stringify(accessLine(longest, at, SECRETS))
  t.match(text, /^[\x20-\x7e]+$/)
  t.ok(text.length + '\n'.length <= 4096, `${text.length} characters`)
  fc.assert(
    fc.property(plain, (target) => /^[\x21-\x7e]*$/.test(loggedPath(`/${target}`, SECRETS))),
  )
})

await t.test('a Host that is none is left out: it could hold anything', async (t) => {
  t.notOk(Object.hasOwn(line({ host: 'joe:s3cret@shop' }) as object, 'host'))
})
