// Reads the scenario of a synthetic transaction: a YAML file with the steps of one transaction and
// how many are begun a second. (What `vertex simulate --scenario` reads is something else, see
// scenario.ts.) Every mistake has its place; what this lets through can be run.

import type { Assertion } from '../core/synthetic.ts'
import type { Step, Template, Transaction } from '../core/transaction/transaction.ts'
import type { Environment } from './document.ts'
import { type Mistake, quote } from './mistake.ts'
import { count, duration, fraction, percentage, setting } from './setting.ts'
import { openFile } from './strategy-file.ts'
import { headerNameOf, readCaptures, readExpectation } from './transaction-expect.ts'
import { Part } from './transaction-place.ts'
import { readJsonTemplate, readTemplate } from './transaction-template.ts'

const why = ''
const RATE = fraction('rate', { min: '0.01', max: '100000', default: '10', why })
const DURATION = duration('duration', { min: '100ms', max: '10m', default: '10s', why })
const WARM_UP = duration('warm_up', { min: '0', max: '10m', default: '0', why })
const TIMEOUT = duration('timeout', { min: '10ms', max: '5m', default: '5s', why })
const CONNECTIONS = count('connections', { min: '1', max: '4096', default: '256', why })
const P99 = duration('p99_latency', { min: '1ms', max: '5m', why })
const ERROR_RATE = percentage('error_rate', { min: '0%', max: '100%', why })
const THROUGHPUT = fraction('throughput', { min: '0.01', max: '90000', why })
const METHOD = setting<string>('method', {
  ...{ type: 'word', unit: '', default: 'GET', schema: { type: 'string' }, why },
  rule: 'GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS',
  read: (text) => (/^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(text) ? text : undefined),
})
const KEYS = [
  ...['steps', 'rate', 'duration', 'warm_up', 'timeout', 'connections', 'assertions'],
] as const
const STEP_KEYS = [
  ...['name', 'method', 'path', 'headers', 'body', 'json', 'expect', 'capture'],
] as const
const ASSERTION_KEYS = ['p99_latency', 'error_rate', 'throughput'] as const
const MOST_STEPS = 50
/** Written by the client that sends, or by the run; another value would break either. */
const OWN_HEADERS: readonly string[] = [
  ...['connection', 'content-length', 'expect', 'keep-alive', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'x-vertex-synthetic', 'traceparent'],
]
/** No space, control or `#` in what stands literally in a path. */
const PATH_TEXT = /^[!-"$-~]*$/
const ONE_CAPTURE = /^\{\{\s*[A-Za-z_]\w*\s*\}\}$/
const HEADER_TEXT = /^[\t -~\u0080-\u00ff]*$/

/** Reads one scenario file; its name is that of the file without `.yaml`. */
export function loadTransaction(source: {
  readonly file: string
  readonly name: string
  readonly env: Environment
}): { readonly transaction: Transaction } | { readonly mistakes: readonly Mistake[] } {
  const { env, file, name } = source
  const { document, mistakes, report } = openFile({ file, env })
  if (mistakes.length > 0) return { mistakes }
  const secrets = new Set<string>()
  const shared = { file, env, document, report, secrets, captured: new Set<string>() }
  const part = new Part(shared, { pointer: '', value: document.value })
  const keys = part.keys(KEYS)
  if (typeof document.value === 'object' && !keys.includes('steps')) {
    part.report('Cannot read the scenario as it needs the key steps')
  }
  const transaction: Transaction = {
    name,
    steps: readSteps(part.child('steps')),
    rate: part.setting(RATE),
    durationMs: part.setting(DURATION),
    warmUpMs: part.setting(WARM_UP),
    timeoutMs: part.setting(TIMEOUT),
    connections: part.setting(CONNECTIONS),
    assertions: readAssertions(part.child('assertions')),
    secrets: [...secrets],
  }
  return mistakes.length > 0 ? { mistakes } : { transaction }
}

function readAssertions(part: Part): readonly Assertion[] {
  part.keys(ASSERTION_KEYS)
  const [p99, errorRate, throughput] = [
    part.optional(P99),
    part.optional(ERROR_RATE),
    part.optional(THROUGHPUT),
  ]
  return [
    ...(p99 === undefined ? [] : [{ metric: 'p99_latency', threshold: p99 } as const]),
    ...(errorRate === undefined ? [] : [{ metric: 'error_rate', threshold: errorRate } as const]),
    ...(throughput === undefined ? [] : [{ metric: 'throughput', min: throughput } as const]),
  ]
}

function readSteps(part: Part): readonly Step[] {
  const names = new Set<string>()
  return part.items(MOST_STEPS).map((item, index) => {
    const step = readStep(item, index)
    if (names.has(step.name)) {
      item.child('name').report(`Cannot name a step ${quote(step.name)} as another has that name`)
    }
    names.add(step.name)
    return step
  })
}

function readStep(part: Part, index: number): Step {
  part.keys(STEP_KEYS)
  const name = part.child('name')
  if (name.isThere && !/^[^\p{C}]{1,64}$/u.test(name.text ?? '')) name.refuse('1 to 64 characters')
  const { body, isJson } = readBody(part)
  const method = part.setting(METHOD)
  if (body !== null && (method === 'GET' || method === 'HEAD')) {
    const rule = 'it is not sent with a body: name another method'
    part.report(`Cannot use the method ${method} of ${part.name} as ${rule}`, 'key')
  }
  const headers = readHeaders(part.child('headers'))
  const hasType = headers.some((header) => header.name === 'content-type')
  const typed = isJson && !hasType ? [{ name: 'content-type', value: ['application/json'] }] : []
  const step: Step = {
    name: name.text ?? `${index + 1}`,
    method,
    path: readPath(part.child('path'), part),
    headers: [...headers, ...typed],
    body,
    expect: readExpectation(part.child('expect')),
    captures: readCaptures(part.child('capture')),
  }
  // Also those that were refused: what follows from a mistake is none of its own.
  for (const name of namesIn(part.child('capture'))) part.file.captured.add(name)
  return step
}

function namesIn({ value }: Part): readonly string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : []
}

function readPath(part: Part, step: Part): Template {
  const { text } = part
  if (!part.isThere) {
    const isMapping = typeof step.value === 'object' && step.value !== null
    if (isMapping) step.report(`Cannot read ${step.name} as it needs the key path`, 'key')
    return ['/']
  }
  // A path that is one captured value, such as a Location, is taken as it is.
  if (text !== undefined && ONE_CAPTURE.test(text))
    return readTemplate(text, { part, form: 'text' })
  const literal = (text ?? '').replaceAll(/\{\{[^{}]*\}\}/g, '')
  if (!PATH_TEXT.test(literal) || !text?.startsWith('/')) {
    part.refuse('a path that begins with a slash, without spaces and #')
    return ['/']
  }
  return readTemplate(text, { part, form: 'path' })
}

function readHeaders(part: Part): Step['headers'] {
  const seen = new Set<string>()
  return part.keys(null).flatMap((key) => {
    const child = part.child(key)
    const name = headerNameOf(child, key)
    if (name === undefined) return []
    if (OWN_HEADERS.includes(name)) {
      child.report(`Cannot send the header ${quote(key)} as Vertex writes it itself`, 'key')
    }
    if (seen.has(name)) {
      child.report(`Cannot send the header ${quote(key)} as it is given twice`, 'key')
    }
    seen.add(name)
    const { text } = child
    if (text === undefined || !HEADER_TEXT.test(text)) {
      child.refuse('a text of one line')
      return []
    }
    const value = readTemplate(text, { part: child, form: 'text' })
    // A secret out of a file may hold anything; it is not shown.
    if (value.some((one) => typeof one === 'string' && !HEADER_TEXT.test(one))) {
      child.report(`Cannot send the header ${quote(key)} as its secret is not one line of text`)
    }
    return [{ name, value }]
  })
}

function readBody(part: Part): { readonly body: Template | null; readonly isJson: boolean } {
  const [text, json] = [part.child('body'), part.child('json')]
  if (text.isThere && json.isThere) {
    json.report(`Cannot use json in ${part.name} as it has a body already`, 'key')
  }
  if (json.isThere) return { body: readJsonTemplate(json), isJson: true }
  if (!text.isThere) return { body: null, isJson: false }
  if (text.text === undefined) {
    text.refuse('a text; what is JSON stands under json')
    return { body: null, isJson: false }
  }
  return { body: readTemplate(text.text, { part: text, form: 'text' }), isJson: false }
}
