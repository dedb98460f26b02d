// The table of settings, second half: what belongs to one service, written flat or under
// `services`. The rules of the table stand in node-settings.ts.

import { weightFromPercent } from '../core/weight.ts'
import { count, duration, flag, fraction, orNone, percentage, type Setting } from './setting.ts'
import { setting, size, word } from './setting.ts'
import { headerName, readMatchHost, readPathPrefix, readTarget, token } from './words.ts'

/** A share of the requests, as a weight. */
export function readWeight(value: string): number | undefined {
  const [, percent] = /^(\d+(?:\.\d+)?) ?%?$/.exec(value) ?? []
  return percent === undefined ? undefined : (weightFromPercent(Number(percent)) ?? undefined)
}

export const MATCH_HOST = setting('match.host', {
  type: 'host',
  unit: '',
  rule: 'a host name without port such as shop.example.org or *.example.org',
  schema: { type: 'string' },
  why: 'Requests to this host belong to the service; without it those to any host do.',
  read: readMatchHost,
})

export const MATCH_PATH = setting('match.path', {
  default: '/',
  type: 'path',
  unit: '',
  rule: 'a path that begins with a slash, without query and dot segments',
  schema: { type: 'string', pattern: '^/' },
  why: 'Requests under this path prefix belong to the service; it ends at a segment boundary.',
  read: readPathPrefix,
})

export const TARGET = setting('versions.NAME.targets', {
  type: 'list of URLs',
  unit: '',
  rule: 'a URL of the form http://host:port',
  schema: { type: 'string', pattern: '^http://' },
  why: 'The app servers of a version.',
  objection: (value) =>
    readTarget(value).is === 'https' ? 'https targets are not supported yet' : undefined,
  read: (value) => {
    const target = readTarget(value)
    return target.is === 'target' ? target.url : undefined
  },
})

const SHARE = /^(\S+?)(?:\s*@\s*(\S+?)\s*(%))?$/

export interface Share {
  readonly version: string
  /** Null when none is written. */
  readonly weight: number | null
}

/** `v3.14.158 @ 100%`. */
export function readShare(value: string): Share | undefined {
  const [, version, percent] = SHARE.exec(value) ?? []
  if (version === undefined || version.includes('@')) return undefined
  if (percent === undefined) return { version, weight: null }
  const weight = readWeight(percent)
  return weight === undefined ? undefined : { version, weight }
}

function share(name: string, why: string): Setting<Share> {
  return setting(name, {
    type: 'VERSION @ N%',
    unit: '%',
    rule: 'a version and its share of 0% to 100% with at most two decimals, such as v2 @ 5%',
    schema: { type: 'string' },
    why,
    read: readShare,
  })
}

export const ROUTING = {
  stable: share(
    'routing.stable',
    'The version that is trusted. Its share is what is left to 100 %. none: there is none yet, ' +
      'and the first version that is deployed goes to 100 %. In a fleet this block only starts a ' +
      'service that the fleet does not know yet.',
  ),
  candidate: share('routing.candidate', 'The version on trial; 0 % without a share.'),
} as const

export const SERVICE = {
  rescue: flag('rescue', {
    default: 'on',
    why:
      'Whether stable answers a request that can be replayed and has failed on the candidate, or ' +
      'is slow there when its weight has gone to 0.',
  }),
  versionOverride: orNone(
    headerName('version_override', {
      why:
        'A request header that names the version to be served; off, since anyone could ' +
        'reach an unproven version.',
    }),
    'off',
  ),
  bodyLimitBytes: orNone(
    size('body_limit', {
      min: '0',
      max: '1024GiB',
      default: 'none',
      why:
        'The largest request body; beyond it 413. None, since bodies stream through in ' +
        'bounded memory.',
    }),
    'none',
  ),
} as const

export const AFFINITY_WORD = {
  ...word('affinity', {
    words: ['address', 'off'],
    default: 'off',
    why:
      'Keeps the requests of one customer on one version: address, or a mapping with a ' +
      'cookie or a header.',
  }),
  rule: 'address, off, or a mapping such as { cookie: session } or { header: x-tenant }',
}

export const AFFINITY = {
  cookie: token('affinity.cookie', {
    rule: 'the name of a cookie',
    why:
      'The cookie by which a browser stays on one version. Vertex sets it when it is missing, so ' +
      "it must not be one of the app's own.",
  }),
  header: headerName('affinity.header', {
    why: 'A request header that tells customers apart, such as x-tenant.',
  }),
} as const

export const STEP_WEIGHT = setting('deploy_strategy.steps.weight', {
  type: 'percentage',
  unit: '%',
  rule: 'a percentage above 0% and up to 100% with at most two decimals, such as 12.5%',
  schema: { type: ['string', 'number'], pattern: '^\\d+(\\.\\d{1,2})? ?%?$' },
  why:
    "The candidate's share in this step; the sign may be left out. By default three steps: 5 %, " +
    '25 % and 100 %.',
  read: (value) => readWeight(value) || undefined,
})

export const STEP_OBSERVE = duration('deploy_strategy.steps.observe', {
  min: '0',
  max: '7d',
  default: '60s',
  why:
    'The least time before the next raise; 30s in the first step, where the share is ' +
    'smallest. 0: evidence alone.',
})

export const FIRST_OBSERVE = '30s'
export const DEFAULT_STEPS: readonly string[] = ['5%', '25%', '100%']

export const STRATEGY = {
  type: word('deploy_strategy.type', {
    words: ['canary'],
    default: 'canary',
    why: 'How versions are exchanged; a canary takes over in steps.',
  }),
  bakeMs: duration('deploy_strategy.bake', {
    min: '0',
    max: '7d',
    default: '5m',
    why:
      'How long the old stable stays ready at 100 %: full load shows what a share ' +
      'cannot (pools, caches, leaks), and most of it within minutes.',
  }),
  warmUpMs: duration('deploy_strategy.warm_up', {
    min: '0',
    max: '1h',
    default: '10s',
    why:
      'Latency is not judged for so long after a raise: caches are cold and code is not ' +
      'compiled yet.',
  }),
  warmUpRequests: count('deploy_strategy.warm_up_requests', {
    min: '0',
    max: '1000000',
    default: '30',
    why:
      '… and not before each candidate target has answered so many (at most three times ' +
      'warm_up).',
  }),
  minRequests: count('deploy_strategy.min_requests', {
    min: '0',
    max: '1000000000',
    default: '30',
    why: 'No step ends before the candidate has had so many requests in it.',
  }),
  beta: fraction('deploy_strategy.beta', {
    min: '0.000001',
    max: '0.5',
    default: '0.05',
    why: 'The accepted probability that a raise is granted to a harmful candidate (mode evidence).',
  }),
  harmBudget: count('deploy_strategy.harm_budget', {
    min: '0',
    max: '1000000',
    default: '10',
    why:
      'Errors that the next step may cost: with few requests a raise need not exclude an error ' +
      'rate that costs no more.',
  }),
  maxHoldMs: duration('deploy_strategy.max_hold', {
    min: '0',
    max: '7d',
    default: '10m',
    why:
      'How long a step without proof is held behind its observe time; then on_inconclusive. ' +
      'It runs from the first request of the candidate on: without any, nothing is concluded.',
  }),
  onInconclusive: word('deploy_strategy.on_inconclusive', {
    words: ['pause', 'promote', 'rollback'],
    default: 'pause',
    why:
      'What a step that proved nothing leads to; pause, since neither going on nor going back is ' +
      'safe to decide without evidence.',
  }),
  onGateFailure: word('deploy_strategy.on_gate_failure', {
    words: ['rollback', 'pause'],
    default: 'rollback',
    why:
      'What a gate that is not passed leads to; rollback, since a candidate that fails what it was ' +
      'tried with should have no traffic. It is not quarantined.',
  }),
  suspicion: fraction('deploy_strategy.suspicion', {
    min: '1',
    max: '1000000',
    default: '10',
    why:
      'No raise while an evidence value stands above this; by chance that happens in ' +
      'one rollout of ten.',
  }),
  retainMs: duration('deploy_strategy.retain', {
    min: '0',
    max: '30d',
    default: '1h',
    why:
      'How long rollback can return to the previous stable; its servers must go on ' +
      'running so long.',
  }),
} as const

export const TRIGGER = {
  mode: word('deploy_strategy.rollback_trigger.mode', {
    words: ['evidence', 'threshold'],
    default: 'evidence',
    why:
      'evidence: tests that stay sound however often one looks. threshold: the measured ' +
      'figures as they are.',
  }),
  errorRateThreshold: percentage('deploy_strategy.rollback_trigger.error_rate_threshold', {
    min: '0.0001%',
    max: '49.99%',
    default: '0.1%',
    why: 'The tolerated share of failed requests; with its sign, as 0.1 might as well mean 10 %.',
  }),
  p99LatencyIncrease: percentage('deploy_strategy.rollback_trigger.p99_latency_increase', {
    min: '0.1%',
    max: '10000%',
    default: '20%',
    why: "The tolerated increase of p99 over stable's; with its sign.",
  }),
  alpha: fraction('deploy_strategy.rollback_trigger.alpha', {
    min: '0.000001',
    max: '0.2',
    default: '0.01',
    why: 'The accepted probability that a whole rollout is rolled back falsely (mode evidence).',
  }),
  maxUserErrors: orNone(
    count('deploy_strategy.rollback_trigger.max_user_errors', {
      min: '1',
      max: '1000000000',
      why:
        "So many of the candidate's failures that reached a user end the rollout, whatever the rate: " +
        'those that stable did not answer instead, a request over slow_is_error from that moment on.',
    }),
    'none',
  ),
  minRequests: count('deploy_strategy.rollback_trigger.min_requests', {
    min: '1',
    max: '1000000000',
    default: '100',
    why: 'No judgement before the window holds so many candidate requests (mode threshold).',
  }),
  windowMs: duration('deploy_strategy.rollback_trigger.window', {
    min: '1s',
    max: '60s',
    default: '30s',
    why: 'The length of the window that is measured (mode threshold); 60 s are kept in memory.',
  }),
} as const
