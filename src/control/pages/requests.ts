// What is sent to each kind of receiver, in the words of its own documentation: PagerDuty's Events
// API v2 (a trigger and a resolve with the same dedup_key, a summary of 1,024 characters), Slack's
// incoming webhooks (text with `& < >` escaped, blocks of 3,000 characters), Alertmanager's API v2
// (alerts are the same when their labels are), or a webhook in the operator's own form. Pure: the
// same incident gives the same request.

import type { ReceiverConfig } from '../../config/config.ts'
import { fillTemplate } from '../../core/page-template.ts'
import type { Incident, Page } from './incident.ts'

const SUMMARY_LENGTH = 1024
const SLACK_LENGTH = 3000
/** An alert without news ends after so long; it is sent again each minute while it is open. */
const ALERT_MS = 86_400_000

export interface Outgoing {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Notice {
  readonly incident: Incident
  readonly page: Page
  /** The name of this machine. */
  readonly source: string
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

/** Cuts to a number of UTF-16 units without cutting a character in half. */
export function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text
  const cut = text.slice(0, longest - 1)
  return `${cut.replace(/[\uD800-\uDBFF]$/, '')}…`
}

/** The sentences of an explanation, where the evidence is one. */
function sentencesOf(evidence: unknown): string {
  const { evidence: parts } = (evidence ?? {}) as { evidence?: unknown }
  if (!Array.isArray(parts)) return ''
  const texts = parts.map((part: { text?: unknown } | null) => part?.text)
  return texts.filter((text) => typeof text === 'string').join(' ')
}

/** The request that tells a receiver of a page. */
export function requestFor(receiver: ReceiverConfig, notice: Notice): Outgoing {
  const { body, path } = contentFor(receiver, notice)
  const url = new URL(receiver.url)
  if (path !== undefined && !url.pathname.endsWith(path)) {
    url.pathname = url.pathname.replace(/\/+$/, '') + path
  }
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (url.username !== '' || url.password !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`
    url.username = ''
    url.password = ''
  }
  return { url, headers: { ...headers, ...receiver.headers }, body }
}

function contentFor(receiver: ReceiverConfig, notice: Notice): { body: string; path?: string } {
  switch (receiver.kind) {
    case 'webhook':
      return { body: webhookBody(receiver.body, notice) }
    case 'pagerduty':
      return { body: JSON.stringify(pagerDutyEvent(receiver.routingKey, notice)) }
    case 'slack':
      return { body: JSON.stringify(slackMessage(notice)) }
    case 'alertmanager': {
      const alert = alertOf(receiver.labels, notice)
      return { body: JSON.stringify([alert]), path: '/api/v2/alerts' }
    }
  }
}

function webhookBody(template: string | null, { incident, page, source }: Notice): string {
  const { action, at, evidence, id, severity, text } = page
  const { id: rollout, key, openedAt, service } = incident
  const version = incident.version ?? ''
  if (template !== null) {
    return fillTemplate(template, {
      ...{ action, at, evidence, id, severity, text, rollout, service, source, version },
      ...{ incident: key, opened_at: openedAt },
    })
  }
  const about = { incident: key, action, severity, rollout, version: incident.version, openedAt }
  return JSON.stringify({ service, text, evidence, at, id, ...about, source })
}

function pagerDutyEvent(routingKey: string, { incident, page, source }: Notice): object {
  const { key, service, version } = incident
  const event = { routing_key: routingKey, dedup_key: key }
  if (page.action === 'resolve') return { ...event, event_action: 'resolve' }
  const { at, evidence, severity, text } = page
  return {
    ...event,
    event_action: 'trigger',
    client: 'Vertex',
    payload: {
      summary: shortened(text, SUMMARY_LENGTH),
      source,
      severity,
      timestamp: at,
      component: version ?? service,
      group: service,
      class: 'rollout',
      custom_details: { text, why: sentencesOf(evidence), rollout: incident.id, version, evidence },
    },
  }
}

const SLACK_ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** Escaped as Slack asks for, and not longer than a block may be, with whole characters. */
function slackText(text: string, longest = SLACK_LENGTH): string {
  let escaped = ''
  for (const character of text) {
    const next = SLACK_ESCAPES[character] ?? character
    if (escaped.length + next.length >= longest) return `${escaped}…`
    escaped += next
  }
  return escaped
}

const SLACK_SIGN: Readonly<Record<Page['action'], string>> = {
  open: ':rotating_light:',
  update: ':information_source:',
  resolve: ':white_check_mark: resolved:',
}

function slackMessage({ incident, page, source }: Notice): object {
  const { action, at, evidence, severity, text } = page
  const line = slackText(`${SLACK_SIGN[action]} ${text}`)
  const why = sentencesOf(evidence)
  const about = `${severity} | rollout ${incident.id} | ${source} | ${at} | ${incident.key}`
  const section = (content: string): object => ({
    type: 'section',
    text: { type: 'mrkdwn', text: content, verbatim: true },
  })
  return {
    text: line,
    blocks: [
      section(line),
      ...(why === '' ? [] : [section(slackText(why))]),
      { type: 'context', elements: [{ type: 'mrkdwn', text: slackText(about), verbatim: true }] },
    ],
  }
}

function alertOf(labels: Readonly<Record<string, string>>, notice: Notice): object {
  const { incident, nowMs, page, source } = notice
  const { id, key, openedAt, service, severity, version } = incident
  const startMs = Date.parse(openedAt)
  // The wall clock may have gone back, and an alert that ends before it starts is refused.
  const endMs =
    page.action === 'resolve' ? Math.max(startMs, Date.parse(page.at)) : nowMs + ALERT_MS
  const about = version === null ? { service } : { service, version }
  return {
    labels: { ...labels, alertname: 'VertexIncident', ...about, severity, incident: key },
    annotations: {
      summary: shortened(page.text, SUMMARY_LENGTH),
      description: sentencesOf(page.evidence) || page.text,
      rollout: id,
      source,
    },
    startsAt: new Date(startMs).toISOString(),
    endsAt: new Date(endMs).toISOString(),
  }
}
