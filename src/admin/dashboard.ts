// Serves the dashboard's three files, read once at the start. The page is static and holds no
// data: what it shows it asks of the API, under the API's own rules. Nothing from elsewhere may
// run in it.

import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const FILES = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/dashboard.js', file: 'dashboard.js', type: 'text/javascript; charset=utf-8' },
  { path: '/dashboard.css', file: 'dashboard.css', type: 'text/css; charset=utf-8' },
] as const

/** Registers `/` and the files that the page loads. */
export function dashboardRoutes(app: FastifyInstance): void {
  for (const { path, file, type } of FILES) {
    const text = readFileSync(new URL(`./page/${file}`, import.meta.url), 'utf8')
    app.get(path, { schema: { hide: true } }, (_, reply) =>
      reply.header('content-type', type).header('content-security-policy', POLICY).send(text),
    )
  }
}
