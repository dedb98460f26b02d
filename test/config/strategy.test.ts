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

await t.test('gates of a strategy and of its steps', async (t) => {
  const value = {
    gate: [
      { synthetic: 'checkout', timeout: '2m' },
      { webhook: 'https://ci.example.org/ok', name: 'ci' },
      { manual: 'release manager' },
      { mirror: { error_rate: '0.1%', p99_latency: '50ms' } },
    ],
    steps: [
      { weight: 5, gate: [] },
      { weight: 100, gate: [{ manual: 'again' }] },
    ],
  }
  const mirror = { minRequests: 100, errorRate: 0.001, p99Ms: 50, mismatchRate: null }
  t.match(parseStrategy(value, base), {
    strategy: {
      gates: [
        { kind: 'synthetic', name: 'checkout', scenario: 'checkout', timeoutMs: 120_000 },
        { kind: 'webhook', name: 'ci', url: 'https://ci.example.org/ok', tokenFile: null },
        { kind: 'manual', name: 'release manager', timeoutMs: 86_400_000 },
        { kind: 'mirror', name: 'mirror', timeoutMs: 300_000, ...mirror },
      ],
      steps: [
        { weight: 500, gates: [] },
        { weight: 10_000, gates: [{ kind: 'manual', name: 'again' }] },
      ],
    },
  })
})

await t.test('who may use the API cannot run programs or read files with it', async (t) => {
  const command = [{ command: ['sh', '-c', 'true'] }]
  const token = [{ webhook: 'http://127.0.0.1:1/', token_file: '/etc/shadow' }]
  t.match(parseStrategy({ gate: command }, base), { mistakes: [/^Cannot run a command as a gate/] })
  const steps = [{ weight: 100, gate: token }]
  t.match(parseStrategy({ steps }, base), { mistakes: [/^Cannot read a token_file/] })
  const gates = [{ kind: 'command', name: 'smoke', timeoutMs: 1000, command: ['true'] }] as const
  const configured = { ...base, gates }
  t.match(parseStrategy({ bake: '1s' }, configured), { strategy: { gates } }, "the file's stay")
})
