// Where small answers stand until the end of the turn.

import t from 'tap'
import { Staging } from '../../src/edge/staging.ts'

const bytes = Buffer.alloc(65_536, 'a')

await t.test(
  'answers stand one behind the other, whatever becomes of what they came in',
  async (t) => {
    const staging = new Staging()
    const read = Buffer.from('first')
    const first = staging.keep(read, 5)
    read.write('other')
    const second = staging.keep(read, 3)
    t.equal(staging.bytes.toString('latin1', first, first + 5), 'first')
    t.equal(staging.bytes.toString('latin1', second, second + 3), 'oth')
  },
)

await t.test('a large one is not copied, nor what finds no room until all were used', async (t) => {
  const staging = new Staging()
  t.equal(staging.keep(bytes, 4097), -1)
  for (let i = 0; i < 16; i++) t.equal(staging.keep(bytes, 4096), i * 4096)
  t.equal(staging.keep(bytes, 1), -1)
  staging.clear()
  t.equal(staging.keep(bytes, 1), 0)
})
