// The release, read from the package's own description; `src` and `dist` lie at the same depth.

import { readFileSync } from 'node:fs'

/** The release, such as `0.1.0`. */
export function vertexVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  return version
}
