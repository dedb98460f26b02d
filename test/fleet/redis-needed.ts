// Tests of the fleet run against real Redis servers. Where the program is missing they are skipped
// with a notice, as whoever tries Vertex should not need it: .ci/run installs it.

import { spawnSync } from 'node:child_process'
import t from 'tap'

for (const program of ['redis-server', 'redis-sentinel', 'redis-cli']) {
  if (spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined) continue
  t.plan(0, `${program} is missing: install the packages redis-server and redis-sentinel`)
  process.exit(0)
}
