// Whatever is no worse than it may be is left alone: identical versions, the edges of what is
// harmless, and traffic whose requests depend on each other. Some rollouts of each row of the
// calibration (tests 2, 3 and 5), which plays thousands.

import t from 'tap'
import { measureFew, rowsOf, sentence } from '../../bench/lab/calibrate-few.ts'

const TITLES: readonly (readonly [test: number, title: string])[] = [
  [2, 'identical versions'],
  [3, 'the edges of what is harmless'],
  [5, 'requests that depend on each other'],
]

for (const [test, title] of TITLES) {
  await t.test(`${title}: nobody is rolled back but by the chance that was granted`, async (t) => {
    for (const row of rowsOf(test, 200)) {
      for (const one of measureFew(row, 5)) t.not(one.pass, false, sentence(row, one))
    }
  })
}
