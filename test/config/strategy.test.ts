// The deploy_strategy block as the API receives it: JSON over what the file says.

import t from 'tap'
import { defaultStrategy, parseStrategy } from '../../src/config/strategy.ts'

const base = defaultStrategy()

await t.test('nothing said is what the file says', async (t) => {
  t.strictSame(parseStrategy(undefined, base), { strategy: base })
  t.strictSame(parseStrategy(null, base), { strategy: base })
  t.strictSame(parseStrategy({}, base), { strategy: base })
})

await t.test('what is said replaces only itself', async (t) => {
  const value = {
    steps: [{ weight: 10 }, { weight: '50%', observe: 0 }, { weight: '100%' }],
    bake: '10s',
    rollback_trigger: { p99_latency_increase: '50%', min_requests: 7 },
  }
  t.strictSame(parseStrategy(value, { ...base, suspicion: 3 }), {
    strategy: {
      ...base,
      suspicion: 3,
      bakeMs: 10_000,
      steps: [
        { weight: 1000, observeMs: 30_000 },
        { weight: 5000, observeMs: 0 },
        { weight: 10_000, observeMs: 60_000 },
      ],
      trigger: { ...base.trigger, p99LatencyIncrease: 0.5, minRequests: 7 },
    },
  })
})

await t.test('mistakes are sentences', async (t) => {
  const value = { steps: [{ weight: 50 }, { weight: 20 }], baek: '1m' }
  t.strictSame(parseStrategy(value, base), {
    mistakes: ['Cannot use the key "baek" as it is unknown here: did you mean bake?'],
  })
  t.strictSame(parseStrategy({ steps: value.steps }, base), {
    mistakes: [
      'Cannot take this step as steps must rise: 20% follows 50%',
      'Cannot end the steps here as the last must be 100%: current value is 20%',
    ],
  })
  for (const wrong of [5, 'canary', [], true, { steps: {} }, { steps: [[]] }, { steps: [null] }]) {
    t.match(parseStrategy(wrong, base), { mistakes: [/^Cannot /] }, JSON.stringify(wrong))
  }
})
