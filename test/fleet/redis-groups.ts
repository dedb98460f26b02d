// Several Redis servers that belong together: a master with a replica and a sentinel, a cluster.

import { freePort } from '../../bench/lab/free-port.ts'
import { cli, RedisServer, type TestScope, until } from './redis-server.ts'

export interface SentinelGroup {
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly sentinel: RedisServer
}

/** One sentinel, which takes a master for dead after half a second. Its name for it is `shop`. */
export async function sentinelGroup(t: TestScope): Promise<SentinelGroup> {
  const master = await RedisServer.start(t, { lines: ['repl-ping-replica-period 1'] })
  const replica = await RedisServer.start(t, { lines: [`replicaof 127.0.0.1 ${master.port}`] })
  const isInSync = async (): Promise<boolean> =>
    /state=online/.test(await master.cli('INFO', 'replication'))
  await until('the replica is in sync', { is: isInSync })
  const sentinel = await RedisServer.start(t, {
    isSentinel: true,
    lines: [
      `sentinel monitor shop 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds shop 500',
      'sentinel failover-timeout shop 2000',
    ],
  })
  const knows = async (): Promise<boolean> =>
    /slaves=1/.test(await sentinel.cli('INFO', 'sentinel'))
  await until('the sentinel knows the replica', { is: knows, withinMs: 12_000 })
  return { master, replica, sentinel }
}

/** Three masters without replicas. */
export async function redisCluster(t: TestScope): Promise<readonly RedisServer[]> {
  const servers: RedisServer[] = []
  for (let count = 0; count < 3; count++) {
    const lines = [
      'cluster-enabled yes',
      `cluster-port ${await freePort()}`,
      'cluster-node-timeout 1000',
    ]
    servers.push(await RedisServer.start(t, { lines }))
  }
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`)
  const first = servers[0]?.port ?? 0
  const create = ['--cluster', 'create', ...addresses, '--cluster-replicas', '0', '--cluster-yes']
  const said = await cli(first, ...create)
  const isUp = async (): Promise<boolean> => {
    const states = await Promise.all(servers.map((server) => server.cli('CLUSTER', 'INFO')))
    return states.every((state) => /cluster_state:ok/.test(state))
  }
  await until(`the cluster is up: ${said.slice(-300)}`, { is: isUp })
  return servers
}
