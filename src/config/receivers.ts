// Who is told of incidents, from the `page` block of a file. A secret stands in the file, mostly as
// `${VAR}`, or in a file of its own read by beside.ts; none of it appears in a mistake. What this
// lets through can be sent: the URL, the headers and the template have been tried.

import { type BlockContext, readSecret, secretIn } from './beside.ts'
import type { ReceiverConfig } from './config.ts'
import { nameOf, under } from './mistake.ts'
import {
  ALERTMANAGER_HEADERS,
  PAGE_HEADER,
  RECEIVER_ALERTMANAGER,
  RECEIVER_PAGERDUTY,
  RECEIVER_SLACK,
  RECEIVER_WEBHOOK,
  WEBHOOK_HEADERS,
} from './page-settings.ts'
import type { PageDocument, ReceiverPart, Texts } from './schema.ts'
import { type Setting, valueFrom } from './setting.ts'
import { isName, NAME_RULE } from './words.ts'

/** As many as anybody needs; each one costs a look at every open incident. */
const MOST_RECEIVERS = 16
/** The receiver that `page.webhook` stands for. */
const SHORT = 'webhook'
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
/** Written by the client that sends; another value would break the message. */
const OWN_HEADERS: readonly string[] = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
/** Labels that tell one alert from another: ours. */
const OWN_LABELS: readonly string[] = ['alertname', 'incident', 'service', 'severity', 'version']

/** All receivers of a `page` block; reports what cannot be used. */
export function receiversOf(
  page: PageDocument | undefined,
  context: BlockContext,
): readonly ReceiverConfig[] {
  if (page === undefined) return []
  const { isWritten, report } = context
  if (!isWritten('/page/webhook') && !isWritten('/page/receivers')) {
    report('/page', 'Cannot read page as it needs the key webhook or receivers', 'key')
    return []
  }
  const found: ReceiverConfig[] = []
  if (page.webhook !== undefined) {
    const headers = headersFrom(page, { row: PAGE_HEADER, at: '/page', context })
    found.push({
      ...{ kind: 'webhook', name: SHORT, url: page.webhook, headers },
      ...{ body: null, updates: false },
    })
  }
  for (const [name, kinds] of Object.entries(page.receivers ?? {})) {
    const at = under('/page/receivers', name)
    if (!isName(name)) {
      report(at, `Cannot name a receiver ${JSON.stringify(name)} as ${NAME_RULE}`, 'key')
    }
    if (name === SHORT && page.webhook !== undefined) {
      const rule = 'page.webhook has that name: rename it'
      report(at, `Cannot name a receiver ${JSON.stringify(name)} as ${rule}`, 'key')
    }
    const [kind, part] = Object.entries(kinds ?? {})[0] ?? []
    if (kind === undefined || part === undefined) continue
    const receiver = receiverOf({ name, kind, part }, { at: under(at, kind), context })
    if (receiver !== null) found.push(receiver)
  }
  if (found.length > MOST_RECEIVERS) {
    const rule = `at most ${MOST_RECEIVERS} are told: current value is ${found.length}`
    report('/page/receivers', `Cannot page all these receivers as ${rule}`)
  }
  return found
}

interface Place {
  /** The pointer of the receiver's part. */
  readonly at: string
  readonly context: BlockContext
}

function receiverOf(
  found: { name: string; kind: string; part: ReceiverPart },
  place: Place,
): ReceiverConfig | null {
  const { kind, name, part } = found
  const headers = {}
  switch (kind) {
    case 'webhook': {
      const { body, updates, url } = RECEIVER_WEBHOOK
      const where = secretOf(part, { ...place, row: url, key: 'url' })
      return {
        ...{ kind, name, url: where },
        headers: headersFrom(part, { ...place, row: WEBHOOK_HEADERS.header }),
        body: typeof part.body === 'string' ? (body.read(part.body) ?? null) : null,
        updates: valueFrom(updates, part.updates as string | undefined),
      }
    }
    case 'pagerduty': {
      const { routingKey: row, url } = RECEIVER_PAGERDUTY
      const routingKey = secretOf(part, { ...place, row, key: 'routing_key' })
      return {
        kind,
        name,
        url: valueFrom(url, part.url as string | undefined),
        headers,
        routingKey,
      }
    }
    case 'slack':
      return {
        kind,
        name,
        headers,
        url: secretOf(part, { ...place, row: RECEIVER_SLACK.url, key: 'url' }),
      }
    case 'alertmanager': {
      const where = secretOf(part, { ...place, row: RECEIVER_ALERTMANAGER.url, key: 'url' })
      const given = headersFrom(part, { ...place, row: ALERTMANAGER_HEADERS.header })
      return { kind, name, url: where, headers: given, labels: labelsFrom(part, place) }
    }
    default:
      return null // the check of the shape has said so
  }
}

/** The secret under `key` or in the file of `key_file`. Empty when there is none: reported. */
function secretOf(part: ReceiverPart, ask: Place & { row: Setting<string>; key: string }): string {
  const found = secretIn(part, ask)
  if (found !== null) return found
  const { at, context, key } = ask
  const rule = `it needs the key ${key} or ${key}_file`
  context.report(at, `Cannot page by ${nameOf(at)} as ${rule}`, 'key')
  return ''
}

/** Headers and those from files, under lower-case names. */
function headersFrom(
  part: { readonly headers?: Texts; readonly header_files?: Texts },
  ask: Place & { row: Setting<string> },
): Readonly<Record<string, string>> {
  const { at, context, row } = ask
  const found: Record<string, string> = {}
  for (const key of ['headers', 'header_files'] as const) {
    for (const [name, value] of Object.entries(part[key] ?? {})) {
      if (value === undefined) continue
      const pointer = under(under(at, key), name)
      const lower = name.toLowerCase()
      const complaint = headerComplaint(lower, found)
      if (complaint !== null) {
        context.report(
          pointer,
          `Cannot send the header ${JSON.stringify(name)} as ${complaint}`,
          'key',
        )
      }
      found[lower] = key === 'headers' ? value : readSecret(value, { row, context, pointer })
    }
  }
  return found
}

function headerComplaint(lower: string, found: Readonly<Record<string, string>>): string | null {
  if (!HEADER_NAME.test(lower)) return 'it is no name of a header'
  if (OWN_HEADERS.includes(lower)) return 'Vertex writes it itself'
  return lower in found ? 'it is given twice' : null
}

function labelsFrom(part: ReceiverPart, { at, context }: Place): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {}
  for (const [name, value] of Object.entries(part.labels ?? {})) {
    const pointer = under(under(at, 'labels'), name)
    if (!LABEL_NAME.test(name)) {
      const rule = 'it must be letters, digits and underscores'
      context.report(pointer, `Cannot use the label ${JSON.stringify(name)} as ${rule}`, 'key')
    }
    if (OWN_LABELS.includes(name)) {
      const rule = 'Vertex writes it itself'
      context.report(pointer, `Cannot use the label ${JSON.stringify(name)} as ${rule}`, 'key')
    }
    if (value !== undefined) labels[name] = value
  }
  return labels
}
