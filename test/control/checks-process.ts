// A process that has nothing to do but health checks: it must end by itself. Run by a test.

import { Gauge } from '../../src/control/gauge.ts'
import { HealthChecks } from '../../src/control/health-checks.ts'
import { App } from './app.ts'

const app = await App.start()
const checks = new HealthChecks({ random: () => 0, onChange: () => {} })
const targets = new Map([[app.url, 0]])
const of = { service: 'shop', name: 'v1', slot: 0, stripe: null, gauge: new Gauge(), since: 0 }
const version = { ...of, targets }
const rules = { path: '/', intervalMs: 100, timeoutMs: 500, up: 2, down: 3 }
checks.follow([{ version, rules }])
await checks.hurry(version)
// The kept connection stays, and so does the schedule.
app.unref()
