// The verbs about one version: `retry` lifts its quarantine, `targets` replaces its targets.

import { change } from './change.ts'
import { type Context, splitWords } from './context.ts'

export async function retry(context: Context, words: readonly string[]): Promise<number> {
  const { service, last } = splitWords(words)
  const path = `/quarantine/${encodeURIComponent(last)}`
  return change(context, { service, request: { method: 'DELETE', path } })
}

export async function targets(
  context: Context,
  words: readonly string[],
  urls: readonly string[],
): Promise<number> {
  const { service, last } = splitWords(words)
  const path = `/versions/${encodeURIComponent(last)}/targets`
  return change(context, { service, request: { method: 'PUT', path, body: { targets: urls } } })
}
