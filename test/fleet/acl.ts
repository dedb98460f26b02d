// The rules of a user with exactly what a fleet needs, as OPERATING.md tells them.

export const COMMANDS = [
  'resetchannels ~vertex:* &vertex:* -@all',
  '+select +ping +info +time +type +exists +hget +hgetall +hmget +hset +hdel',
  '+xadd +xrevrange +publish +subscribe +eval +evalsha',
].join(' ')

/** In a cluster also these. */
export const CLUSTER_COMMANDS = '+cluster|slots +cluster|info +asking +readonly'
