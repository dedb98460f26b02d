// The table of settings, the part of on-call: who receives a page and how. Whatever opens a door
// (keys, headers, also a URL, which may be a password as a whole, as Slack's is) is a secret: it is
// not shown in any message, and can stand in a file of its own instead of in the config.

import { PLACEHOLDERS, templateComplaint } from '../core/page-template.ts'
import { flag, type Row, type Setting, setting } from './setting.ts'
import { readUrl, text } from './words.ts'

function url(name: string, row: Row): Setting<string> {
  return setting(name, {
    ...row,
    type: 'URL',
    unit: '',
    rule: 'an http or https URL',
    secret: true,
    schema: { type: 'string', pattern: '^https?://' },
    read: readUrl,
  })
}

function secret(name: string, row: Row & { rule: string; pattern: RegExp }): Setting<string> {
  return { ...text(name, { ...row, type: 'secret' }), secret: true }
}

/** The path of a file that holds a secret, relative to the config. */
function secretFile(name: string, why: string): Setting<string> {
  return text(name, { type: 'file', rule: 'the path of a file', pattern: /^[^\0]+$/, why })
}

function header(name: string, why: string): Setting<string> {
  const rule = 'a header value without control characters'
  return secret(name, { rule, pattern: /^[\x20-\x7e\x80-\xff]*$/, why })
}

/** Headers of a receiver's requests, and files that hold them. */
function headersOf(path: string): { header: Setting<string>; headerFile: Setting<string> } {
  return {
    header: header(`${path}.headers.NAME`, 'Headers of its requests, such as an authorization.'),
    headerFile: secretFile(
      `${path}.header_files.NAME`,
      'Files with the values of headers; a file is read at the start and at a reload.',
    ),
  }
}

export const PAGE_WEBHOOK = url('page.webhook', {
  why: 'Receives one POST with a JSON body for each incident; more receivers, and other kinds, stand in page.receivers.',
})

export const PAGE_HEADER = header(
  'page.headers.NAME',
  'Headers of that POST, such as an authorization.',
)

export const RECEIVER_WEBHOOK = {
  url: url('page.receivers.NAME.webhook.url', {
    why: 'Receives a POST of JSON when an incident opens and when it has ended well.',
  }),
  urlFile: secretFile('page.receivers.NAME.webhook.url_file', 'A file that holds the URL.'),
  body: setting('page.receivers.NAME.webhook.body', {
    type: 'template',
    unit: '',
    rule: `JSON with placeholders: ${PLACEHOLDERS.map((name) => `{{${name}}}`).join(', ')}`,
    schema: { type: 'string' },
    why: 'What is sent, with {{…}} filled in and escaped; without it all of it is sent.',
    objection: (value) => templateComplaint(value) ?? undefined,
    read: (value) => (templateComplaint(value) === null ? value : undefined),
  }),
  updates: flag('page.receivers.NAME.webhook.updates', {
    default: 'off',
    why: 'Whether further pages about an open incident are sent: off, as a webhook may wake somebody each time.',
  }),
} as const

export const WEBHOOK_HEADERS = headersOf('page.receivers.NAME.webhook')

export const RECEIVER_PAGERDUTY = {
  routingKey: secret('page.receivers.NAME.pagerduty.routing_key', {
    rule: 'an integration key of 32 letters and digits',
    pattern: /^[A-Za-z0-9]{32}$/,
    why: 'The integration key of a PagerDuty service (Events API v2).',
  }),
  routingKeyFile: secretFile(
    'page.receivers.NAME.pagerduty.routing_key_file',
    'A file that holds the integration key.',
  ),
  url: url('page.receivers.NAME.pagerduty.url', {
    default: 'https://events.pagerduty.com/v2/enqueue',
    why: 'The Events API v2; accounts in the EU have events.eu.pagerduty.com.',
  }),
} as const

export const RECEIVER_SLACK = {
  url: url('page.receivers.NAME.slack.url', {
    why: "A Slack incoming webhook's URL, which is a secret as a whole.",
  }),
  urlFile: secretFile('page.receivers.NAME.slack.url_file', 'A file that holds the URL.'),
} as const

export const RECEIVER_ALERTMANAGER = {
  url: url('page.receivers.NAME.alertmanager.url', {
    why: "An Alertmanager's address, to which /api/v2/alerts is added. Name each one of a cluster.",
  }),
  urlFile: secretFile('page.receivers.NAME.alertmanager.url_file', 'A file that holds the URL.'),
} as const

export const ALERTMANAGER_HEADERS = headersOf('page.receivers.NAME.alertmanager')

export const ALERTMANAGER_LABEL = text('page.receivers.NAME.alertmanager.labels.NAME', {
  type: 'text',
  rule: 'a text of 1 to 200 characters',
  pattern: /^.{1,200}$/s,
  why: "More labels of the alert, for Alertmanager's routes.",
})
