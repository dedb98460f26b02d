// A raise is a proof, not the passing of time: what is just too bad is rarely raised, what is fine
// gets through soon, and little traffic is never promoted by time alone. Some rollouts of each row
// of the calibration's tests 8 and 9.

import t from 'tap'
import { measureFew, rowsOf, sentence } from '../../bench/lab/calibrate-few.ts'

await t.test('at 200 req/s', async (t) => {
  for (const row of rowsOf(8, 200)) {
    for (const one of measureFew(row, 12)) t.not(one.pass, false, sentence(row, one))
  }
})

await t.test('with little traffic no raise comes without proof', async (t) => {
  for (const rate of [2, 20]) {
    for (const row of rowsOf(9, rate)) {
      for (const one of measureFew(row, 3)) t.not(one.pass, false, sentence(row, one))
    }
  }
})
