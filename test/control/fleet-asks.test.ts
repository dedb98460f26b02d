// Commands that another node carries out: each is sent once and gets one answer, be it that there
// was none.

import t from 'tap'
import { Asks } from '../../src/control/fleet/asks.ts'
import type { Answer } from '../../src/core/command.ts'
import type { Asked } from '../../src/core/fleet/message.ts'

const COMMAND = { do: 'services' } as const
const DONE: Answer = { ok: true, answer: 'services', services: [] }

function asking(): { asks: Asks; sent: { to: string; message: Asked }[] } {
  const sent: { to: string; message: Asked }[] = []
  const send = (to: string, message: Asked): void => void sent.push({ to, message })
  return { asks: new Asks({ node: 'b', run: 77, send }), sent }
}

function detailOf(answer: Answer): string {
  return answer.ok ? '' : answer.problem.detail
}

await t.test('an answer belongs to its question', async (t) => {
  const { asks, sent } = asking()
  const [one, two] = [asks.ask('a', COMMAND), asks.ask('a', COMMAND)]
  t.strictSame(
    sent.map(({ message, to }) => [to, message.id, message.node]),
    [
      ['a', '77-1', 'b'],
      ['a', '77-2', 'b'],
    ],
  )
  const refused: Answer = {
    ok: false,
    problem: { status: 409, code: 'no', title: 'No', detail: 'Cannot' },
  }
  asks.answered({ message: 'answered', id: '77-2', answer: refused })
  asks.answered({ message: 'answered', id: '77-2', answer: DONE })
  asks.answered({ message: 'answered', id: '77-9', answer: DONE })
  asks.answered({ message: 'answered', id: '77-1', answer: DONE })
  t.equal(await one, DONE)
  t.equal(await two, refused)
})

await t.test('silence is told as what it is', async (t) => {
  const { asks } = asking()
  const answer = await asks.ask('a', COMMAND, 20)
  t.match(detailOf(answer), /node a, which leads the fleet, has not answered within 0.02 s: it may/)
})

await t.test('who leads no longer is not waited for long', async (t) => {
  const { asks } = asking()
  const [gone, there] = [asks.ask('a', COMMAND), asks.ask('c', COMMAND)]
  asks.follow(null)
  asks.follow('c')
  asks.answered({ message: 'answered', id: '77-2', answer: DONE })
  t.equal(await there, DONE, 'it may answer all the same')
  t.match(detailOf(await gone), /node a, which was asked, leads the fleet no longer: it may/)
})
