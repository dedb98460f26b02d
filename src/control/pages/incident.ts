// An incident as the pager keeps it: what it is about, the pages that belong to it in their order,
// and how many of them each receiver has taken. The first page opens it, the last one resolves it,
// and what comes in between is told to whom it does not wake again. Plain JSON, one file each.

import type { Severity } from '../../core/service.ts'

/** Pages of one incident; more are in the journal only. A rollout causes two or three. */
const MOST_PAGES = 20
/** Evidence beyond it is left out: PagerDuty takes 512 KB, and a page is for people. */
const MOST_EVIDENCE_BYTES = 256 * 1024

export type Action = 'open' | 'update' | 'resolve'

export interface Page {
  /** The same for every attempt and every receiver, so that a repetition can be told. */
  readonly id: string
  readonly action: Action
  readonly severity: Severity
  /** One sentence. */
  readonly text: string
  readonly evidence: unknown
  /** ISO 8601. */
  readonly at: string
}

export interface Incident {
  /** The id of its rollout, or of a fault of ours. */
  readonly id: string
  /** What receivers know it by: unique over installations. */
  readonly key: string
  readonly service: string
  readonly version: string | null
  /** ISO 8601. */
  readonly openedAt: string
  /** Of the first page: receivers sort and route by it, so it stays. */
  readonly severity: Severity
  readonly resolved: boolean
  readonly pages: readonly Page[]
  /** How many of the pages each receiver has taken, by its name. */
  readonly sent: Readonly<Record<string, number>>
}

/** What is added to an incident. */
export interface NewPage {
  readonly action: 'page' | 'resolve'
  readonly severity: Severity
  readonly text: string
  readonly evidence: unknown
  readonly at: string
}

function bounded(evidence: unknown): unknown {
  const bytes = Buffer.byteLength(JSON.stringify(evidence ?? null))
  return bytes <= MOST_EVIDENCE_BYTES ? evidence : { omitted: `${bytes} bytes: see the journal` }
}

/** A new incident without pages. */
export function blankIncident(
  about: Pick<Incident, 'id' | 'key' | 'service' | 'version' | 'severity' | 'openedAt'>,
): Incident {
  return { ...about, resolved: false, pages: [], sent: {} }
}

/** The incident with one page more; the same when that says nothing new. */
export function withPage(incident: Incident, added: NewPage): Incident {
  const { pages, resolved } = incident
  const { at, severity, text } = added
  if (added.action === 'resolve' && resolved) return incident
  if (added.action === 'page' && !resolved && pages.length >= MOST_PAGES) return incident
  const opens = pages.length === 0 || resolved
  const action = added.action === 'resolve' ? 'resolve' : opens ? 'open' : 'update'
  const id = `${incident.key}/${pages.length + 1}/${Date.parse(at)}`
  const page: Page = { id, action, severity, text, evidence: bounded(added.evidence), at }
  return { ...incident, pages: [...pages, page], resolved: action === 'resolve' }
}

/** Receivers that are new hear of what is still open, not of what is over. */
export function withReceivers(incident: Incident, receivers: readonly string[]): Incident {
  const fresh = receivers.filter((name) => incident.sent[name] === undefined)
  if (incident.resolved || fresh.length === 0) return incident
  const none = fresh.map((name) => [name, 0] as const)
  return { ...incident, sent: { ...incident.sent, ...Object.fromEntries(none) } }
}

/** How many pages a receiver has taken; all for one that the incident does not concern. */
export function sentTo({ pages, sent }: Incident, receiver: string): number {
  return sent[receiver] ?? pages.length
}

export function withSent(incident: Incident, receiver: string): Incident {
  const sent = { ...incident.sent, [receiver]: sentTo(incident, receiver) + 1 }
  return { ...incident, sent }
}

/** Whether it is over and everybody knows. */
export function isDone(incident: Incident, receivers: readonly string[]): boolean {
  const { pages, resolved } = incident
  return resolved && receivers.every((name) => sentTo(incident, name) >= pages.length)
}

/** What is wrong with the form of a saved incident; null when it can be used. */
export function complaintOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return 'it is no object'
  const { id, key, openedAt, pages, sent, service } = value as Partial<Incident>
  const texts = [id, key, service, openedAt]
  if (texts.some((text) => typeof text !== 'string')) return 'it has no name'
  if (!Array.isArray(pages) || pages.length === 0) return 'it holds no pages'
  const isWhole = (page: Partial<Page>): boolean =>
    typeof page?.text === 'string' && typeof page.action === 'string' && typeof page.at === 'string'
  if (!pages.every(isWhole)) return 'a page of it has no text'
  if (typeof sent !== 'object' || sent === null) return 'it does not say what was sent'
  return null
}
