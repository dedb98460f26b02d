import fc from 'fast-check'
import t from 'tap'
import { statusText, weightBar } from '../../src/cli/status-table.ts'
import type { ServiceView } from '../../src/core/command.ts'
import {
  type Admin,
  errorsView,
  obliging,
  PROOF,
  RISK,
  serviceView,
  startAdmin,
} from '../admin/harness.ts'
import { cli } from './run-cli.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())
const plain = { colour: false, width: null }
const env = { VERTEX_ADMIN: admin.url }

await t.test('status shows versions, figures, what is waited for and the evidence', async (t) => {
  const { code, stdout } = await cli('status', { env })
  t.equal(code, 0)
  const figures = '16.7     5 %  1.5 ms  3.0 ms  12.3 ms     1      1/1'
  t.same(stdout.split('\n'), [
    'shop  revision 7  shifting, step 1 of 2 (5 → 100 %)',
    '             VERSION  WEIGHT           REQ/S  ERRORS     P50     P90      P99  OPEN  TARGETS',
    `  stable     v1       █████████░ 95 %   ${figures}`,
    `  candidate  v2       █░░░░░░░░░ 5 %    ${figures}`,
    '  waits: watches for another 12 s',
    '  EVIDENCE        NOW  BAR',
    '  against errors  1.2  200  █░░░░░░░░░  0.2 % of 1,000 failed, stable 0.1 % of 19,000',
    '  for errors       12  40   ███████░░░  1,240 more clean requests of the candidate, about 12 s',
    '  Nothing speaks against v2.',
    "  95 % upper bound on the candidate's error rate: 0.4 % (2 of 1,000 requests failed)",
    '',
  ])
  for (const line of stdout.split('\n')) t.ok(line.length <= 100, line)
  const json = await cli('status shop -o json', { env })
  t.same(JSON.parse(json.stdout), { services: [serviceView('shop')], degraded: [], fleet: null })
})

/** Answers each look with the next of these views of `shop`, the last one again and again. */
function showing(node: Admin, views: readonly ServiceView[]): void {
  let looks = 0
  node.answer = (command) => {
    if (command.do !== 'services') return obliging(command)
    const view = views[Math.min(looks++, views.length - 1)] ?? serviceView('shop')
    return { ok: true, answer: 'services', services: [view] }
  }
}

/** The rollout of `shop` with more evidence. */
function withEvidence(value: number): ServiceView {
  const { rollout, ...rest } = serviceView('shop')
  if (rollout === null) throw new Error('the view has a rollout')
  return { ...rest, rollout: { ...rollout, evidence: [errorsView({ value })] } }
}

await t.test('where there is no terminal, status -w prints a line for each change', async (t) => {
  t.teardown(() => {
    admin.answer = obliging
  })
  const same = withEvidence(1.2)
  showing(admin, [same, same, withEvidence(34), withEvidence(34), same])
  const ran = await cli('status -w --interval 20ms --count 5', { env })
  t.equal(ran.code, 0)
  const line =
    'shop  v2 at 5 %, shifting, step 1 of 2 (5 → 100 %); waits: watches for another 12 s; ' +
    'against it errors 1.2 of 200; for it errors 12 of 40'
  const lines = ran.stdout.trimEnd().split('\n')
  t.same(
    lines.map((text) => text.slice(10)),
    [line, line.replace('errors 1.2', 'errors 34'), line],
  )
  t.match(lines[0], /^\d\d:\d\d:\d\d /)
  t.notOk(ran.stdout.includes('\x1b'), 'no colours and no cursor movements')
})

await t.test('status -w goes on until it is interrupted, and over a restart', async (t) => {
  const first = await startAdmin()
  const { port } = first
  const restarted: Promise<Admin>[] = []
  const ran = await cli('status -w --interval 20ms', {
    env: { VERTEX_ADMIN: first.url },
    onOutput: (so, interrupt) => {
      if (so.includes('shop') && restarted.length === 0) {
        restarted.push(first.stop().then(() => startAdmin({ port })))
      }
      if (/ECONNREFUSED.*shop {2}v2/s.test(so)) interrupt()
    },
  })
  for (const second of restarted) await (await second).stop()
  t.equal(ran.code, 0)
  t.match(ran.stdout, /shop {2}v2.*Cannot reach the admin API.*shop {2}v2/s)
})

await t.test('while watching the table says what has moved since the last look', async (t) => {
  const { rollout, ...rest } = serviceView('shop')
  if (rollout === null) throw new Error('the view has a rollout')
  const before = [{ ...rest, rollout }]
  const candidate = { requests: 1340, bad: 4, rate: 4 / 1340 }
  const stable = { requests: 25_460, bad: 19, rate: 19 / 25_460 }
  const evidence = [errorsView({ value: 34, candidate, stable })]
  const proofs = [{ ...PROOF, value: 7 }]
  const now: ServiceView = { ...rest, rollout: { ...rollout, evidence, proofs } }
  const text = statusText([now], { ...plain, look: { watching: true, before } })
  t.match(text, /against errors +34 +200 +█{7}░{3} +\+33 +0\.3 % of 1,340 failed/)
  t.match(text, /for errors +7 +40 .* −5 +1,240 more clean requests/)
  t.match(text, 'since the last look: candidate +340 requests (2 failed), stable +6,460 requests')
  const proven = { ...PROOF, value: 7e21, proven: true }
  const far = { ...rest, rollout: { ...rollout, proofs: [proven] } }
  const anew = statusText([now], { ...plain, look: { watching: true, before: [far] } })
  t.match(anew, /for errors +7 +40 .* −3,993\+ /, 'a proof that begins anew')
  const full = statusText([far], { ...plain, look: { watching: true, before: [now] } })
  t.match(full, /for errors +4,000\+ +40 +█{10} +\+3,993\+ +shown/)
  const other: ServiceView = { ...now, rollout: { ...rollout, id: 'shop-2' } }
  const fresh = statusText([other], { ...plain, look: { watching: true, before } })
  t.notMatch(fresh, /since the last look/, 'another rollout begins anew')
  const still = statusText(before, { ...plain, look: { watching: true, before } })
  t.notMatch(still, /since the last look|[+−]\d/)
})

await t.test('it says who has to act, which try it is, and which requests failed', async (t) => {
  const { candidate, rollout, ...rest } = serviceView('shop')
  if (rollout === null || candidate === null) throw new Error('the view has a rollout')
  const failure = { outcome: 'serverError', status: 503, at: '2026-01-01T00:00:00.000Z' } as const
  const failures = [
    { ...failure, requestId: 'a1' },
    { ...failure, requestId: 'b2', outcome: 'reset' as const, status: 0 },
  ]
  const paused = { paused: true, reason: 'manual weight', waitsFor: 'operator' } as const
  const evidence = [
    errorsView({ leadsTo: 'reopen', bar: 10, comparison: 'none', failures }),
    errorsView({
      metric: 'p99',
      value: null,
      text: 'p99: no latency test: stable had 12 requests. It begins later.',
    }),
  ]
  const view: ServiceView = {
    ...rest,
    candidate: { ...candidate, tries: 3, version: `v2-${'0123456789'.repeat(4)}-abc` },
    rollout: { ...rollout, ...paused, evidence },
  }
  const text = statusText([view], plain)
  t.match(text, 'waits for an operator: manual weight; vertex resume shop goes on')
  t.match(text, /against errors +1\.2 +10 reopens/)
  t.match(text, /against p99 +– .*no latency test: stable had 12 requests\n/)
  t.match(text, 'failed: a1 (serverError 503), b2 (reset)')
  t.match(text, /try 3 of v2-\d+-abc: each risks/)
  const row = text.split('\n').find((line) => line.includes('candidate  v2')) ?? ''
  t.match(row, /v2-01…89-abc/)
  t.ok(row.length <= 100, `${row.length} columns`)
})

await t.test('what ended, what is kept and what is quarantined is shown', async (t) => {
  const explanation = {
    ...{ rollout: 'shop-1', version: 'v2', startedMs: 0, proofs: [], residualRisk: RISK },
    evidence: [
      errorsView({
        failures: [{ requestId: 'c3', outcome: 'timeout', status: 0, at: '2026-01-01T00:00:00Z' }],
      }),
    ],
  }
  const text = statusText(
    [
      serviceView('shop', {
        rollout: null,
        candidate: null,
        ended: {
          id: 'shop-1',
          ending: 'rolled-back',
          reason: 'three of three failed',
          explanation,
        },
        previous: { version: 'v0', healthy: false, retainedUntil: '2026-01-02T00:00:00.000Z' },
        quarantine: { v2: { reason: 'errors', evidence: 'three', at: '2026-01-01T00:00:00.000Z' } },
      }),
    ],
    plain,
  )
  t.match(text, 'no rollout')
  t.match(text, 'last rollout shop-1 rolled-back: three of three failed')
  t.match(text, 'failed: c3 (timeout)')
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
  const ended = { id: 'shop-1', ending: 'rolled-back', reason, explanation: null } as const
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
          weightBar(low).length === 10 &&
          filled(low) <= filled(high) &&
          (filled(low) === 0) === (low === 0) &&
          (filled(high) === 10) === (high === 100)
        )
      },
    ),
  )
  t.pass()
})
