// The normalised path that routes match against, and the host.

import fc from 'fast-check'
import t from 'tap'
import { Hosts, isHost, matchHost } from '../../src/http1/host.ts'
import { FieldLines } from '../../src/http1/lines.ts'
import { normalisePath, pathOf } from '../../src/http1/path.ts'
import { RequestHead, readRequestHead } from '../../src/http1/request-head.ts'

await t.test('paths', async (t) => {
  const rows: [target: string, normal: string | null][] = [
    ['/', '/'],
    ['/a', '/a'],
    ['/a/', '/a/'],
    ['/a?b', '/a'],
    ['/?/../..', '/'],
    ['/a?%00', '/a'],
    ['/A/b', '/A/b'],
    ['/./a', '/a'],
    ['/a/.', '/a/'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/b/..', '/a/'],
    ['/a/..', '/'],
    ['/a/../', '/'],
    ['/.', '/'],
    ['/...', '/...'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a/..b', '/a/..b'],
    ['/..', null],
    ['/../a', null],
    ['/a/../../b', null],
    ['/a/../../b/../..', null],
    ['//', '/'],
    ['//a', '/a'],
    ['/a//b', '/a/b'],
    ['/a///', '/a/'],
    ['//..', null],
    ['/%2e', '/'],
    ['/%2E%2e/a', null],
    ['/a/%2e%2E/b', '/b'],
    ['/a/.%2e/b', '/b'],
    ['/%61%7E%5f%2D', '/a~_-'],
    ['/%41%3a', '/A%3A'],
    ['/a%2fb', '/a%2Fb'],
    ['/a%2F..%2Fb', '/a%2F..%2Fb'],
    ['/a%5c..%5Cb', '/a%5C..%5Cb'],
    ['/a\\..\\b', '/a\\..\\b'],
    ['/%252e%252e/', '/%252e%252e/'],
    ['/%', '/%'],
    ['/%2', '/%2'],
    ['/%zz', '/%zz'],
    ['/%%32%65', '/%2e'],
    ['/a%00', null],
    ['/a%0d', null],
    ['/a%0A/b', null],
    ['/a%01', '/a%01'],
    ['/%C3%a9', '/%C3%A9'],
    ['/caf\xc3\xa9', '/caf%C3%A9'],
    ['/\xff/../\x80', '/%80'],
    ['/a?\xe9', '/a'],
    ['/%\xe9', '/%%E9'],
  ]
  for (const [target, normal] of rows) t.equal(normalisePath(target), normal, target)
})

const segment = fc.constantFrom('', '.', '..', '%2e', '.%2E', 'a', 'b', '%61', '%2F', '%', 'c.d')
const target = fc
  .array(segment, { minLength: 1, maxLength: 8 })
  .map((parts) => `/${parts.join('/')}`)

await t.test('a normal form is normal', async (t) => {
  fc.assert(
    fc.property(target, (path) => {
      const normal = normalisePath(path)
      if (normal === null) return true
      return normal.startsWith('/') && !/\/\/|\/\.{1,2}(\/|$)/.test(normal)
    }),
    { numRuns: 5000, seed: 2026 },
  )
  t.pass('5,000 paths')
})

await t.test('spelling a path differently does not change its normal form', async (t) => {
  fc.assert(
    fc.property(target, (path) => {
      const normal = normalisePath(path)
      const encoded = path.replace(/[ab.]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)
      // Where the path itself holds an encoding, its letters must stay.
      if (path.includes('%')) return true
      return normalisePath(encoded) === normal && normalisePath(`/.${path}?x`) === normal
    }),
    { numRuns: 5000, seed: 2026 },
  )
  t.pass('5,000 paths')
})

await t.test('the path of a request is that of its target', async (t) => {
  const limits = { headBytes: 4096, targetBytes: 2048, headerLines: 4, nonAsciiTarget: true }
  const head = new RequestHead()
  const rest = fc.constantFrom('', '', '?', '?a=/../b', '?//', '?%', '..x', 'x..', '.?.', '\xe9')
  let plain = 0
  fc.assert(
    fc.property(target, rest, (path, tail) => {
      const bytes = Buffer.from(`GET ${path}${tail} HTTP/1.1\r\nHost: a\r\n\r\n`, 'latin1')
      if (readRequestHead(head, bytes, 0, limits) !== bytes.length) return false
      if (head.plainPath !== '') plain++
      return pathOf(head) === normalisePath(head.target)
    }),
    { numRuns: 5000, seed: 2026 },
  )
  t.ok(plain > 100, `${plain} of 5,000 were read off the request line`)
})

await t.test('a long path takes a bounded time', async (t) => {
  for (const unit of ['/a', '/..', '/.', '//', '/%2e', '%61', '%', '%2']) {
    const path = `/${unit.repeat(16_000 / unit.length)}`
    // The shortest of five times: the machine may be busy elsewhere during any one of them.
    let tookMs = Number.POSITIVE_INFINITY
    for (let round = 0; round < 5; round++) {
      const began = performance.now()
      normalisePath(path)
      tookMs = Math.min(tookMs, performance.now() - began)
    }
    t.ok(tookMs < 100, `${unit} took ${tookMs.toFixed(1)} ms`)
  }
})

await t.test('the host that services match against', async (t) => {
  const rows: [text: string, host: string][] = [
    ['Example.ORG', 'example.org'],
    ['example.org.', 'example.org'],
    ['example.org:8080', 'example.org'],
    ['example.org.:8080', 'example.org'],
    ['example.org:', 'example.org'],
    ['[::1]', '[::1]'],
    ['[2001:DB8::1]:443', '[2001:db8::1]'],
    ['', ''],
  ]
  for (const [text, host] of rows) t.equal(matchHost(text), host, text)
})

await t.test(
  'what the URL parser of the platform takes for an IPv6 address is a host',
  async (t) => {
    const group = fc.constantFrom(
      '0',
      '1',
      'ffff',
      '12345',
      '',
      'g',
      '192.0.2.1',
      '256.1.1.1',
      '1.2.3',
    )
    const text = fc.array(group, { minLength: 1, maxLength: 10 }).map((groups) => groups.join(':'))
    fc.assert(
      fc.property(
        text,
        (address) => isHost(`[${address}]`) === URL.canParse(`http://[${address}]/`),
      ),
      { numRuns: 20_000, seed: 2026 },
    )
    t.pass('20,000 addresses')
  },
)

await t.test('whoever was asked for before, a host is what it is', async (t) => {
  const host = fc.constantFrom('a', 'A', 'a.example:80', 'a.example.', '', ':1', 'a b', '[::1]:8')
  const many = fc.nat(12).map((at) => `host-${at}.example`)
  const lines = new FieldLines()
  fc.assert(
    fc.property(fc.array(fc.oneof(host, many, fc.string()), { maxLength: 40 }), (texts) => {
      const hosts = new Hosts()
      for (const text of texts) {
        const bytes = Buffer.from(`--${text}--`, 'latin1')
        lines.begin(bytes, 0, bytes.length)
        const read = hosts.read(lines, 2, bytes.length - 2)
        if (read !== bytes.toString('latin1', 2, bytes.length - 2)) return false
        if (hosts.keep(read) !== (isHost(read) ? read : null)) return false
        if (hosts.matched(read) !== matchHost(read)) return false
      }
      return true
    }),
    { numRuns: 2000, seed: 2026 },
  )
  t.pass()
})
