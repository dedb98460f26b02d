// The table of settings, third part: what the wire is told besides time limits and sizes. What a
// node takes from clients and adds on the way (ACCEPT, FORWARDING, ACCESS_LOG), and how a service
// repeats requests and looks after its targets (REPLAY, RESCUE_BUDGET, HEALTH, HEALTH_CHECK). The
// rules of the table stand in node-settings.ts.

import { count, duration, flag, percentage, setting, word } from './setting.ts'
import { readRequestPath, text } from './words.ts'

export const ACCEPT = {
  nonAsciiTarget: flag('accept.non_ascii_target', {
    default: 'off',
    why:
      'Whether raw bytes above 0x7F may stand in a target. RFC 3986 wants them encoded, and ' +
      'servers decode them differently.',
  }),
  doubleQuestionMark: flag('accept.double_question_mark', {
    default: 'off',
    why:
      "Whether a query may itself begin with `?` (`/a??b`). Browsers' URLSearchParams drops it, " +
      'others make it part of the first name, so a filter and the app could disagree.',
  }),
} as const

export const FORWARDING = {
  via: text('forwarding.via', {
    default: 'vertex',
    type: 'word',
    rule: 'a token of at most 64 characters',
    pattern: /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/,
    why:
      'Our name in Via. A request that carries it twice is a loop (508), so nodes that stand ' +
      'behind each other on purpose need names of their own.',
  }),
  forwarded: flag('forwarding.forwarded', {
    default: 'off',
    why: 'Whether the Forwarded field of RFC 7239 is written too; few apps read it.',
  }),
  proxyAuthorization: flag('forwarding.proxy_authorization', {
    default: 'off',
    why:
      'Whether Proxy-Authorization reaches the target. Off: credentials for a proxy are no ' +
      "app's business.",
  }),
} as const

export const HALF_CLOSE = word('half_close', {
  words: ['gone', 'serve'],
  default: 'gone',
  why:
    'What a client that ends its side after a whole request is: gone, as it cannot be told from ' +
    'a close (the rule of nginx), or still to be answered. A tunnel may end one way first; then it ' +
    'has timeouts.tunnel_drain.',
})

export const ACCESS_LOG = {
  to: text('access_log.to', {
    default: 'off',
    type: 'off, stdout or a path',
    rule: 'off, stdout or the path of a file',
    // Whoever writes one of these does not mean a file of that name.
    pattern: /^(?!(?:on|yes|no|true|false|stderr)$)[^\0]+$/,
    why: 'Where one JSON line a request goes; a path is relative to the config file.',
  }),
  sample: percentage('access_log.sample', {
    min: '0%',
    max: '100%',
    default: '100%',
    why: 'The share of good requests that is logged; failed ones always are.',
  }),
} as const

export const ACCESS_LOG_REDACT = text('access_log.redact', {
  type: 'list of words',
  rule: 'the name of a query parameter',
  pattern: /^[^\s&=?#]{1,128}$/,
  why:
    'Query parameters whose values are not logged, besides token, key, password, secret, ' +
    'signature, code and their like. Headers and bodies never are.',
})

// --- a service ----------------------------------------------------------------------------------

export const REPLAY = {
  putDelete: flag('replay.put_delete', {
    default: 'off',
    why:
      'Whether PUT and DELETE may be sent again, as GET, HEAD and OPTIONS are; idempotent by the ' +
      'RFC, but not in every app.',
  }),
  idempotencyKey: flag('replay.idempotency_key', {
    default: 'off',
    why:
      'Whether any request with an Idempotency-Key may be sent again; the app must know the key ' +
      'on all its versions.',
  }),
} as const

export const RESCUE_BUDGET = {
  share: percentage('rescue_budget.share', {
    min: '0%',
    max: '100%',
    default: '20%',
    why: "Rescues under way at a time, of stable's requests in flight; more could sink stable too.",
  }),
  atLeast: count('rescue_budget.at_least', {
    min: '0',
    max: '100000',
    default: '16',
    why:
      'Rescues that a thread may always have under way. Three would do on average; a pause of ' +
      '200 ms lets ten failures end together.',
  }),
} as const

export const HEALTH = {
  failures: count('health.failures', {
    min: '1',
    max: '1000000',
    default: '5',
    why:
      'Requests in a row without an answer, or with one of 500 and above, that eject a target. As ' +
      "Envoy's outlier detection.",
  }),
  ejectionMs: duration('health.ejection', {
    min: '1s',
    max: '1h',
    default: '30s',
    why: 'How long an ejected target is left out, times how often that happened.',
  }),
  longestEjectionMs: duration('health.longest_ejection', {
    min: '1s',
    max: '1d',
    default: '5m',
    why: '… and at most so long.',
  }),
  ejectedShare: percentage('health.ejected', {
    min: '0%',
    max: '100%',
    default: '50%',
    why: "The most of a version's targets that may be out at a time; the last one never is.",
  }),
  slowStartMs: duration('health.slow_start', {
    min: '0',
    max: '15m',
    default: '10s',
    why:
      'How long a target that has come back gets a growing share of its requests, so that cold ' +
      'caches do not throw it out again; 0: all at once.',
  }),
} as const

export const HEALTH_CHECK_PATH = setting('health_check.path', {
  type: 'path',
  unit: '',
  rule: 'a path that begins with a slash, with a query or without',
  schema: { type: 'string', pattern: '^/' },
  why: 'Asked of each target by GET; a status of 200 to 399 is well.',
  read: readRequestPath,
})

export const HEALTH_CHECK = {
  intervalMs: duration('health_check.interval', {
    min: '100ms',
    max: '1h',
    default: '2s',
    why: 'Between two checks of a target. Three failures then take 6 s, as in HAProxy.',
  }),
  timeoutMs: duration('health_check.timeout', {
    min: '10ms',
    max: '1m',
    default: '1s',
    why: 'For connection, head and body of a check together.',
  }),
  up: count('health_check.up', {
    min: '1',
    max: '100',
    default: '2',
    why: 'Good checks in a row that bring a target back.',
  }),
  down: count('health_check.down', {
    min: '1',
    max: '100',
    default: '3',
    why: 'Failed checks in a row that take a target out, unless it is the last one.',
  }),
} as const
