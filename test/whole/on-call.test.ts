// On-call end to end, with real processes: a rollback while no receiver works, a node that is
// killed while pages wait and while one is being sent, and receivers that come back. Each is told
// once that the incident opens and once that it is over, and no secret of the file is found
// anywhere.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { endAll } from '../../bench/lab/children.ts'
import { until } from '../../bench/lab/clock.ts'
import { startOrigin } from '../../bench/lab/origin.ts'
import { labConfig, Vertex } from '../../bench/lab/vertex.ts'
import { KINDS, PageReceiver, ROUTING_KEY, SLACK_PATH, TOKEN } from '../control/page-receiver.ts'

const WITHIN_MS = 60_000

/** The texts of all files below a directory. */
function textsBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const path = join(directory, name)
    return statSync(path).isFile() ? [readFileSync(path, 'utf8')] : []
  })
}

/** Whether the disk knows that each receiver has taken the only page. */
function areAllKept(pages: string): boolean {
  const text = readFileSync(join(pages, 'default-1.json'), 'utf8')
  const { incident } = JSON.parse(text) as { incident: { sent: Record<string, number> } }
  const counts = Object.values(incident.sent)
  return counts.length === KINDS.length && counts.every((count) => count === 1)
}

async function all(
  receivers: readonly PageReceiver[],
  what: string,
  is: (receiver: PageReceiver) => boolean,
): Promise<void> {
  const probe = (): true | null => (receivers.every(is) ? true : null)
  await until(probe, { what, withinMs: WITHIN_MS }).catch((error: Error) => {
    const seen = receivers.map((one) => [one.kind, one.attempts.length, one.objections])
    throw new Error(`${error.message}: ${JSON.stringify(seen)}`)
  })
}

await t.test('kill -9 between 500, 429, silence and 202: told once, resolved once', async (t) => {
  t.teardown(endAll)
  const plan = [500, { status: 429, retryAfter: '1' }, 'hang'] as const
  const receivers = await Promise.all(KINDS.map((kind) => PageReceiver.start(kind, plan)))
  t.teardown(() => Promise.all(receivers.map((one) => one.stop())))
  const origin = await startOrigin({ version: 'v1', behaviour: {}, record: false })
  const bad = await startOrigin({ version: 'v2', behaviour: { errorRate: 1 }, record: false })
  const blocks = receivers.map((one) => [`my-${one.kind}`, one.block()])
  const vertex = new Vertex(
    labConfig({
      ...{ versions: { v1: [origin.url], v2: [bad.url] }, stable: 'v1', latency: false },
      more: { page: { receivers: Object.fromEntries(blocks) } },
    }),
  )
  writeFileSync(join(vertex.folder, 'key'), `${ROUTING_KEY}\n`)
  const config = readFileSync(vertex.configFile, 'utf8')
  const fromFile = config.replace(`"routing_key": "${ROUTING_KEY}"`, '"routing_key_file": "key"')
  t.not(fromFile, config)
  writeFileSync(vertex.configFile, fromFile)
  const pages = join(vertex.stateDir, 'pages')
  await vertex.start()
  await vertex.deploy('v2', [bad.url])
  const ended = vertex.ended('v2', WITHIN_MS)
  let asking = true
  void ended.finally(() => {
    asking = false
  })
  while (asking) await (await fetch(vertex.url)).text()
  t.equal((await ended).ended?.ending, 'rolled-back')
  await all(receivers, 'all are silent now', ({ attempts }) => attempts.length === 3)
  const node = (await vertex.change('GET', '/v1/node')).body
  t.match((node as { degraded: string[] }).degraded, [
    /^Cannot page my-webhook \(webhook\) as it does not take it: status 429; a page waits since /,
    ...[/my-pagerduty/, /my-slack/, /my-alertmanager/],
  ])
  // While they are asked and have not answered.
  await vertex.end('SIGKILL')
  await vertex.start()
  await all(receivers, 'they are told', ({ opened }) => opened.length === 1)
  await until(() => (areAllKept(pages) ? true : null), {
    ...{ what: 'that they were told is on the disk', withinMs: WITHIN_MS },
  })
  for (const one of receivers) one.plan = ['hang']
  await vertex.change('DELETE', '/v1/services/default/quarantine/v2')
  await all(receivers, 'they are told of the end', ({ attempts }) => attempts.length === 5)
  await vertex.end('SIGKILL')
  await vertex.start()
  await all(receivers, 'they have heard the end', ({ resolved }) => resolved.length === 1)
  for (const { kind, objections, opened, resolved } of receivers) {
    t.strictSame(objections, [], kind)
    t.strictSame([opened.length, resolved.length], [1, 1], kind)
  }
  await until(() => (readdirSync(pages).some((name) => name.endsWith('.json')) ? null : true), {
    ...{ what: 'nothing is kept that everybody knows', withinMs: WITHIN_MS },
  })
  const said = [...vertex.log, ...textsBelow(vertex.stateDir), JSON.stringify(node)].join('\n')
  t.match(said, /"kind":"page"/)
  for (const secret of [ROUTING_KEY, SLACK_PATH, TOKEN]) t.notMatch(said, secret)
})
