// The page's script runs here against a real admin thread, with just as much of a document as it
// uses: elements that remember their text. What a browser makes of it is not tested here.

import t from 'tap'
import type { FleetView } from '../../src/core/fleet/view.ts'
import { convergenceView, fleetView, MEMBERS, memberView } from './fleet-views.ts'
import { call, entry, nodeView, obliging, serviceView, startAdmin, versionView } from './harness.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())

class FakeElement {
  readonly name: string
  readonly attributes: Record<string, string> = {}
  children: (FakeElement | string)[] = []
  textContent = ''
  className = ''
  hidden = false

  constructor(name: string) {
    this.name = name
  }

  setAttribute(key: string, value: unknown): void {
    this.attributes[key] = String(value)
  }

  append(...children: (FakeElement | string)[]): void {
    this.children.push(...children)
  }

  replaceChildren(...children: (FakeElement | string)[]): void {
    this.children = children
  }

  addEventListener(): void {}

  text(): string {
    const parts = this.children.map((child) => (typeof child === 'string' ? child : child.text()))
    return [this.textContent, ...parts].filter((part) => part !== '').join(' ')
  }
}

await t.test('the page and its files are served, and nothing from elsewhere may run', async (t) => {
  const page = await call(`${admin.url}/`)
  t.equal(page.status, 200)
  t.match(page.headers['content-type'], 'text/html')
  t.match(page.headers['content-security-policy'], /default-src 'none'; script-src 'self'/)
  const linked = [...page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path)
  t.same(linked, ['/dashboard.css', '/dashboard.js'])
  for (const path of linked) t.equal((await call(admin.url + path)).status, 200, String(path))
  t.notMatch(page.text, /<script(?! type="module" src=)/, 'no script in the page itself')
})

const parts = new Map<string, FakeElement>()
function part(id: string): FakeElement {
  const known = parts.get(id) ?? new FakeElement(id)
  parts.set(id, known)
  return known
}

const later: (() => unknown)[] = []
/** The script's next look, which would come after a second. */
async function lookAgain(): Promise<void> {
  await later.pop()?.()
}

/** What the script finds in a browser; its looks wait for `lookAgain`. */
function beBrowser(): void {
  const before = { fetch: globalThis.fetch, setTimeout: globalThis.setTimeout }
  Object.assign(globalThis, {
    document: {
      hidden: false,
      getElementById: part,
      createElement: (name: string) => new FakeElement(name),
      createElementNS: (_: string, name: string) => new FakeElement(name),
    },
    sessionStorage: { getItem: () => null },
    fetch: (path: string, options: RequestInit) => before.fetch(admin.url + path, options),
    setTimeout: (next: () => void, ms: number) => {
      const plain = before.setTimeout(ms === 1000 ? () => undefined : next, ms)
      if (ms === 1000) later.push(next)
      return plain.unref()
    },
  })
  t.teardown(() => Object.assign(globalThis, before))
}

await t.test('its script shows the services, the evidence and the node', async (t) => {
  const odd = { ...versionView('<b>v2</b>', 5), targets: [] }
  admin.answer = (command) =>
    command.do === 'services'
      ? { ok: true, answer: 'services', services: [serviceView('shop', { candidate: odd })] }
      : obliging(command)
  admin.tell({ tell: 'event', entry: entry(1) })
  beBrowser()
  const script = new URL('../../src/admin/page/dashboard.js', import.meta.url)
  await import(script.href)
  const services = part('services').text()
  t.match(part('state').textContent, /^ready, 127\.0\.0\.1:8080, 2 threads$/)
  t.match(services, /shop .*revision 7, shifting, step 1 of 2 \(5 → 100 %\)/)
  t.match(services, /stable v1 .*95 %.*12\.3 ms/)
  t.ok(services.includes('candidate <b>v2</b>'), 'names go in as text')
  t.match(services, 'Nothing speaks against v2.')
  t.equal(part('fleet').hidden, true, 'no fleet where a node works alone')
  t.equal(later.length, 1, 'and it looks again')
})

/** What the section of the fleet says when the node tells of this one. */
async function shown(fleet: FleetView): Promise<string> {
  admin.answer = (command) =>
    command.do === 'node'
      ? { ok: true, answer: 'node', node: nodeView({ fleet }) }
      : obliging(command)
  await lookAgain()
  return part('fleet').text()
}

await t.test('it shows the nodes of the fleet, and says when the node is degraded', async (t) => {
  const well = await shown(fleetView())
  t.match(well, /^Fleet +edge-1 follows edge-2, Redis at \S+ is there node state/)
  t.match(well, /edge-1 {2}\(this\) live 1\.2\.3 \+3 ms .*edge-2 .*leads .*−12 ms/)
  t.equal(part('fleet').hidden, false)
  t.match(part('state').textContent, /^ready, /)
  const silent = await shown(
    fleetView({
      members: [...MEMBERS, memberView('edge-4', { isLive: false, silentMs: 40_000 })],
      services: [convergenceView({ waiting: ['edge-1'] })],
    }),
  )
  t.match(silent, /\(this\) live .*shop 7 edge-2 .*edge-4 silent for 40 s .*shop 7$/)
  const away = await shown(
    fleetView({
      ...{ standing: 'cut-off', leader: null, awaySince: '2026-01-01T00:00:00.000Z' },
      meaning: 'This node serves on and raises no weight',
    }),
  )
  t.match(away, 'edge-1 is cut off, Redis at redis://127.0.0.1:6379/0 is away since 2026')
  t.match(away, 'Degraded: This node serves on and raises no weight')
  t.match(away, /\(this\) cut off .*edge-2 not heard of /)
  t.match(part('state').textContent, /^ready but degraded, /)
  t.equal(part('state').className, 'bad')
})

await t.test('a failure is said', async (t) => {
  admin.answer = (command) => {
    const problem = { status: 503, code: 'x', title: 'X', detail: 'Cannot ask …' } as const
    return command.do === 'node' ? { ok: false, problem } : obliging(command)
  }
  await lookAgain()
  t.equal(part('state').textContent, 'Cannot ask …')
  t.equal(part('state').className, 'bad')
})
