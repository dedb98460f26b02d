// What mirrored requests have to show before they are taken for proof.

import t from 'tap'
import { judgeMirror } from '../../src/control/gates/mirror-gate.ts'
import type { Gate, MirrorTally } from '../../src/core/gate.ts'

await t.test(
  'too few comparisons, or too many copies that found no room, prove nothing',
  async (t) => {
    const gate: Extract<Gate, { kind: 'mirror' }> = {
      ...{ kind: 'mirror', name: 'mirror', timeoutMs: 5000, minRequests: 100 },
      ...{ errorRate: 0, p99Ms: 50, mismatchRate: 0 },
    }
    const tally: MirrorTally = {
      ...{ service: 'shop', version: 'v2', requests: 100, errors: 0, dropped: 0 },
      ...{ p50Ms: 5, p99Ms: 20, compared: 100, mismatched: 0, differences: [] },
    }
    t.match(judgeMirror(gate, tally), { passed: true })
    t.equal(judgeMirror(gate, { ...tally, compared: 99 }), null, 'it waits for more')
    t.match(judgeMirror({ ...gate, mismatchRate: null }, { ...tally, compared: 0 }), {
      passed: true,
    })
    const many = { ...tally, dropped: 25 }
    t.match(judgeMirror(gate, many), { passed: false, reason: /^20 % of the copies were dropped/ })
    t.match(judgeMirror({ ...gate, errorRate: null, p99Ms: null }, many), { passed: true })
  },
)
