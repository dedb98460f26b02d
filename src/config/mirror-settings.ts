// The table of settings, fifth part: shadow mode (the block `mirror` of a service). The rules of
// the table stand in node-settings.ts.

import { isJsonPath } from '../core/mirror/json-path.ts'
import { count, duration, flag, percentage, setting } from './setting.ts'
import { headerName } from './words.ts'

export const MIRROR = {
  share: percentage('mirror.share', {
    min: '0%',
    max: '100%',
    default: '100%',
    why:
      'The share of live requests that is mirrored while a rollout has its candidate at 0 %. All: ' +
      'who writes the block wants to see as much as there is, and `in_flight` bounds the cost.',
  }),
  bodies: flag('mirror.bodies', {
    default: 'off',
    why:
      'Whether requests with a body of up to `limits.kept_body` are mirrored too. Off, as they ' +
      'are mostly those that change something.',
  }),
  inFlight: count('mirror.in_flight', {
    min: '1',
    max: '1024',
    default: '64',
    why:
      'Mirrored requests that an edge thread may have under way; beyond it they are dropped and ' +
      'counted. 64 carry 1,000 req/s of 50 ms, in at most 16 MiB.',
  }),
  timeoutMs: duration('mirror.timeout', {
    min: '10ms',
    max: '1m',
    default: '5s',
    why: 'For connection, head and body of a mirrored request together; later is an error.',
  }),
} as const

export const MIRROR_METHOD = setting('mirror.methods', {
  type: 'list of methods',
  unit: '',
  rule: 'a method in capitals such as GET, and not CONNECT or TRACE',
  schema: { type: 'string', pattern: '^[A-Z][A-Z-]{0,31}$' },
  why:
    'Whose requests are mirrored: GET and HEAD by default. Any other happens once more, in the ' +
    'candidate: name it only where that is harmless.',
  read: (text) => (/^(?!(?:CONNECT|TRACE)$)[A-Z][A-Z-]{0,31}$/.test(text) ? text : undefined),
})

export const COMPARE_HEADER = {
  ...headerName('mirror.compare.headers', {
    why: 'Headers that must be the same in both answers, besides the status. None by default.',
  }),
  type: 'list of headers',
}

export const COMPARE = {
  body: flag('mirror.compare.body', {
    default: 'on',
    why:
      'Whether bodies of up to 64 KiB are compared, JSON by its values. What differs between two ' +
      'answers of stable is left out by itself.',
  }),
} as const

export const COMPARE_IGNORE = setting('mirror.compare.ignore', {
  type: 'list of JSON paths',
  unit: '',
  rule: 'a JSON path such as $.order.total, $.items[*].id or $["odd name"]',
  schema: { type: 'string', pattern: '^\\$' },
  why: 'Places in JSON bodies, with all that lies within, that may differ.',
  read: (text) => (isJsonPath(text) ? text : undefined),
})
