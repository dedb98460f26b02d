// The HTTP client of checks and gates, read when the first of them asks: most nodes have none, and
// reading its hundred files would hold up the start of all.

import { createRequire } from 'node:module'

type Undici = typeof import('undici')

let read: Undici | null = null

export function undici(): Undici {
  read ??= createRequire(import.meta.url)('undici') as Undici
  return read
}
