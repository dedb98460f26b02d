// The router against a naive one that looks at every route.

import fc from 'fast-check'
import t from 'tap'
import { Router } from '../../src/core/match.ts'
import type { Match } from '../../src/core/table.ts'

type Route = Match & { readonly name: string }

/** How good a host match is; −1 when it is none. An exact one beats every wildcard. */
function hostRank(pattern: string | null, host: string): number {
  if (pattern === null) return 0
  if (!pattern.startsWith('*.')) return pattern === host ? 10_000 : -1
  return host.endsWith(pattern.slice(1)) ? pattern.length : -1
}

function pathMatches(prefix: string, path: string): boolean {
  const bare = prefix.replace(/\/$/, '')
  return path === bare || path.startsWith(`${bare}/`)
}

function naive(routes: readonly Route[], host: string, path: string): string | null {
  let best: Route | null = null
  let bestRank = -1
  for (const route of routes) {
    const rank = hostRank(route.host, host)
    if (rank < 0 || !pathMatches(route.path, path)) continue
    const length = route.path.replace(/\/$/, '').length
    const bestLength = best?.path.replace(/\/$/, '').length ?? -1
    if (rank > bestRank || (rank === bestRank && length > bestLength)) {
      best = route
      bestRank = rank
    }
  }
  return best?.name ?? null
}

function routerOf(routes: readonly Route[]): Router<string> {
  const router = new Router<string>()
  for (const route of routes) router.add(route, route.name)
  return router
}

const label = fc.constantFrom('a', 'b', 'example', 'org')
const hostname = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
const pattern = fc.oneof(
  fc.constant(null),
  hostname,
  hostname.map((host) => `*.${host}`),
)
const segment = fc.constantFrom('a', 'b', 'api', 'apis', '%2F', '__proto__')
const prefix = fc
  .tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
  .map(([segments, slash]) => `/${segments.join('/')}${slash && segments.length > 0 ? '/' : ''}`)
const path = fc
  .tuple(fc.array(segment, { maxLength: 5 }), fc.boolean())
  .map(([segments, slash]) => `/${segments.join('/')}${slash && segments.length > 0 ? '/' : ''}`)
const table = fc
  .array(fc.record({ host: pattern, path: prefix }), { maxLength: 12 })
  .map((matches) => matches.map((match, i) => ({ ...match, name: `s${i}` })))

await t.test('the router finds what a naive search finds', async (t) => {
  let found = 0
  fc.assert(
    fc.property(
      table,
      fc.array(fc.tuple(fc.oneof(hostname, fc.constant('')), path)),
      (routes, asks) => {
        const router = routerOf(routes)
        return asks.every(([host, asked]) => {
          const expected = naive(routes, host, asked)
          if (expected !== null) found++
          return router.find(host, asked) === expected
        })
      },
    ),
    { numRuns: 5000, seed: 2026 },
  )
  t.ok(found > 5000, `${found} were found`)
})

await t.test('by example', async (t) => {
  const router = routerOf([
    { host: 'shop.example.org', path: '/', name: 'shop' },
    { host: 'shop.example.org', path: '/api/', name: 'shop-api' },
    { host: '*.example.org', path: '/', name: 'any-example' },
    { host: '*.eu.example.org', path: '/api', name: 'eu-api' },
    { host: null, path: '/api/v1', name: 'any-v1' },
    { host: 'bare.test', path: '/only', name: 'only' },
    { host: 'shop.example.org', path: '/api', name: 'second of equals' },
  ])
  const rows: [host: string, path: string, name: string | null][] = [
    ['shop.example.org', '/', 'shop'],
    ['shop.example.org', '/apis', 'shop'],
    ['shop.example.org', '/api', 'shop-api'],
    ['shop.example.org', '/api/', 'shop-api'],
    ['shop.example.org', '/api/v1/x', 'shop-api'],
    ['other.example.org', '/api/v1', 'any-example'],
    ['a.b.example.org', '/', 'any-example'],
    ['example.org', '/', null],
    ['xexample.org', '/', null],
    ['a.eu.example.org', '/api/x', 'eu-api'],
    ['a.eu.example.org', '/x', 'any-example'],
    ['bare.test', '/only/x', 'only'],
    ['bare.test', '/api/v1/x', 'any-v1'],
    ['bare.test', '/api', null],
    ['', '/api/v1', 'any-v1'],
    ['', '/', null],
    ['__proto__', '/', null],
  ]
  for (const [host, asked, name] of rows) t.equal(router.find(host, asked), name, host + asked)
})

await t.test('a path of thousands of segments takes a bounded time', async (t) => {
  const router = routerOf([
    { host: null, path: '/', name: 'root' },
    { host: null, path: '/a/a/b', name: 'deep' },
    { host: '*.example.org', path: '/a/b', name: 'wild' },
  ])
  const long = '/a'.repeat(8000)
  router.find('x.example.org', long)
  const began = performance.now()
  for (let i = 0; i < 100; i++) t.equal(router.find('x.example.org', `${long}/${i}`), 'root')
  const eachMs = (performance.now() - began) / 100
  // It was 77 ms when every prefix of the path was looked up.
  t.ok(eachMs < 5, `${eachMs.toFixed(3)} ms each`)
})
