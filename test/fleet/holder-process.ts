// A node of a fleet as a process of its own, so that it can be killed and paused. Every few
// milliseconds it writes a line when it leads: the time, by a clock that all processes share, and
// the number of its lease. Arguments: its name and the port of Redis.

import { RedisFleet } from '../../src/fleet/fleet.ts'
import { single } from './fleet-node.ts'

const [node = '', port = ''] = process.argv.slice(2)
const log = { info: () => {}, warn: () => {}, error: () => {} }
const fleet = new RedisFleet({
  node,
  id: `id-of-${node}`,
  version: '0.1.0',
  listen: '127.0.0.1:8080',
  prefix: 'vertex:',
  redis: single(Number(port)),
  username: null,
  password: null,
  log,
})
await fleet.start({
  onStanding: () => {},
  onBroadcast: () => {},
  onLetter: () => {},
  onConnected: () => {},
})
setInterval(() => {
  const { standing, lease } = fleet.standing
  if (standing === 'leading') process.stdout.write(`${process.hrtime.bigint()} ${lease}\n`)
}, 5)
// Nobody is to find it running when the test is gone.
process.stdin.on('end', () => process.exit()).resume()
