// HAProxy with its default of reusing connections, `http-reuse safe`: the first request of a
// client's connection never takes one that was used before.

import type { Pin } from './children.ts'
import { type Rival, startServer } from './rivals.ts'

export function startSafeHaproxy(place: Pin & { originPort: number }): Promise<Rival> {
  const config = (port: number): string => `
global
  nbthread 1
defaults
  mode http
  option forwardfor
  http-reuse safe
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend edge
  bind 127.0.0.1:${port}
  default_backend app
backend app
  server one 127.0.0.1:${place.originPort}
`
  return startServer('haproxy', { place, config, args: ['-db', '-f'] })
}
