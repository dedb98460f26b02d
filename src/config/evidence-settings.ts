// The table of settings, fourth part: which requests of a service are evidence for or against a
// version (the block `verdict`). The rules of the table stand in node-settings.ts.

import { duration, orNone, setting, word } from './setting.ts'
import { readPathPrefix } from './words.ts'

export const VERDICT_EXCLUDE = setting('verdict.exclude', {
  type: 'list of paths',
  unit: '',
  rule: 'a path that begins with a slash, without query and dot segments',
  schema: { type: 'string', pattern: '^/' },
  why:
    'Requests under these path prefixes are served as all others but are no evidence, such as the ' +
    "health checks of a load balancer, which would dilute the users' errors.",
  read: readPathPrefix,
})

export const VERDICT = {
  clientErrors: word('verdict.client_errors', {
    words: ['ignore', 'count'],
    default: 'ignore',
    why:
      "Whether a version's 4xx answers are its errors. Ignored, as most are the clients' own; " +
      'count where a 4xx means that the app broke its contract.',
  }),
  slowIsErrorMs: orNone(
    duration('verdict.slow_is_error', {
      min: '100ms',
      max: '1h',
      why:
        'A request whose answer has not begun so long after it was sent is an error at that moment; ' +
        'it goes on. Off, as it would punish long polls; hangs trip the latency test.',
    }),
    'off',
  ),
} as const
