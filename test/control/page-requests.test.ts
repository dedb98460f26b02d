// What is sent to each receiver, and what is read from its answer: limits of lengths, times that go
// back, addresses with a password or a path, and every form of Retry-After.

import fc from 'fast-check'
import t from 'tap'
import type { ReceiverConfig } from '../../src/config/config.ts'
import { blankIncident, type Incident, withPage } from '../../src/control/pages/incident.ts'
import { retryAfterMs } from '../../src/control/pages/post.ts'
import { requestFor, shortened } from '../../src/control/pages/requests.ts'

const AT = '2026-01-02T03:04:05.678Z'
const SERVICE = 's'.repeat(128)

function incidentOf(text: string, evidence: unknown = null): Incident {
  const id = `${SERVICE}-123456789`
  const blank = blankIncident({
    ...{ id, key: `vertex-0123456789ab-${id}`, service: SERVICE, version: 'v2' },
    ...{ severity: 'error', openedAt: AT },
  })
  return withPage(blank, { action: 'page', severity: 'error', text, evidence, at: AT })
}

interface Sent {
  readonly href: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, never>>
}

function sent(receiver: ReceiverConfig, incident: Incident, nowMs = Date.parse(AT)): Sent {
  const page = incident.pages.at(-1)
  if (page === undefined) throw new Error('no page')
  const { body, headers, url } = requestFor(receiver, { incident, page, source: 'node-1', nowMs })
  return { href: url.href, headers, body: JSON.parse(body) as Sent['body'] }
}

const DUTY: ReceiverConfig = {
  ...{ kind: 'pagerduty', name: 'duty', url: 'http://d/v2/enqueue', headers: {}, routingKey: 'k' },
}
const SLACK: ReceiverConfig = { kind: 'slack', name: 'chat', url: 'http://s/x', headers: {} }
const MANAGER: ReceiverConfig = {
  ...{ kind: 'alertmanager', name: 'am', url: 'http://u:p%40ss@am:9093/base/?a=b', headers: {} },
  labels: {},
}
const HOOK: ReceiverConfig = {
  ...{ kind: 'webhook', name: 'hook', url: 'http://h/x?token=t', headers: { 'x-key': 'k' } },
  ...{ body: null, updates: false },
}

await t.test('the longest names and any text keep to the limits of receivers', async (t) => {
  const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 6000 })
  fc.assert(
    fc.property(anyText, (text) => {
      const incident = incidentOf(text, { evidence: [{ text }, { text: 5 }, null] })
      const event = sent(DUTY, incident).body as unknown as {
        dedup_key: string
        payload: { summary: string }
      }
      const message = sent(SLACK, incident).body as unknown as {
        text: string
        blocks: { text?: { text: string }; elements?: { text: string }[] }[]
      }
      const blocks = message.blocks.map(({ elements, text }) => text?.text ?? elements?.[0]?.text)
      return (
        event.dedup_key.length <= 255 &&
        event.payload.summary.length <= 1024 &&
        [message.text, ...blocks].every(
          (one) => (one?.length ?? 9999) <= 3000 && !/<|>|&(?!amp;|lt;|gt;)/.test(one ?? '<'),
        )
      )
    }),
    { numRuns: 100 },
  )
  t.equal(shortened('a😀b', 3), 'a…', 'no half of a character')
  t.equal(shortened('a😀b', 4), 'a😀b')
})

await t.test('evidence that is too large is left out, and it says so', async (t) => {
  const huge = incidentOf('x', { evidence: 'y'.repeat(600_000) })
  t.ok(JSON.stringify(sent(DUTY, huge).body).length < 512 * 1024)
  t.match(huge.pages[0]?.evidence, { omitted: /^6000\d\d bytes: see the journal$/ })
})

await t.test('addresses: a password becomes a header, a path is kept', async (t) => {
  const { headers, href } = sent(MANAGER, incidentOf('x'))
  t.equal(href, 'http://am:9093/base/api/v2/alerts?a=b')
  t.equal(headers.authorization, `Basic ${Buffer.from('u:p@ss').toString('base64')}`)
  const whole = { ...MANAGER, url: 'http://am/api/v2/alerts' }
  t.equal(sent(whole, incidentOf('x')).href, 'http://am/api/v2/alerts')
  t.equal(sent(HOOK, incidentOf('x')).href, 'http://h/x?token=t')
  t.match(sent(HOOK, incidentOf('x')).headers, { 'content-type': 'application/json', 'x-key': 'k' })
})

await t.test('an alert that ends does not end before it starts', async (t) => {
  const open = incidentOf('x')
  const earlier = '2026-01-01T00:00:00.000Z'
  const over = withPage(open, {
    ...{ action: 'resolve', severity: 'error', text: 'well', evidence: null, at: earlier },
  })
  const [alert] = sent(MANAGER, over).body as unknown as { startsAt: string; endsAt: string }[]
  t.match(alert, { startsAt: AT, endsAt: AT })
  const [firing] = sent(MANAGER, open).body as unknown as { startsAt: string; endsAt: string }[]
  t.match(firing, { startsAt: AT, endsAt: '2026-01-03T03:04:05.678Z' })
})

await t.test('our own form of a webhook holds all there is', async (t) => {
  const { body } = sent(HOOK, incidentOf('x', { a: 1 }))
  t.match(body, {
    ...{ service: SERVICE, text: 'x', evidence: { a: 1 }, at: AT, action: 'open', version: 'v2' },
    ...{ severity: 'error', openedAt: AT, source: 'node-1', rollout: `${SERVICE}-123456789` },
  })
  t.match(body.id, /^vertex-0123456789ab-s+-123456789\/1\/\d+$/)
})

await t.test('Retry-After: seconds, a date, nonsense, and never for too long', async (t) => {
  const nowMs = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT')
  const cases: [string | string[] | undefined, number | null][] = [
    ['0', 0],
    [' 30 ', 30_000],
    [['5', '6'], 5000],
    ['Wed, 21 Oct 2026 07:29:00 GMT', 60_000],
    ['Wed, 21 Oct 2026 07:00:00 GMT', 0],
    ['999999999', 900_000],
    ['Wed, 21 Oct 2036 07:00:00 GMT', 900_000],
    ...['', 'soon', '1e9999', undefined].map((field): [string | undefined, null] => [field, null]),
  ]
  for (const [field, ms] of cases) t.equal(retryAfterMs(field, nowMs), ms, JSON.stringify(field))
})
