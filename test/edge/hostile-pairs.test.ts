// The same kinds, told by a candidate beside a stable version that is well. What had not reached
// the client is answered by stable, whole and unmixed; what had is broken off. And a storm of all
// kinds at once, in which everybody shares the same connections to the target.

import fc from 'fast-check'
import t from 'tap'
import { CANDIDATE } from './harness.ts'
import { BROKEN_BODIES } from './hostile-bodies.ts'
import { nextNonce, type Seen, see, wrongAnswer, wrongFault, wrongReset } from './hostile-client.ts'
import { BROKEN_HEADS, type Kind } from './hostile-kinds.ts'
import { answerWell, pathOf, soon, startHostile } from './hostile-origin.ts'
import { confront, each, PLAIN, SITUATIONS, sumOf, watchCounts } from './hostile-runner.ts'
import { startLab } from './lab.ts'
import { get } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

const KINDS = [...BROKEN_HEADS, ...BROKEN_BODIES]
const hostile = await startHostile(lab, KINDS)
const FULL = 10_000

/** Not more than what may be rescued at a time. */
const CLIENTS = 12

interface Rescue {
  readonly wrong: string
  readonly rescued: boolean
}

/** What is wrong with what a client saw of a candidate's broken answer. */
function judge(seen: Seen, kind: Kind, nonce: string): string {
  const right = { nonce, status: 200, empty: false }
  if (kind.sees === 'answer') return wrongAnswer(seen, { ...right, ...kind })
  if (kind.sees === 'reset') return wrongReset(seen, nonce)
  // Once an interim answer has gone out, the request cannot be sent again: it has been answered.
  if (seen.how !== 'answer' || seen.interims === 0) return wrongAnswer(seen, right)
  return wrongFault(seen, 502, kind.cause === 'reset' ? 'upstream-reset' : 'upstream-malformed')
}

async function askCandidate(kind: Kind): Promise<Rescue> {
  const wire = await lab.client()
  const nonce = nextNonce()
  wire.send(get(pathOf(kind, KINDS, nonce)))
  const seen = await see(wire)
  const wrong = judge(seen, kind, nonce)
  const rescued = seen.how === 'answer' && seen.answer.status === 200 && kind.sees === '502'
  let wrongAfter = ''
  if (seen.how === 'answer') {
    const after = nextNonce()
    wire.send(get(pathOf(null, KINDS, after)))
    wrongAfter = wrongAnswer(await see(wire), { nonce: after, status: 200, empty: false })
  }
  wire.destroy()
  return { wrong: [wrong, wrongAfter].filter((text) => text !== '').join(', then '), rescued }
}

await t.test('a candidate that breaks its answers: a GET is answered by stable', async (t) => {
  let asked = 0
  const stable = await lab.origin((socket, request) => {
    asked++
    answerWell(socket, /^GET \/[^/]+\/(\S+) /.exec(request)?.[1] ?? '')
  })
  await lab.serve({ stable: [stable.port], candidate: [hostile.port], weight: FULL })
  const rescues = await each(KINDS, CLIENTS, askCandidate)
  t.same(
    rescues.flatMap(({ wrong }, i) => (wrong === '' ? [] : [`${KINDS[i]?.name}: ${wrong}`])),
    [],
  )
  const rescued = rescues.filter((one) => one.rescued).length
  const broken = KINDS.filter(({ sees }) => sees === '502').length
  t.ok(rescued > 100 && rescued <= broken, `${rescued} of ${broken}`)
  t.equal(asked, rescued, 'stable was asked for what was rescued, once each')
  t.ok(await soon(() => !hostile.holdsSpoiled()))
  t.same(hostile.misused, [])
  const { candidate } = await lab.counts()
  t.equal(candidate.rescued, rescued)
  const bad = KINDS.filter(({ cause }) => cause !== 'ok').length
  t.equal(candidate.evidenceBad, bad, 'each of them is evidence all the same')
  t.equal(candidate.userErrors, bad - rescued)
})

await t.test('a candidate’s broken answer to a POST is the client’s 502', async (t) => {
  const stable = await lab.origin(() => t.fail('A POST was sent twice'))
  await lab.serve({ stable: [stable.port], candidate: [hostile.port], weight: FULL })
  const stage = { lab, origin: hostile, kinds: KINDS }
  const how = SITUATIONS.find(({ method }) => method === 'POST') ?? PLAIN
  const wrongCounts = watchCounts(lab, CANDIDATE)
  const kinds = KINDS.filter(({ sees }) => sees === '502')
  const reports = []
  for (const kind of kinds) {
    await hostile.hangUp()
    reports.push(await confront(stage, kind, how))
  }
  t.same(
    reports.flatMap(({ complaints }) => complaints),
    [],
  )
  t.equal(await wrongCounts(sumOf(reports.map(({ counts }) => counts))), '')
})

await t.test('all kinds at once, in any order, over shared connections', async (t) => {
  await lab.serve({ stable: [hostile.port] })
  const stage = { lab, origin: hostile, kinds: KINDS }
  const gets = SITUATIONS.filter(({ method }) => method === 'GET')
  const seed = Math.trunc(Math.random() * 0x7fffffff)
  const rounds = KINDS.flatMap((kind, i) =>
    [0, 1].map((turn) => ({ kind, how: gets[(i + turn) % gets.length] ?? PLAIN })),
  )
  const [order = []] = fc.sample(
    fc.shuffledSubarray(rounds, { minLength: rounds.length, maxLength: rounds.length }),
    { numRuns: 1, seed },
  )
  const reports = await each(order, 32, ({ how, kind }) => confront(stage, kind, how))
  t.same(
    reports.flatMap(({ complaints }) => complaints),
    [],
    `${order.length} answers, seed ${seed}`,
  )
  t.ok(await soon(() => !hostile.holdsSpoiled()))
  t.same(hostile.misused, [])
  t.same((await lab.counts()).stable, sumOf(reports.map(({ counts }) => counts)))
})
