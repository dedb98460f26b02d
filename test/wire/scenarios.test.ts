// Scenarios of the wire: scripts in which clients, Vertex and servers speak to each other, run
// with varnishtest (Debian's package `varnish`). Each stands in test/scenarios/wire and opens with
// the rule that it proves.

import t from 'tap'
import { endAll } from '../../bench/lab/children.ts'
import { readScenarios } from './scenario.ts'
import { hasVarnishtest, runScenarios } from './varnishtest.ts'

const scenarios = readScenarios()

await t.test('every scenario says which rule it proves', async (t) => {
  for (const { name, rule } of scenarios) t.ok(rule.length > 40, name)
  t.ok(scenarios.length >= 25, `there are ${scenarios.length}`)
})

if (hasVarnishtest()) {
  t.teardown(endAll)
  const results = runScenarios(scenarios)
  for (const { name, rule } of scenarios) {
    await t.test(name, async (t) => {
      const result = await results.get(name)
      t.ok(result?.passed, rule)
      if (result?.passed !== true) t.comment(result?.output ?? 'It was not run.')
    })
  }
} else {
  const why = 'varnishtest is missing: install the package `varnish` to run the scenarios'
  await t.test('the scenarios', { skip: why }, () => undefined)
}
