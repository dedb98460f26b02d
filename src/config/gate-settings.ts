// The table of settings, the part of gates: what a candidate has to pass before every raise. A gate
// is an item of a list and of one kind; the same items stand in a strategy and in its steps.

import { count, duration, percentage, type Setting, setting } from './setting.ts'
import { readUrl, text } from './words.ts'

const AT = 'deploy_strategy.gate'

export const GATE = {
  name: text(`${AT}.name`, {
    type: 'text',
    rule: 'a text of 1 to 100 characters',
    pattern: /^[^\p{Cc}]{1,100}$/u,
    why: 'As messages call the gate; without it its scenario, program or host is its name.',
  }),
  timeout: duration(`${AT}.timeout`, {
    min: '1s',
    max: '30d',
    default: '5m',
    why: 'Without a report within this time the gate has failed. A manual one waits for 1d.',
  }),
} as const

/** A person is not asked for five minutes only. */
export const MANUAL_TIMEOUT = '1d'

export const GATE_SYNTHETIC: Setting<string> = text(`${AT}.synthetic`, {
  type: 'scenario',
  rule: 'the name of a scenario',
  pattern: /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/,
  why: "A synthetic transaction straight to the candidate's targets, with the scenario's assertions.",
})

export const GATE_MANUAL: Setting<string> = text(`${AT}.manual`, {
  type: 'text',
  rule: 'a text of 1 to 100 characters, such as who is asked',
  pattern: /^[^\p{Cc}]{1,100}$/u,
  why: 'A person: the gate is passed when somebody says promote.',
})

export const GATE_COMMAND: Setting<string> = text(`${AT}.command`, {
  type: 'list of texts',
  rule: 'a program and its arguments, each a text',
  pattern: /^[^\0]{1,4096}$/,
  why:
    'A program with its arguments, without a shell; exit code 0 passes. It runs in the directory of ' +
    'the config, with VERTEX_SERVICE, _VERSION, _TARGETS, _ROLLOUT and _WEIGHT.',
})

export const GATE_WEBHOOK: Setting<string> = setting(`${AT}.webhook`, {
  type: 'URL',
  unit: '',
  rule: 'an http or https URL',
  schema: { type: 'string', pattern: '^https?://' },
  why: 'Receives a POST that tells of the candidate; 2xx passes. A secret belongs into token_file.',
  read: readUrl,
})

export const GATE_TOKEN_FILE: Setting<string> = text(`${AT}.token_file`, {
  type: 'file',
  rule: 'the path of a file',
  pattern: /^[^\0]+$/,
  why: 'A file, relative to the config, whose content the webhook is sent as a bearer token.',
})

export const GATE_MIRROR = {
  minRequests: count(`${AT}.mirror.min_requests`, {
    min: '1',
    max: '1000000000',
    default: '100',
    why: 'The gate waits for so many mirrored requests; fewer say little.',
  }),
  errorRate: percentage(`${AT}.mirror.error_rate`, {
    min: '0%',
    max: '100%',
    why: 'Of mirrored requests at most so many may fail.',
  }),
  p99Latency: duration(`${AT}.mirror.p99_latency`, {
    min: '1ms',
    max: '1h',
    why: 'The p99 of mirrored requests may be so large at most.',
  }),
  mismatchRate: percentage(`${AT}.mirror.mismatch_rate`, {
    min: '0%',
    max: '100%',
    why: "Of the compared answers at most so many may differ from stable's in more than noise.",
  }),
} as const
