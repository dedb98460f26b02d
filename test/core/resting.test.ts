// How often services are looked at of which nothing is to be judged.

import t from 'tap'
import { looksAmong, readAgainMs } from '../../src/core/resting.ts'

await t.test('few are looked at as often as ever, and nobody is forgotten', async (t) => {
  for (const versions of [0, 1, 125]) t.equal(readAgainMs(versions), 100)
  for (const services of [0, 1, 333]) t.equal(looksAmong(services), 1)
  t.equal(readAgainMs(1_000_000), 5000)
  t.equal(looksAmong(1_000_000), 32)
})

await t.test('in between it takes a half percent of the time', async (t) => {
  for (const many of [500, 1000, 2500, 5000]) {
    const read = (many * 0.004) / readAgainMs(many)
    t.ok(read <= 0.005 + 1e-9, `reading ${many} versions takes ${read}`)
    const looks = (many * 0.015) / looksAmong(many) / 1000
    t.ok(looks <= 0.005 + 1e-9, `looking at ${many} services takes ${looks}`)
  }
})
