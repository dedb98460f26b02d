// Scenario files, strategy files and sweeps: what is read, and how each mistake is told.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { formatMistake, type Mistake } from '../../src/config/mistake.ts'
import { loadScenario } from '../../src/config/scenario.ts'
import { defaultStrategy } from '../../src/config/strategy.ts'
import { loadStrategy } from '../../src/config/strategy-file.ts'
import { readSweep } from '../../src/config/sweep.ts'
import { directory } from './fixture.ts'

function written(t: Test, text: string): string {
  const file = join(directory(t), 'what.yaml')
  writeFileSync(file, text)
  return file
}

function told(mistakes: readonly Mistake[]): readonly string[] {
  return mistakes.map((mistake) => formatMistake(mistake).slice(mistake.file.length + 1))
}

function mistakesIn(t: Test, text: string): readonly string[] {
  const loaded = loadScenario({ file: written(t, text), env: {} })
  return 'mistakes' in loaded ? told(loaded.mistakes) : []
}

await t.test('a scenario is read; what it leaves out has a default', async (t) => {
  const file = written(
    t,
    `rate: 200
duration: 10m
rescued: 90%
both: { errors: 0.05%, latency: { p50: 20ms, p99: 80ms } }
candidate: { hangs: 1% }
changes:
  - { at: 90s, candidate: { errors: 5% } }
  - at: \${LATER:-5m}
    for: 10s
    rate: 400
    both: { errors: 30% }
`,
  )
  const latency = { p50Us: 20_000, p99Us: 80_000 }
  t.same(loadScenario({ file, env: {} }), {
    scenario: {
      rate: 200,
      durationMs: 600_000,
      rescued: 0.9,
      responseHeadMs: 60_000,
      stable: { errors: 0.0005, hangs: 0, latency },
      candidate: { errors: 0.0005, hangs: 0.01, latency },
      changes: [
        { atMs: 90_000, forMs: null, stable: {}, candidate: { errors: 0.05 } },
        {
          ...{ atMs: 300_000, forMs: 10_000, rate: 400 },
          ...{ stable: { errors: 0.3 }, candidate: { errors: 0.3 } },
        },
      ],
    },
  })
})

await t.test('mistakes in a scenario have their place', async (t) => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['', ['1:1: Cannot read the file as it is empty']],
    ['rate: [', ['1:8: Cannot read this as YAML: ']],
    ['- a', ['1:1: Cannot read the scenario as it must be a mapping: current value is a list']],
    ['errors: 1%', ['1:1: Cannot use the key "errors" as it is unknown here: ']],
    [
      'rate: 0\nduraton: 5m',
      [
        '2:1: Cannot use the key "duraton" as it is unknown here: did you mean duration?',
        '1:7: Cannot set rate as it must be a number from 0.01 to 100000: current value is "0"',
      ],
    ],
    [
      'rate: 1\ncandidate:\n  errors: 5\n  latency: { p50: 5ms }',
      [
        '3:11: Cannot set candidate.errors as it must be a percentage with its sign, such as 0.1%, from 0% to 100%: current value is "5"',
        '4:12: Cannot set candidate.latency.p99 as it must be a latency from 1us to 60s, such as 20ms: current value is missing',
      ],
    ],
    [
      'rate: 1\nstable: { latency: { p50: 5ms, p99: 1ms }, errors: 60%, hangs: 60% }',
      [
        '2:37: Cannot set stable.latency as p99 must not lie below p50: current value is "1ms"',
        '2:9: Cannot set stable as errors and hangs must not be more than 100% together',
      ],
    ],
    ['rate: 1\nchanges: 5', ['2:10: Cannot read changes as it must be a list of at most 1000']],
    [
      'rate: 1\nchanges:\n  - { for: 1s }\n  - { at: soon }\n  - 7',
      [
        '3:5: Cannot read changes[0] as it needs the key at',
        '4:11: Cannot set changes[1].at as it must be a duration with its unit, such as 500ms',
        '5:5: Cannot read changes[2] as it must be a mapping: current value is "7"',
      ],
    ],
  ]
  for (const [text, expected] of cases) {
    const found = mistakesIn(t, text)
    for (const [i, line] of expected.entries()) t.equal(found[i]?.slice(0, line.length), line)
  }
  const missing = loadScenario({ file: '/nowhere/at/all.yaml', env: {} })
  t.match(missing, { mistakes: [{ message: /^Cannot read the file as the system refuses/ }] })
})

await t.test('a strategy file is a deploy_strategy block, with or without the key', async (t) => {
  const base = defaultStrategy()
  const block = 'rollback_trigger: { error_rate_threshold: 0.5% }\nbeta: 0.01'
  const nested = `deploy_strategy:\n  ${block.replace('\n', '\n  ')}\n`
  for (const text of [block, nested]) {
    const loaded = loadStrategy({ file: written(t, text), env: {} }, base)
    if ('mistakes' in loaded) throw new Error(told(loaded.mistakes).join('\n'))
    t.same(loaded.strategy, {
      ...base,
      beta: 0.01,
      trigger: { ...base.trigger, errorRateThreshold: 0.005 },
    })
  }
  const wrong = loadStrategy(
    { file: written(t, 'beta: 2\nsteps:\n  - weight: 5%\n  - weight: 4%\nbeeta: 1'), env: {} },
    base,
  )
  t.same('mistakes' in wrong && told(wrong.mistakes).toSorted(), [
    '1:7: Cannot set beta as it must be a number from 0.000001 to 0.5: current value is "2"',
    '5:1: Cannot use the key "beeta" as it is unknown here: did you mean beta?',
  ])
})

await t.test('a sweep is a range of a setting, evenly far apart as ratios', async (t) => {
  const texts = (range: string): unknown => {
    const sweep = readSweep(range)
    return 'cannot' in sweep ? sweep.cannot : sweep.values.map(({ text }) => text)
  }
  t.same(texts('error_rate_threshold=0.1%..10%/3'), ['0.1%', '1%', '10%'])
  t.same(texts('rollback_trigger.alpha=0.001..0.1/3'), ['0.001', '0.01', '0.1'])
  t.same(texts('max_hold=0..10m/3'), ['0ms', '300000ms', '600000ms'])
  t.same(texts('min_requests=10..1000/3'), ['10', '100', '1000'])
  t.same(texts('max_user_errors=1..100/3'), ['1', '10', '100'])
  const sweep = readSweep('error_rate_threshold=0.1%..10%/3')
  if ('cannot' in sweep) throw new Error(sweep.cannot)
  const values = sweep.values.map(({ of }) => of(defaultStrategy()).trigger.errorRateThreshold)
  t.same(values, [0.001, 0.01, 0.1])
  for (const [range, sentence] of [
    ['beta', /^Cannot sweep as the form is setting=from\.\.to\/values: current value is beta$/],
    ['weight=1..2/3', /^Cannot sweep weight as it must be one of bake, warm_up,/],
    ['beta=0.1..2/3', /^Cannot sweep beta as it must be a number from .* to 0.5: .* is 2$/],
    [
      'alpha=0.1..0.01/3',
      /^Cannot sweep alpha as the range must rise: current value is 0.1..0.01$/,
    ],
    ['alpha=0.01..0.1/51', /^Cannot sweep alpha as it must be 1 to 50 values/],
  ] as const) {
    t.match(texts(range), sentence)
  }
})
