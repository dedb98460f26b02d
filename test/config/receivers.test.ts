// Who is told of incidents: the short form, all kinds at once, and secrets from the environment and
// from files. What is refused stands in mistakes.txt.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { formatMistake } from '../../src/config/mistake.ts'
import { BASE, configOf, directory } from './fixture.ts'

const KEY = '0123456789abcdef0123456789abcdef'

await t.test('nobody, and one webhook in short', async (t) => {
  t.strictSame(configOf(t, BASE).receivers, [])
  const text = `${BASE}page: { webhook: 'http://h/x', headers: { X-Key: '\${K}' } }\n`
  t.strictSame(configOf(t, text, { K: 'hidden' }).receivers, [
    {
      ...{ kind: 'webhook', name: 'webhook', url: 'http://h/x', headers: { 'x-key': 'hidden' } },
      ...{ body: null, updates: false },
    },
  ])
})

await t.test('every kind, with secrets from the environment and from files', async (t) => {
  const folder = directory(t)
  mkdirSync(join(folder, 'secrets'))
  const files = {
    key: `${KEY}\n`,
    chat: 'https://hooks.slack.test/services/T/B/X\n',
    token: 'Bearer t\n',
  }
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(folder, 'secrets', name), text)
  const file = join(folder, 'vertex.yaml')
  writeFileSync(
    file,
    `${BASE}page:
  webhook: http://short/
  receivers:
    duty: { pagerduty: { routing_key_file: secrets/key } }
    duty-eu: { pagerduty: { routing_key: '\${KEY}', url: 'https://events.eu.pagerduty.com/v2/enqueue' } }
    chat: { slack: { url_file: secrets/chat } }
    alerts:
      alertmanager:
        url: http://am:9093
        header_files: { Authorization: secrets/token }
        labels: { team: '\${TEAM:-shop}' }
    own:
      webhook:
        url: https://\${HOST}/hook
        headers: { x-a: b }
        updates: on
        body: |
          { "message": "{{text}}", "alias": "{{incident}}", "evidence": {{evidence}} }
`,
  )
  const loaded = loadConfig({ file, env: { KEY, HOST: 'own.test' } })
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map(formatMistake).join('\n'))
  const { receivers } = loaded.config
  t.strictSame(
    receivers.map(({ name }) => name),
    ['webhook', 'duty', 'duty-eu', 'chat', 'alerts', 'own'],
  )
  const [, duty, eu, chat, alerts, own] = receivers
  const url = 'https://events.pagerduty.com/v2/enqueue'
  t.strictSame(duty, { kind: 'pagerduty', name: 'duty', url, headers: {}, routingKey: KEY })
  t.match(eu, { url: 'https://events.eu.pagerduty.com/v2/enqueue', routingKey: KEY })
  t.match(chat, { kind: 'slack', url: 'https://hooks.slack.test/services/T/B/X' })
  t.match(alerts, { headers: { authorization: 'Bearer t' }, labels: { team: 'shop' } })
  t.match(own, { url: 'https://own.test/hook', headers: { 'x-a': 'b' }, updates: true })
  t.match(own, { body: /^{ "message": "{{text}}"/ })
})

await t.test('a file whose content is no key is named, its content is not', async (t) => {
  const folder = directory(t)
  writeFileSync(join(folder, 'key'), 'hidden but no key')
  const file = join(folder, 'vertex.yaml')
  writeFileSync(
    file,
    `${BASE}page: { receivers: { d: { pagerduty: { routing_key_file: key } } } }\n`,
  )
  const loaded = loadConfig({ file, env: {} })
  const says = 'mistakes' in loaded ? loaded.mistakes.map(({ message }) => message) : []
  t.strictSame(says, [
    'Cannot take the content of the file of page.receivers.d.pagerduty.routing_key_file as it ' +
      'must be an integration key of 32 letters and digits: current value is not shown here',
  ])
})

await t.test('more receivers than anybody needs are refused', async (t) => {
  const many = Array.from({ length: 17 }, (_, i) => `r${i}: { slack: { url: 'http://s' } }`)
  const file = join(directory(t), 'vertex.yaml')
  writeFileSync(file, `${BASE}page: { receivers: { ${many.join(', ')} } }\n`)
  const loaded = loadConfig({ file, env: {} })
  const says = 'mistakes' in loaded ? loaded.mistakes.map(({ message }) => message) : []
  t.match(says, [/at most 16 are told: current value is 17/])
})
