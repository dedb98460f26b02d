// A target as it is written (`http://127.0.0.1:9001`) and as it is dialled (host and port). Only
// plain http with a host and perhaps a port: a path, a query or a user would be silently ignored
// otherwise.

import type { Problem } from './problem.ts'

export interface TargetAddress {
  /** `http://host:port`, the port always written: one form for one target. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly authority: string
}

/** The address of a target, or null when the text is not one. */
export function readTargetAddress(text: string): TargetAddress | null {
  const url = URL.parse(text)
  if (url === null || url.protocol !== 'http:' || url.hostname === '') return null
  if (url.username !== '' || url.password !== '') return null
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') return null
  const port = url.port === '' ? 80 : Number(url.port)
  if (port === 0) return null
  const authority = `${url.hostname}:${port}`
  // An IPv6 address is dialled without its brackets.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { url: `http://${authority}`, host, port, authority }
}

/** The targets in their one form, each once, or what is wrong with one of them. */
export function readTargets(
  texts: readonly string[],
): { targets: readonly string[] } | { problem: Problem } {
  const targets = new Set<string>()
  for (const text of texts) {
    const address = readTargetAddress(text)
    if (address === null) {
      return {
        problem: {
          status: 422,
          code: 'bad-target',
          title: 'Bad target',
          detail: `Cannot use a target as it must be http://host:port: current value is ${text}`,
        },
      }
    }
    targets.add(address.url)
  }
  return { targets: [...targets] }
}
