import fc from 'fast-check'
import t from 'tap'
import { statusText, weightBar } from '../../src/cli/status-table.ts'
import { type Admin, serviceView, startAdmin } from '../admin/harness.ts'
import { cli } from './run-cli.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())
const plain = { colour: false, width: null }
const env = { VERTEX_ADMIN: admin.url }

await t.test('status shows versions, figures, the rollout and its evidence', async (t) => {
  const { code, stdout } = await cli('status', { env })
  t.equal(code, 0)
  const head =
    '             VERSION  WEIGHT                     REQ/S  ERRORS     P50     P90      P99  OPEN'
  const figures = '16.7     5 %  1.5 ms  3.0 ms  12.3 ms     1      1/1'
  t.same(stdout.split('\n'), [
    'shop  revision 7  shifting, step 1 of 2 (5 → 100 %)',
    `${head}  TARGETS`,
    `  stable     v1       ${'█'.repeat(19)}░ 95 %   ${figures}`,
    `  candidate  v2       █${'░'.repeat(19)} 5 %    ${figures}`,
    '  Watching step 1 for another 12 s',
    '  Nothing speaks against v2.',
    '',
  ])
  const json = await cli('status shop -o json', { env })
  t.same(JSON.parse(json.stdout), { services: [serviceView('shop')] })
})

await t.test('where there is no terminal, status -w prints one block after another', async (t) => {
  const ran = await cli('status -w --interval 20ms --count 3', { env })
  t.equal(ran.code, 0)
  t.equal(ran.stdout.match(/^shop {2}revision 7/gm)?.length, 3)
  t.notOk(ran.stdout.includes('\x1b'), 'no colours and no cursor movements')
})

await t.test('status -w goes on until it is interrupted, and over a restart', async (t) => {
  const first = await startAdmin()
  const { port } = first
  const restarted: Promise<Admin>[] = []
  const blocks = (so: string): number => so.match(/^shop {2}revision/gm)?.length ?? 0
  const ran = await cli('status -w --interval 20ms', {
    env: { VERTEX_ADMIN: first.url },
    onOutput: (so, interrupt) => {
      if (blocks(so) >= 2 && restarted.length === 0) {
        restarted.push(first.stop().then(() => startAdmin({ port })))
      }
      if (/ECONNREFUSED.*revision/s.test(so)) interrupt()
    },
  })
  for (const second of restarted) await (await second).stop()
  t.equal(ran.code, 0)
  t.match(ran.stdout, /revision 7.*Cannot reach the admin API.*revision 7/s)
})

await t.test('what ended, what is kept and what is quarantined is shown', async (t) => {
  const text = statusText(
    [
      serviceView('shop', {
        rollout: null,
        candidate: null,
        ended: { id: 'shop-1', ending: 'rolled-back', reason: 'three of three failed' },
        previous: { version: 'v0', healthy: false, retainedUntil: '2026-01-02T00:00:00.000Z' },
        quarantine: { v2: { reason: 'errors', evidence: 'three', at: '2026-01-01T00:00:00.000Z' } },
      }),
    ],
    plain,
  )
  t.match(text, 'no rollout')
  t.match(text, 'last rollout shop-1 rolled-back: three of three failed')
  t.match(text, 'previous v0, not healthy, kept until 2026-01-02T00:00:00.000Z')
  t.match(text, 'quarantined v2 since 2026-01-01T00:00:00.000Z: errors')
  t.match(statusText([], plain), 'No service')
  t.ok(
    statusText([serviceView('shop')], { ...plain, colour: true }).includes('\x1b['),
    'in colour when it is wanted',
  )
})

await t.test('long sentences are broken at the width of the terminal', async (t) => {
  const reason = 'word '.repeat(40).trim()
  const ended = { id: 'shop-1', ending: 'rolled-back', reason } as const
  const service = serviceView('shop', { rollout: null, ended })
  const text = statusText([service], { colour: false, width: 60 })
  const notes = text.split('\n').slice(4)
  t.ok(notes.length > 3)
  for (const line of notes) t.ok(line.length <= 60, line)
  t.equal(text.match(/word/g)?.length, 40)
})

await t.test('a bar is empty at 0 only and full at 100 only, and never shrinks', async (t) => {
  const filled = (weight: number): number => weightBar(weight).split('█').length - 1
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10_000 }),
      fc.integer({ min: 0, max: 10_000 }),
      (a, b) => {
        const [low, high] = [Math.min(a, b) / 100, Math.max(a, b) / 100]
        return (
          weightBar(low).length === 20 &&
          filled(low) <= filled(high) &&
          (filled(low) === 0) === (low === 0) &&
          (filled(high) === 20) === (high === 100)
        )
      },
    ),
  )
  t.pass()
})
