// The table of settings, first half: what belongs to the node. One row each; to add a setting, add
// a row here, put it into schema.ts and give it a field in config.ts: the check, the default, the
// editors' schema and OPERATING.md follow by themselves. A row says why its default is what it is.

import { count, duration, orNone, setting, size, word } from './setting.ts'
import { address, readBlock, readPathPrefix, text } from './words.ts'

export const NODE = {
  listen: address('listen', {
    default: '127.0.0.1:8080',
    why: 'Where clients are served. Loopback until someone decides otherwise.',
  }),
  admin: address('admin', {
    default: '127.0.0.1:9900',
    why: 'Where the admin API is served. Anything but loopback needs an admin token.',
  }),
  threads: setting<number | 'auto'>('threads', {
    default: 'auto',
    type: 'number or auto',
    unit: 'threads',
    rule: 'auto or a whole number from 1 to 256',
    schema: { type: ['integer', 'string'], pattern: '^(auto|[1-9]\\d{0,2})$' },
    why:
      'Edge threads; auto is one for each core, since a request costs CPU time and ' +
      'nothing else.',
    read(value) {
      if (value === 'auto') return 'auto'
      return /^\d{1,3}$/.test(value) && +value >= 1 && +value <= 256 ? +value : undefined
    },
  }),
  state: text('state', {
    default: '.vertex',
    type: 'directory',
    rule: 'the path of a directory',
    pattern: /^[^\0]+$/,
    why: 'Where weights, rollouts and the journal survive a restart; relative to the config file.',
  }),
  scenarios: text('scenarios', {
    default: 'scenarios',
    type: 'directory',
    rule: 'the path of a directory',
    pattern: /^[^\0]+$/,
    why:
      'Where the scenarios of synthetic transactions are, one NAME.yaml each; relative to the ' +
      'config file. Only the default one may be missing.',
  }),
  logLevel: word('log_level', {
    words: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    why: 'How much is logged, as JSON lines on standard output: decisions at info, rollbacks at warn.',
  }),
  readinessPath: orNone(
    setting('readiness', {
      type: 'path',
      unit: '',
      rule: 'a path that begins with a slash',
      schema: { type: 'string' },
      why:
        'A path on the data listener that Vertex answers itself, for load balancers ' +
        'that cannot reach the admin API.',
      read: readPathPrefix,
    }),
    'off',
  ),
} as const

export const ADMIN_TOKEN = {
  ...text('admin_token', {
    type: 'secret',
    rule: 'a word of 16 to 512 visible characters',
    pattern: /^[!-~]{16,512}$/,
    why:
      'The bearer token of the admin API; better given by VERTEX_ADMIN_TOKEN or ' +
      'VERTEX_ADMIN_TOKEN_FILE. 16 characters are the least that cannot be guessed.',
  }),
  secret: true,
}

export const TIMEOUTS = {
  connectMs: duration('timeouts.connect', {
    min: '1ms',
    max: '5m',
    default: '5s',
    why: 'To connect to a target; then 504. Longer than one lost SYN (1 s) and two (3 s).',
  }),
  responseHeadMs: duration('timeouts.response_head', {
    min: '10ms',
    max: '1h',
    default: '60s',
    why: "From the request sent to the response's head; then 504. As nginx's proxy_read_timeout.",
  }),
  responseIdleMs: duration('timeouts.response_idle', {
    min: '10ms',
    max: '1h',
    default: '60s',
    why: "Between two pieces of a response's body. As nginx's proxy_read_timeout.",
  }),
  requestHeadMs: duration('timeouts.request_head', {
    min: '10ms',
    max: '5m',
    default: '10s',
    why: "From the first byte of a request's head to its last; then 408. Ends slow-header attacks.",
  }),
  requestIdleMs: duration('timeouts.request_idle', {
    min: '10ms',
    max: '1h',
    default: '60s',
    why: "Between two pieces of a request's body; then 408. As nginx's client_body_timeout.",
  }),
  keepAliveMs: duration('timeouts.keep_alive', {
    min: '0',
    max: '1h',
    default: '75s',
    why:
      "How long a client's connection may wait for its next request. As nginx; 0 turns " +
      'keep-alive off.',
  }),
  upstreamIdleMs: duration('timeouts.upstream_idle', {
    min: '0',
    max: '1h',
    default: '4s',
    why:
      'How long a connection to a target may wait in the pool; under the 5 s after ' +
      'which uvicorn and Node close theirs.',
  }),
  tunnelIdleMs: duration('timeouts.tunnel_idle', {
    min: '1s',
    max: '7d',
    default: '1h',
    why: 'How long a tunnel may be silent both ways.',
  }),
  tunnelDrainMs: duration('timeouts.tunnel_drain', {
    min: '0',
    max: '1d',
    default: '30s',
    why: 'How long tunnels to an aborted version, or at the end of a drain, may go on.',
  }),
  drainDelayMs: duration('timeouts.drain_delay', {
    min: '0',
    max: '10m',
    default: '5s',
    why:
      'How long connections are still accepted after a drain began, so that load ' +
      'balancers see it first.',
  }),
  drainMs: duration('timeouts.drain', {
    min: '0',
    max: '1h',
    default: '30s',
    why:
      'How long requests in flight may take after that. A node is gone within drain_delay and the ' +
      'longer of drain and tunnel_drain: leave it as much grace, 40s by default.',
  }),
} as const

export const LIMITS = {
  headBytes: size('limits.head', {
    min: '1KiB',
    max: '1MiB',
    default: '32KiB',
    why: "A request's head; beyond it 431. Room for large cookies and tokens.",
  }),
  targetBytes: size('limits.target', {
    min: '256B',
    max: '256KiB',
    default: '16KiB',
    why: "A request's target; beyond it 414. Twice what browsers and proxies commonly pass.",
  }),
  headerLines: count('limits.header_lines', {
    min: '8',
    max: '1000',
    default: '100',
    why: "Header lines of a request; beyond it 431. As Apache's LimitRequestFields.",
  }),
  responseHeadBytes: size('limits.response_head', {
    min: '1KiB',
    max: '4MiB',
    default: '64KiB',
    why: "A response's head; beyond it the client gets 502.",
  }),
  responseHeaderLines: count('limits.response_header_lines', {
    min: '8',
    max: '4000',
    default: '256',
    why: 'Header lines of a response; beyond it the client gets 502.',
  }),
  connections: count('limits.connections', {
    min: '1',
    max: '1000000',
    default: '10000',
    why: 'Client connections of an edge thread; bounds its memory to some 2.5 GiB at the worst.',
  }),
  inFlightPerTarget: count('limits.in_flight_per_target', {
    min: '1',
    max: '1000000',
    default: '1024',
    why:
      'Requests in flight to a target, from all edge threads together; beyond it 503 at once. As ' +
      "Envoy's circuit breaker.",
  }),
  connectionsPerTarget: count('limits.connections_per_target', {
    min: '1',
    max: '1000000',
    default: '1024',
    why:
      'Connections to a target, waiting ones included; beyond it 503 at once. Threads share it, so ' +
      'not below their number.',
  }),
  waitingPerTarget: count('limits.waiting_per_target', {
    min: '1',
    max: '1000000',
    default: '1024',
    why: 'Requests that wait for a connection to a target; beyond it 503 at once.',
  }),
  keptBodyBytes: size('limits.kept_body', {
    min: '0',
    max: '1MiB',
    default: '64KiB',
    why: 'The body of a request that may be sent again is kept up to this size; a larger one is not.',
  }),
  interimResponses: count('limits.interim_responses', {
    min: '1',
    max: '1000',
    default: '16',
    why: 'Interim answers (1xx) of a target to one request; beyond it the client gets 502.',
  }),
} as const

export const TRUSTED_PROXY = setting('trusted_proxies', {
  default: '',
  type: 'list of addresses',
  unit: '',
  rule: 'an IP address or a CIDR block such as 10.0.0.0/8',
  schema: { type: 'string' },
  why:
    'Peers whose X-Forwarded-* fields are believed and appended to; those of others are ' +
    'overwritten.',
  read: (value) => (value === '' ? '' : readBlock(value)),
})

export const UPGRADE_PROTOCOL = setting('upgrade_protocols', {
  default: 'websocket',
  type: 'list of words',
  unit: '',
  rule: 'the name of an upgrade protocol other than h2c',
  schema: { type: 'string' },
  why:
    'Upgrades that become tunnels; others are stripped. h2c never passes, as it would ' +
    'hide requests.',
  read(value) {
    const name = value.toLowerCase()
    return name !== 'h2c' && /^[a-z0-9!#$%&'*+.^_`|~/-]{1,64}$/.test(name) ? name : undefined
  },
})

/** What the environment may set instead of the file, as containers like to do. */
export const ENVIRONMENT = {
  VERTEX_LISTEN: NODE.listen,
  VERTEX_THREADS: NODE.threads,
  VERTEX_STATE: NODE.state,
  VERTEX_LOG_LEVEL: NODE.logLevel,
} as const
