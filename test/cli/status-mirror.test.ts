// The line about mirrored requests.

import t from 'tap'
import { mirrorText } from '../../src/cli/status-mirror.ts'
import type { MirrorTally } from '../../src/core/gate.ts'

const TALLY: MirrorTally = {
  ...{ service: 'shop', version: 'v2', requests: 1204, errors: 3, dropped: 0 },
  ...{ p50Ms: 8, p99Ms: 31.04, compared: 1198, mismatched: 6 },
  differences: [{ text: 'body differs at $.total', count: 6 }],
}

await t.test('what failed, how slow it was, and what differs most', async (t) => {
  t.equal(
    mirrorText(TALLY),
    'mirrored 1,204: 0.25 % failed, p99 31.0 ms; 0.5 % of 1,198 differ: body differs at $.total',
  )
  const none = { requests: 0, errors: 0, dropped: 5, p99Ms: null, compared: 0, mismatched: 0 }
  t.equal(
    mirrorText({ ...TALLY, ...none, differences: [] }),
    'mirrored 0 (5 dropped): 0 % failed, none answered; none compared',
  )
})
