// The evidence is calibrated: under the hypothesis that it speaks against, E ever reaches 1/a with
// probability at most a (Ville's inequality). Some rollouts of each row of the calibration's test
// 4.

import t from 'tap'
import { measureFew, rowsOf, sentence } from '../../bench/lab/calibrate-few.ts'

for (const row of rowsOf(4, 200)) {
  await t.test(row.scenario, async (t) => {
    for (const one of measureFew(row, 25)) t.ok(one.pass, sentence(row, one))
  })
}
