// Opens clients of Redis: one server, a server that sentinels name, or a cluster. A client here
// lives for one connection and never reconnects by itself: whoever holds it opens another one. So
// nothing waits in a queue while Redis is away, nothing is sent a second time behind our back, and
// an answer that comes after its time-out finds nobody.

import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { FleetOptions, TlsOptions } from './options.ts'

export type Client = Redis | Cluster

const CONNECT_MS = 1_000
/** What is left open is destroyed after this, as a server that hangs never closes. */
const DISCONNECT_MS = 50

function tlsOf(tls: TlsOptions | null) {
  if (tls === null) return undefined
  const { ca, cert, key, serverName } = tls
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    ...(serverName === null ? {} : { servername: serverName }),
    rejectUnauthorized: true,
  }
}

function common({ redis, username, password }: FleetOptions) {
  return {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    disconnectTimeout: DISCONNECT_MS,
    retryStrategy: null,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    // Whether the server can be used is looked at by us, in more respects.
    enableReadyCheck: false,
    disableClientInfo: true,
    tls: tlsOf(redis.tls),
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
  } satisfies RedisOptions
}

/** Begins somewhere else with each attempt, so that a dead entry is not always first. */
function rotated<T>(list: readonly T[], attempt: number): T[] {
  const start = attempt % Math.max(1, list.length)
  return [...list.slice(start), ...list.slice(0, start)]
}

function openCluster(options: FleetOptions, attempt: number): Cluster {
  const { redis } = options
  const nodes = redis.kind === 'cluster' ? redis.nodes : []
  const { retryStrategy: _, enableOfflineQueue: __, lazyConnect, ...redisOptions } = common(options)
  return new Cluster(
    rotated(nodes, attempt).map(({ host, port }) => ({ host, port })),
    {
      lazyConnect,
      enableOfflineQueue: true,
      clusterRetryStrategy: null,
      retryDelayOnFailover: 50,
      retryDelayOnClusterDown: 50,
      slotsRefreshTimeout: CONNECT_MS,
      redisOptions,
    },
  )
}

function openServer(options: FleetOptions, attempt: number): Redis {
  const { redis } = options
  const shared = common(options)
  if (redis.kind === 'sentinel') {
    const { name, sentinels, sentinelUsername, sentinelPassword, db, tls } = redis
    const sentinelTLS = tlsOf(tls)
    return new Redis({
      ...shared,
      name,
      sentinels: rotated(sentinels, attempt).map(({ host, port }) => ({ host, port })),
      sentinelRetryStrategy: () => null,
      sentinelCommandTimeout: CONNECT_MS,
      enableTLSForSentinelMode: tls !== null,
      ...(sentinelTLS === undefined ? {} : { sentinelTLS }),
      ...(sentinelUsername === null ? {} : { sentinelUsername }),
      ...(sentinelPassword === null ? {} : { sentinelPassword }),
      db,
    })
  }
  if (redis.kind === 'cluster') throw new Error('a cluster is no single server')
  return new Redis({ ...shared, host: redis.host, port: redis.port, db: redis.db })
}

export function openClient(options: FleetOptions, attempt: number): Client {
  return options.redis.kind === 'cluster'
    ? openCluster(options, attempt)
    : openServer(options, attempt)
}

/** Another connection, which only hears; in a cluster any server passes on what was published. */
export function openSubscriber(client: Client, { options, attempt }: SubscriberOptions): Redis {
  if (client instanceof Redis) return openServer(options, attempt)
  const servers = client.nodes('master')
  const server = servers[attempt % Math.max(1, servers.length)]
  const { host = '', port = 0 } = server?.options ?? {}
  return new Redis({ ...common(options), host, port })
}

export interface SubscriberOptions {
  readonly options: FleetOptions
  readonly attempt: number
}

/**
 * What is sent from here to the end of this turn goes out in one piece. ioredis' own pipelining of
 * a turn waits until the one before has been answered, so a decision would wait for chatter.
 */
export function together(client: Client): void {
  if (!(client instanceof Redis)) return
  const { stream } = client
  if (stream.writableCorked > 0) return
  stream.cork()
  process.nextTick(() => stream.uncork())
}

/** The servers that hold keys. */
export function serversOf(client: Client): readonly Redis[] {
  return client instanceof Redis ? [client] : client.nodes('master')
}
